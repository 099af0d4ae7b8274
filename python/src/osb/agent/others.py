"""What an agent's author does with other agents: asks them, starts and ends them."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ..durations import Duration, milliseconds, seconds
from ..errors import OsbError
from ..nameserver import NameServer
from ..proxy import Proxy
from .base import Base
from .spawning import spec


class Others(Base):
    """The part of an agent that is for others."""

    # Other agents.

    @property
    def nameserver(self) -> NameServer:
        """The name server, for all that concerns other agents, by a connection of its own."""
        if self._link is None or self._link.link.closed:
            self._link = NameServer(self._r.boot.dial)
        return self._link

    def proxy(self, agent: str, timeout: Duration = 10.0) -> Proxy:
        """What asks another agent. While it waits, this agent runs no other code, but answers what concerns it."""
        return self.nameserver.proxy(agent, timeout)

    def spawn(self, name: str, command: Optional[Sequence[str]] = None, timeout: Duration = 60.0, **more: Any) -> None:
        """Has the host that has started this agent start another one, and waits until that does its work.

        `more` are `speaks`, `attributes`, `env` and `cwd`, as in a topology.
        """
        host = self._r.boot.host
        if host is None:
            raise OsbError(f"no host has started {self.name}: it cannot have one start others")
        self.nameserver.link.ask(f"host:{host}", "spawn", {"spec": spec(name, command, timeout, more)}, timeout)

    def remove(self, agent: str, timeout: Duration = 10.0) -> None:
        """Has that host end an agent for good that was spawned."""
        params = {"agent": agent, "grace": milliseconds(timeout)}
        self.nameserver.link.ask(f"host:{self._r.boot.host}", "remove", params, seconds(timeout) + 10)
