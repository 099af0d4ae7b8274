"""A wire: a connection to another agent's socket, by name. Wherever that socket is, the wire leads there, and is proven."""

from __future__ import annotations

from enum import Enum
from typing import Optional

from ...address import Address

#: How long until a proof that came to nothing is tried again, in seconds.
RETRY = 1.0
#: News of a peer is on its way for a while: a connection that is younger than the peer by less may be to that very one.
NEWS_TRAVEL = 0.5


class Stage(Enum):
    """How far a wire is."""

    RESOLVING = "resolving"
    CONNECTING = "connecting"
    PROVING = "proving"
    PROVEN = "proven"


class Effect(Enum):
    """What the agent does upon an event."""

    #: Connect to the address, and leave the one before it, if it is another.
    DIAL = "dial"
    #: End the connection, and connect to the same address anew.
    REDIAL = "redial"
    #: Have the subscription proven.
    PROVE = "prove"


class Wire:
    """One wire. Times are seconds of one clock."""

    def __init__(self) -> None:
        self.stage = Stage.RESOLVING
        self.address: Optional[Address] = None
        self._dialled = 0.0
        self._connected: Optional[float] = None
        self._prove_at: Optional[float] = None

    @property
    def is_connected(self) -> bool:
        """Whether its handshake was seen, and no end of the connection since."""
        return self._connected is not None

    def found(self, address: Address, uptime: Optional[float], now: float) -> Optional[Effect]:
        """The other socket is there. `uptime` is that of the agent that has it, as far as it is known."""
        if self.address != address:
            self._begin(now)
            self.address = address
            return Effect.DIAL
        if uptime is None:
            return None
        if self._connected is not None:
            # A connection that is older than the process at its other end is stale.
            stale = now - self._connected > uptime + NEWS_TRAVEL
        else:
            # libzmq dials again at intervals: one that has come since then need not wait for that.
            stale = now - uptime > self._dialled
        if not stale:
            return None
        self._begin(now)
        return Effect.REDIAL

    def _begin(self, now: float) -> None:
        self._dialled, self.stage = now, Stage.CONNECTING
        self._connected = self._prove_at = None

    def connected(self, now: float) -> Optional[Effect]:
        """ZeroMQ's handshake was seen."""
        if self.address is None or self._connected is not None:
            return None
        self._connected = now
        if not (self.address.kind.does("publishes") or self.address.kind.does("subscribes")):
            self.stage = Stage.PROVEN
            return None
        self.stage = Stage.PROVING
        return Effect.PROVE

    def lost(self) -> None:
        """The connection has ended; libzmq dials again."""
        self._connected = self._prove_at = None
        if self.stage is not Stage.RESOLVING:
            self.stage = Stage.CONNECTING

    def seen(self) -> None:
        """The publisher has seen the subscription."""
        if self.stage is Stage.PROVING:
            self.stage, self._prove_at = Stage.PROVEN, None

    def unseen(self, now: float) -> None:
        """The publisher did not say that it has."""
        if self.stage is Stage.PROVING:
            self._prove_at = now + RETRY

    def wakes_at(self) -> Optional[float]:
        """When `on_time` wants to be called."""
        return self._prove_at

    def on_time(self, now: float) -> Optional[Effect]:
        """Time has passed."""
        if self._prove_at is None or self._prove_at > now:
            return None
        self._prove_at = None
        return Effect.PROVE
