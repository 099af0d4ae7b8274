"""What has happened to an agent, by what it says of itself: each announcement is compared with the one before it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

#: How often losses of one socket are told, in seconds.
LOSS_INTERVAL = 60.0

Event = Dict[str, Any]
_Leads = Tuple[str, Optional[str], Optional[str]]


class History:
    """What the agent has said last."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._state: Optional[str] = None
        self._sockets: Dict[str, Tuple[str, str]] = {}
        #: Where each connection leads: how it stands, how often it was proven, its address.
        self._wires: Dict[_Leads, Tuple[str, int, Optional[str]]] = {}
        #: What was lost when that was told last, and when that was.
        self._losses: Dict[str, Tuple[Tuple[int, int], float]] = {}

    def on_announced(self, told: Dict[str, Any]) -> List[Event]:
        """The agent says of itself that this is so now. What has happened since it said so last."""
        events: List[Event] = []
        state, self._state = self._state, told["state"]
        if state != self._state:
            event = {"kind": "agent", "of": self._name, "what": "state", "state": self._state}
            events.append({**event, "why": told["why"]} if told.get("why") else event)
        self._on_sockets(told["addresses"], events)
        self._on_wires(told["connections"], events)
        return events

    def _on_sockets(self, addresses: Dict[str, Any], events: List[Event]) -> None:
        before, self._sockets = self._sockets, {
            alias: (it["kind"], it["address"]) for alias, it in addresses.items() if it["role"] == "server"
        }
        for alias in before:
            if alias not in self._sockets:
                events.append({"kind": "socket", "of": f"{self._name}.{alias}", "what": "closed"})
        for alias, (kind, address) in self._sockets.items():
            if before.get(alias) != (kind, address):
                event = {"kind": "socket", "of": f"{self._name}.{alias}", "what": "bound"}
                events.append({**event, "socket": kind, "address": address})

    def _on_wires(self, connections: List[Dict[str, Any]], events: List[Event]) -> None:
        before, self._wires = self._wires, {}
        for it in connections:
            to, address = it.get("to"), it.get("address")
            leads = (it["alias"], to, None if to else address)
            now = (_stands(it["proof"]), it.get("times", 0), address)
            for stands in _steps(before.pop(leads, None), now):
                events.append(self._wire(leads, address, stands))
            self._wires[leads] = now
        for leads, (_, _, address) in before.items():
            events.append(self._wire(leads, address, "removed"))

    def _wire(self, leads: _Leads, address: Optional[str], stands: str) -> Event:
        alias, to, _ = leads
        event = {"kind": "wire", "of": f"{self._name}.{alias}", "to": to, "address": address, "what": stands}
        return {key: value for key, value in event.items() if value is not None}

    def on_losses(self, alias: str, counts: Tuple[int, int], now: float, is_last: bool = False) -> List[Event]:
        """So many messages of that socket are lost by now: dropped, garbled. What was lost since that was told last: a socket
        that loses on and on is told of once a minute, unless it is now or never.
        """
        before, at = self._losses.get(alias, ((0, 0), -LOSS_INTERVAL))
        if counts == before or (now < at + LOSS_INTERVAL and not is_last):
            return []
        self._losses[alias] = (counts, now)
        events = []
        for what, count, former in zip(("dropped", "garbled"), counts, before):
            # A socket that was closed begins to count anew.
            more = count - former if count >= former else count
            if more:
                events.append({"kind": "loss", "of": f"{self._name}.{alias}", "what": what, "count": more})
        return events


def _stands(proof: Any) -> str:
    return proof if isinstance(proof, str) else "proven"


def _steps(was: Optional[Tuple[str, int, Optional[str]]], now: Tuple[str, int, Optional[str]]) -> List[str]:
    """How a connection has come from one standing to the other."""
    if was is None:
        return [now[0]]
    if was[:2] == now[:2]:
        return []
    # It was lost, if it was proven: also where it is dialled anew, or proven anew, at the next look.
    return ["lost", now[0]] if was[0] == "proven" and now[0] != "lost" else [now[0]]
