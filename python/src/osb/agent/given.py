"""What an agent has been given to be: by which spec it goes, and whose it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple


@dataclass
class Given:
    """The spec that the agent goes by, as far as it is needed once it has been carried out.

    `wires` are those that it keeps itself, to agents of its own name server, by their plain names; `former` those that
    it keeps no more and has not left. `timeout` is in seconds. `taken_over`: what sockets were before the spec.
    """

    version: Optional[int] = None
    fault: Optional[Dict[str, Any]] = None
    nameserver: str = ""
    wires: List[Dict[str, Any]] = field(default_factory=list)
    former: List[Tuple[str, str]] = field(default_factory=list)
    timeout: float = 30.0
    taken_over: Dict[str, Tuple[Any, Any, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Dict[str, Any], version: int) -> "Given":
        """What is needed of a spec."""
        nameserver = spec["name"].partition("@")[2]
        given = cls(version, nameserver=nameserver, timeout=spec["start_timeout"] / 1000)
        given.wires = [own for own in map(given.own_wire, spec.get("wires", [])) if own is not None]
        return given

    def own_wire(self, wire: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """A wire of a spec, if the agent keeps it."""
        agent, _, alias = wire["to"].partition(".")
        name, _, nameserver = agent.partition("@")
        if wire.get("resting") or nameserver != self.nameserver:
            return None
        return {**wire, "to": f"{name}.{alias}"}

    def own_name(self, to: str) -> str:
        """A socket of the agent's own name server by its plain name; any other as it is."""
        agent, _, alias = to.partition(".")
        name, _, nameserver = agent.partition("@")
        return f"{name}.{alias}" if nameserver == self.nameserver else to


@dataclass
class Adoption:
    """A system whose the agent is, and what the agent had before."""

    system: str
    sockets: List[str]
    timers: List[str]
    attributes: Dict[str, Any]
    was_preparing: bool
    works: bool = False
