"""Members that look at what passes at the sockets: each is shown it by a socket that is there for that, as far as it has
granted, or by the control connection; and nothing any more when it has not asked for some seconds. All of it is for the
work loop.
"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import zmq

from ..errors import Fault
from ..line import keep_alive
from .admission import DOMAIN, TAP_DOOR
from .core.stream import Stream, Traffic
from .endpoints import CannotBind
from .endpoints import bind as bind_at

if TYPE_CHECKING:
    from .control import Request
    from .run import Run
    from .slot import Slot

#: How many may look at a time.
_MOST = 64
#: For how long one is shown something who does not ask for it again, in seconds.
_LEASE = 10.0
#: For how long is counted what goes through, after the last question.
_RATE_LEASE = 30.0
#: How much the control connection is given at a time, and how often at most.
_PIECE, _PIECE_EVERY = 256 << 10, 0.25
_LARGEST_CREDIT = 64 << 20
#: Those who look send a few bytes at a time; CURVE's handshake has some more.
_LARGEST_FRAME = 4096


class Onlookers:
    """Those of one socket."""

    def __init__(self) -> None:
        self.streams: List[Tuple[Stream, int]] = []
        #: In and out.
        self.traffic: Optional[Tuple[Traffic, Traffic]] = None

    def leave(self) -> None:
        """The socket is closed."""
        for stream, number in self.streams:
            stream.leave(number)

    def note(self, out: bool, sort: int, pair: int, body: Any) -> None:
        """A message passes."""
        # Frames of libzmq have a buffer; arrays are seen as their bytes.
        seen = memoryview(getattr(body, "buffer", body)).cast("B")
        if self.traffic is not None:
            self.traffic[out].note(len(seen), time.monotonic())
        if self.streams:
            now = time.time_ns() // 1000
            for stream, number in self.streams:
                stream.note(number, out, sort, pair, seen, now)


class Tap:
    """One who looks."""

    def __init__(self, stream: Stream, until: float, key: Optional[str]) -> None:
        self.stream, self.until, self.key = stream, until, key
        self.viewer: Optional[bytes] = None
        self.greets = False
        self.credit = 0
        self.asked: "Optional[Tuple[Request, float]]" = None
        self.next_piece = 0.0


class Taps:
    """All of an agent."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._taps: Dict[bytes, Tap] = {}
        self.socket: Any = None
        self._address = ""
        self._measuring: Optional[Tuple[float, float]] = None

    # What is asked.

    def tap(self, params: Dict[str, Any]) -> Dict[str, Any]:
        """Begins to show what passes. Raises a fault."""
        token = bytes.fromhex(params["token"])
        for alias in params.get("aliases") or []:
            self._run.sockets.find(alias)
        if len(token) != 16 or len(self._taps) >= _MOST:
            raise Fault("refused", reason="too many look at this agent already")
        self.untap(token)
        self._open()
        tap = self._taps[token] = Tap(Stream(params), self._run.now() + _LEASE, params.get("key"))
        for slot in self._run.sockets:
            self._admit(tap.stream, slot)
        keys = self._run.boot.dial.keys
        return {"address": self._address, **({"key": keys.public} if keys is not None else {})}

    def keep(self, token: bytes) -> None:
        """It goes on. Raises a fault."""
        self._find(token).until = self._run.now() + _LEASE

    def ask(self, token: bytes, wait: float, request: "Request") -> None:
        """What has passed, by the control connection, is the answer. Raises a fault."""
        tap = self._find(token)
        if tap.asked is not None:
            raise _no_such_tap()
        until = min(self._run.now() + wait, request.until)
        tap.asked, tap.until = (request, until), until + _LEASE

    def untap(self, token: bytes) -> None:
        """It is there no more. With the last, the socket is closed."""
        tap = self._taps.pop(token, None)
        if tap is None:
            return
        for slot in self._run.sockets:
            if slot.onlookers is not None:
                slot.onlookers.streams = [it for it in slot.onlookers.streams if it[0] is not tap.stream]
                _forget_idle(slot)
        if not self._taps:
            self._close()

    def rate(self) -> Dict[str, Any]:
        """How much has gone through, counted from the first time on."""
        now = self._run.now()
        since = self._measuring[0] if self._measuring is not None else now
        self._measuring = (since, now + _RATE_LEASE)
        rates = {}
        for slot in self._run.sockets:
            self.meet(slot)
            traffic = slot.onlookers.traffic
            rates[slot.alias] = {
                "kind": slot.kind.value, "stats": slot.stats(), "queued": 0,
                "received": traffic[0].to_json(), "sent": traffic[1].to_json(),
            }  # fmt: skip
        return {"at_us": round(now * 1e6), "since_us": round(since * 1e6), "sockets": rates}

    def _find(self, token: bytes) -> Tap:
        tap = self._taps.get(token)
        if tap is None:
            raise _no_such_tap()
        return tap

    # Sockets that come.

    def meet(self, slot: "Slot") -> None:
        """A socket is there: those who look at all look at it too."""
        for tap in self._taps.values():
            self._admit(tap.stream, slot)
        if self._measuring is not None:
            onlookers = _onlookers(slot)
            if onlookers.traffic is None:
                onlookers.traffic = (Traffic(), Traffic())

    @staticmethod
    def _admit(stream: Stream, slot: "Slot") -> None:
        there = slot.onlookers.streams if slot.onlookers is not None else []
        if not stream.wants(slot.alias) or any(it[0] is stream for it in there):
            return
        number = stream.enter(slot.alias, slot.kind.value, slot.serializer)
        if number is not None:
            _onlookers(slot).streams.append((stream, number))

    # The socket by which it is shown.

    def _open(self) -> None:
        if self.socket is not None:
            return
        boot = self._run.boot
        it = self._run.control.context.socket(zmq.ROUTER)
        keep_alive(it)
        # One who is not there, or does not read, is not shown anything in vain.
        it.linger, it.maxmsgsize, it.router_mandatory = 0, _LARGEST_FRAME, 1
        if boot.dial.keys is not None:
            it.curve_server, it.curve_secretkey = 1, boot.dial.keys.secret.encode()
            it.zap_domain = f"{DOMAIN}{TAP_DOOR}".encode()
        host = f"[{boot.advertise}]" if ":" in boot.advertise else boot.advertise
        try:
            self._address = bind_at(it, f"tcp://{host}:*", f"tcp://{host}:0")
        except CannotBind as error:
            it.close(0)
            raise Fault("refused", reason=str(error)) from None
        self.socket = it
        for poller in (self._run.sockets.quiet, self._run.sockets.whole):
            poller.register(it, zmq.POLLIN)

    def _close(self) -> None:
        for poller in (self._run.sockets.quiet, self._run.sockets.whole):
            poller.unregister(self.socket)
        self.socket.close(0)
        self.socket = None

    def expects(self, key: str) -> bool:
        """Whether one who looks dials by that key. By whoever drives the line."""
        return any(tap.key == key for tap in list(self._taps.values()))

    def read_grants(self) -> None:
        """Those who look say how much they may be shown."""
        while self.socket is not None:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            tap = self._taps.get(frames[-1][:16])
            if tap is None or len(frames[-1]) != 20:
                continue
            tap.greets |= tap.viewer != frames[0]
            tap.viewer = frames[0]
            tap.credit = min(_LARGEST_CREDIT, tap.credit + int.from_bytes(frames[-1][16:], "big"))

    def see_to(self) -> None:
        """Shows what has passed in this turn, and ends what nobody has asked for lately."""
        now = self._run.now()
        for token, tap in list(self._taps.items()):
            if tap.until <= now:
                self.untap(token)
                continue
            self._show(tap)
            self._give_piece(tap, now)
        if self._measuring is not None and self._measuring[1] <= now:
            self._measuring = None
            for slot in self._run.sockets:
                if slot.onlookers is not None:
                    slot.onlookers.traffic = None
                    _forget_idle(slot)

    def _show(self, tap: Tap) -> None:
        if tap.viewer is None or tap.credit <= 0 or (tap.stream.is_empty() and not tap.greets):
            return
        batch = tap.stream.take()
        try:
            self.socket.send_multipart([tap.viewer, batch], zmq.NOBLOCK)
        except zmq.ZMQError:
            # It is shown when the next grant comes.
            tap.stream.put_back(batch)
            tap.credit = 0
            return
        tap.credit -= len(batch)
        tap.greets = False

    @staticmethod
    def _give_piece(tap: Tap, now: float) -> None:
        if tap.asked is None:
            return
        request, until = tap.asked
        has_something = not tap.stream.is_empty() and tap.next_piece <= now
        if not has_something and now < until:
            return
        tap.asked = None
        if has_something:
            tap.next_piece = now + _PIECE_EVERY
        piece = tap.stream.take(_PIECE) if has_something else b""
        request.answer(base64.b64encode(piece).decode())

    def wakes_at(self) -> Optional[float]:
        """When something is to be done even if nothing happens."""
        times = [self._measuring[1]] if self._measuring is not None else []
        for tap in self._taps.values():
            times.append(tap.until)
            if tap.asked is not None:
                times.append(tap.asked[1] if tap.stream.is_empty() else min(tap.asked[1], tap.next_piece))
        return min(times, default=None)


def _onlookers(slot: "Slot") -> Onlookers:
    if slot.onlookers is None:
        slot.onlookers = Onlookers()
    there: Onlookers = slot.onlookers
    return there


def _forget_idle(slot: "Slot") -> None:
    if slot.onlookers is not None and not slot.onlookers.streams and slot.onlookers.traffic is None:
        slot.onlookers = None


def _no_such_tap() -> Fault:
    return Fault("refused", reason="there is no such tap")
