"""A connection that a socket has made, as its monitor shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from ..address import Address
from ..line import Seen

_REASONS = {
    Seen.BROKEN: "{} broke the handshake off",
    Seen.NOT_ZEROMQ: "what listens at {} does not speak ZeroMQ's protocol",
    Seen.WRONG_KIND: "{} ended the handshake: its socket is of a kind that does not fit",
    Seen.REFUSED: "{} refused the handshake: wrong key or not allowed",
    Seen.NO_WIRE: "{} refused the handshake: no wire leads here; make it a connection of the topology, write the "
    "agent's name to `accept` of that socket, or use `osb connect`",
}


@dataclass
class End:
    """One connection of libzmq's: `at` is what it dials. Times are seconds of one clock."""

    at: str
    since: float
    changed: float = 0.0
    proof: Any = "connecting"
    times: int = 0
    last: Optional[Seen] = None

    @property
    def proven(self) -> bool:
        """Whether its handshake was seen, and no end since."""
        return isinstance(self.proof, dict)

    def note(self, seen: Seen, now: float) -> bool:
        """Takes note. True if that has changed how it stands."""
        before = self.proof
        # A handshake that has failed ends the connection: that says nothing more.
        if seen is not Seen.LOST or self.last not in _REASONS:
            self.last = seen
        if seen is Seen.PROVEN and not self.proven:
            self.proof = {"proven": {"us": max(0, round((now - self.since) * 1e6))}}
            self.times += 1
        elif seen is Seen.LOST and self.proven:
            self.proof, self.since = "lost", now
        elif seen in (Seen.REFUSED, Seen.NO_WIRE) and not self.proven:
            self.proof = "refused"
        if self.proof != before:
            self.changed = now
        return bool(self.proof != before)

    def failure(self) -> Optional[str]:
        """Why it can never be proven, if that was seen."""
        if self.proven or self.last not in _REASONS or self.last is Seen.BROKEN:
            return None
        return _REASONS[self.last].format(self.at)

    def excuse(self, limit: str) -> str:
        """Why it is not proven when its time is up."""
        if self.last in _REASONS:
            return _REASONS[self.last].format(self.at)
        if self.last is Seen.CONNECTED:
            return f"no handshake within {limit}: something listens at {self.at}, and does not speak ZeroMQ"
        return f"no handshake within {limit}: nobody listens at {self.at}"


@dataclass
class Link:
    """A connection to a server's socket; that of a SYNC_SUB has a second end, by which requests go."""

    server: Address
    to: Optional[str]
    ends: Dict[str, End] = field(default_factory=dict)

    @classmethod
    def begin(cls, server: Address, to: Optional[str], now: float) -> "Link":
        """One that is dialled now."""
        ends = [server.address] + ([server.requests] if server.requests else [])
        return cls(server, to, {at: End(at, now, now) for at in ends})

    @property
    def proven(self) -> bool:
        """Whether all its ends are."""
        return all(end.proven for end in self.ends.values())

    @property
    def times(self) -> int:
        """How often it has been proven."""
        return min(end.times for end in self.ends.values())

    def failure(self) -> Optional[str]:
        """Why it can never be proven, if that was seen."""
        return next((end.failure() for end in self.ends.values() if end.failure()), None)

    def excuse(self, limit: str) -> str:
        """Why it is not proven when its time is up."""
        return next((end.excuse(limit) for end in self.ends.values() if not end.proven), "")

    def info(self, alias: str, now: float) -> Dict[str, Any]:
        """As announcements have it."""
        late = [end for end in self.ends.values() if not end.proven]
        shown = late[0] if late else next(iter(self.ends.values()))
        changed = max(end.changed for end in self.ends.values())
        return {
            "alias": alias,
            "kind": self.server.kind.twin.value,
            "to": self.to,
            "address": self.server.address,
            "proof": shown.proof,
            "proof_ms": max(0, round((now - changed) * 1000)),
            "times": self.times,
        }
