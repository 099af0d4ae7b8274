"""The name server, for those who drive a system from outside: scripts, tests, notebooks."""

from __future__ import annotations

import queue
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, TypeVar, Union

from .address import Address
from .dial import Dial, find
from .durations import Duration, milliseconds, seconds, text_of
from .errors import Fault, OsbError, Timeout
from .link import CONTROL_TIMEOUT, Link
from .proxy import Proxy

T = TypeVar("T")

#: States in which an agent's process has ended.
ENDED = frozenset({"stopped", "failed", "ended"})


def connect(address: Optional[str] = None, *, system: Optional[str] = None, key: Optional[str] = None) -> "NameServer":
    """Connects to a name server.

    `address` is `HOST:PORT` or `tcp://HOST:PORT`. Without it: that of `system`, else of `OSB_NAMESERVER`, else of the
    only system that is up on this machine. `key` is a file with a key for a closed system; without it that of
    `OSB_KEY`, or the one by which the system was brought up here. Raises NotFound at once if no name server listens.
    """
    return NameServer(find(address, system, key))


class Watch:
    """What happens in a system, as an iterator; ends when it is closed, or the name server is gone for good.

    The first word is a snapshot, `{"agents": […], "hosts": […]}`, and so is one after the name server was away; others
    are events of specs/protocol.md, such as `{"event": "agent", "change": "state", "agent": {…}}`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._told: "queue.SimpleQueue[Any]" = link.watch()

    def next(self, timeout: Optional[Duration] = None) -> Optional[Dict[str, Any]]:
        """The next word; None at the end. Raises Timeout if there is none in time."""
        try:
            told: Optional[Dict[str, Any]] = self._told.get(timeout=None if timeout is None else seconds(timeout))
        except queue.Empty:
            raise Timeout("nothing has happened in time") from None
        return told

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        for told in iter(self.next, None):
            yield told

    def wait_until(self, what: str, timeout: Duration, reached: Callable[[Dict[str, Any]], Optional[T]]) -> T:
        """Waits until `reached` makes something of a word. Raises Timeout, which names `what`."""
        patience = seconds(timeout)
        until = time.monotonic() + patience
        while True:
            left = until - time.monotonic()
            try:
                told = self.next(max(0.0, left))
            except Timeout:
                raise Timeout(f"{what} took longer than {text_of(round(patience * 1000))}") from None
            if told is None:
                raise OsbError(f"the name server is gone, while {what} was waited for")
            result = reached(told)
            if result is not None:
                return result

    def close(self) -> None:
        """No more is told."""
        self._link.unwatch(self._told)
        self._told.put(None)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class NameServer:
    """A connection to a name server. All threads may use it; a forked child makes its own."""

    def __init__(self, dial: Dial) -> None:
        self.link = Link(dial)

    @property
    def address(self) -> str:
        """Where it listens: `tcp://HOST:PORT`."""
        return self.link.dial.address

    @property
    def is_closed_system(self) -> bool:
        """Whether members are admitted by keys."""
        return self.link.dial.keys is not None

    def ask(self, method: str, params: Optional[Dict[str, Any]] = None, timeout: Duration = CONTROL_TIMEOUT) -> Any:
        """A request of specs/protocol.md, "Asking the name server". Raises Fault."""
        return self.link.ask("", method, params, timeout)

    def ping(self) -> str:
        """The version of the name server."""
        return str(self.ask("ping"))

    def agents(self) -> List[str]:
        """The names of all agents that it knows, also of those that have ended."""
        return [agent["name"] for agent in self.infos()]

    def infos(self) -> List[Dict[str, Any]]:
        """All agents as `osb ls agents -o json` has them: state, host, pid, addresses, connections and more."""
        infos: List[Dict[str, Any]] = self.ask("agents", {"name": None})
        return infos

    def info(self, agent: str) -> Dict[str, Any]:
        """One agent. Raises Fault `unknown_agent`."""
        infos: List[Dict[str, Any]] = self.ask("agents", {"name": agent})
        if not infos:
            raise Fault("unknown_agent", name=agent)
        return infos[0]

    def hosts(self) -> List[Dict[str, Any]]:
        """The host daemons."""
        hosts: List[Dict[str, Any]] = self.ask("hosts")
        return hosts

    def addr(self, agent: str, alias: str) -> Address:
        """Where an agent's socket is; the agent is not asked."""
        return Address.of_json(self.ask("addr", {"agent": agent, "alias": alias}))

    def proxy(self, agent: str, timeout: Duration = CONTROL_TIMEOUT) -> Proxy:
        """What asks that agent; each call may take `timeout`."""
        return Proxy(self, agent, timeout)

    def watch(self) -> Watch:
        """What happens in the system from now on."""
        return Watch(self.link)

    def wait_for_running(self, agents: Union[str, Sequence[str]], timeout: Duration = 10.0) -> None:
        """Waits until these agents run. Raises Fault at once if one has failed, and Timeout."""
        names = [agents] if isinstance(agents, str) else list(agents)
        left = set(names)

        def note(agent: Dict[str, Any]) -> None:
            if agent["name"] in left and agent["state"] in ("running", "unhealthy"):
                left.discard(agent["name"])
            elif agent["name"] in left and agent["state"] == "failed":
                raise Fault("start", agent=agent["name"], reason=_end_of(agent))

        self._follow(f"{', '.join(names)} running", timeout, note, left)

    def wait_for_end(self, agents: Union[str, Sequence[str]], timeout: Duration = 10.0) -> None:
        """Waits until these agents have ended, well or badly, or are not known at all."""
        names = [agents] if isinstance(agents, str) else list(agents)
        left = set(names)

        def note(agent: Dict[str, Any]) -> None:
            if agent["state"] in ENDED:
                left.discard(agent["name"])

        self._follow(f"the end of {', '.join(names)}", timeout, note, left, absent_is_enough=True)

    def _follow(
        self,
        what: str,
        timeout: Duration,
        note: Callable[[Dict[str, Any]], None],
        left: "set[str]",
        absent_is_enough: bool = False,
    ) -> None:
        def reached(told: Dict[str, Any]) -> Optional[bool]:
            if "agents" in told:
                if absent_is_enough:
                    left.intersection_update({agent["name"] for agent in told["agents"]})
                for agent in told["agents"]:
                    note(agent)
            elif told.get("event") == "agent":
                note(told["agent"])
            return True if not left else None

        with self.watch() as watch:
            watch.wait_until(what, timeout, reached)

    def shutdown_agents(self, timeout: Duration = CONTROL_TIMEOUT) -> None:
        """Asks all agents to end, and waits until they have."""
        running = [agent["name"] for agent in self.infos() if agent["state"] not in ENDED]
        for name in running:
            self.link.tell(name, "shutdown", {"grace": milliseconds(timeout)})
        self.wait_for_end(running, timeout)

    def close(self) -> None:
        """Ends the connection; the system goes on."""
        self.link.close()

    def __enter__(self) -> "NameServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<NameServer at {self.address}>"


def _end_of(agent: Dict[str, Any]) -> str:
    end = agent.get("exit") or {}
    how = f"signal {end['signal']}" if end.get("signal") is not None else f"status {end.get('status')}"
    log = "\n".join(end.get("log") or [])
    return f"it has ended with {how}" + (f"\n{log}" if log else "")
