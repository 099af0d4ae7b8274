"""The connection of a member to its name server: one DEALER and its monitor, for one thread to drive.

Other threads give it frames to send by `post`, which wakes the one that drives. Who the member is, and what messages
mean, is not known here.
"""

from __future__ import annotations

import math
import os
import socket
from collections import deque
from enum import Enum
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple, Union

import zmq
from zmq.utils.monitor import parse_monitor_message

from .dial import Dial

#: libzmq's numbers for what happens to a connection.
_EVENTS = (
    zmq.EVENT_ACCEPTED | zmq.EVENT_CLOSED | zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_RETRIED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED
)  # fmt: skip


class Seen(Enum):
    """What was seen of a connection."""

    CONNECTED = "connected"
    RETRIED = "retried"
    PROVEN = "proven"
    LOST = "lost"
    BROKEN = "broken"
    NOT_ZEROMQ = "not zeromq"
    WRONG_KIND = "wrong kind"
    REFUSED = "refused"
    NO_WIRE = "no wire"


def seen_in(frames: Sequence[Any]) -> Tuple[Optional[Seen], str]:
    """What a monitor tells, and the address that it is about."""
    told = parse_monitor_message(list(frames))
    event, value, endpoint = told["event"], int(told["value"]), bytes(told["endpoint"]).decode(errors="replace")
    simple: Dict[Any, Seen] = {
        zmq.EVENT_CONNECTED: Seen.CONNECTED,
        zmq.EVENT_CONNECT_RETRIED: Seen.RETRIED,
        zmq.EVENT_DISCONNECTED: Seen.LOST,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: Seen.BROKEN,
        zmq.EVENT_HANDSHAKE_SUCCEEDED: Seen.PROVEN,
    }
    if event in simple:
        return simple[event], endpoint
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return (Seen.WRONG_KIND if value == 0x1000_0018 else Seen.NOT_ZEROMQ), endpoint
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return (Seen.NO_WIRE if value == 500 else Seen.REFUSED), endpoint
    return None, endpoint


def told_by(frames: Sequence[Any]) -> Tuple[int, int, str]:
    """The number of an event, its value, and the address that it is about."""
    told = parse_monitor_message(list(frames))
    return int(told["event"]), int(told["value"]), bytes(told["endpoint"]).decode(errors="replace")


def watch(watched: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
    """What tells of the connections of a socket from now on."""
    monitor: zmq.Socket[bytes] = watched.get_monitor_socket(_EVENTS)
    monitor.linger = 0
    return monitor


def keep_alive(it: zmq.Socket[bytes]) -> None:
    """As all sockets of osb: a peer that has gone without a word is noticed, and no peer sends without bounds."""
    for option, value in (
        ("TCP_KEEPALIVE", 1), ("TCP_KEEPALIVE_IDLE", 5), ("TCP_KEEPALIVE_INTVL", 2), ("TCP_KEEPALIVE_CNT", 3),
        ("RECONNECT_IVL", 100), ("RECONNECT_IVL_MAX", 2000), ("HANDSHAKE_IVL", 5000),
    ):  # fmt: skip
        it.setsockopt(getattr(zmq, option), value)


def dial_with(it: zmq.Socket[bytes], public: str, secret: str, server: str) -> None:
    """The socket shows by its key who it is, and dials whoever has that other one."""
    it.curve_publickey, it.curve_secretkey, it.curve_serverkey = public.encode(), secret.encode(), server.encode()


class Waker:
    """Wakes a thread that polls. Works where pipes cannot be polled, too."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)

    def fileno(self) -> int:
        """What the thread polls."""
        return self._theirs.fileno()

    def wake(self) -> None:
        """By any thread, and by a handler of signals."""
        try:
            self._ours.send(b"x")
        except OSError:
            pass  # it is awake for the bytes that are there, or has ended

    def clear(self) -> None:
        """By the thread that was woken."""
        try:
            while len(self._theirs.recv(4096)) == 4096:
                pass
        except OSError:
            pass

    def close(self) -> None:
        """It wakes nobody any more."""
        self._ours.close()
        self._theirs.close()


def _has_some(it: Any) -> bool:
    return bool(it.getsockopt(zmq.EVENTS) & zmq.POLLIN)


def _size(frames: Any) -> int:
    return sum(map(len, frames)) if isinstance(frames, list) else 0


class Line:
    """The DEALER with what belongs to it. All but `post` and `wake` is for the thread that drives it."""

    #: So many bytes of what is to be sent are kept while there is no connection.
    KEPT = 16 << 20

    def __init__(self, dial: Dial, linger_ms: int = 300) -> None:
        self.address, self.keys = dial.address, dial.keys
        self._linger = linger_ms
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.waker = Waker()
        self.poller = zmq.Poller()
        self.poller.register(self.waker.fileno(), zmq.POLLIN)
        #: The same for those who wait for more than this.
        self.polled: List[Tuple[Any, int]] = []
        self._more: List[Any] = []
        self._out: Deque[Union[List[bytes], Callable[[], List[bytes]]]] = deque()
        self._full = False
        self.pid = os.getpid()
        self._open()

    def _open(self) -> None:
        self.dealer: zmq.Socket[bytes] = self.context.socket(zmq.DEALER)
        keep_alive(self.dealer)
        self.dealer.linger = self._linger
        self.dealer.immediate = 1
        self.dealer.maxmsgsize = 32 << 20
        if self.keys is not None:
            dial_with(self.dealer, self.keys.public, self.keys.secret, self.keys.server)
        self.monitor = watch(self.dealer)
        self.poller.register(self.dealer, zmq.POLLIN)
        self.poller.register(self.monitor, zmq.POLLIN)
        self.polled = [(it, zmq.POLLIN) for it in (self.waker.fileno(), self.dealer, self.monitor, *self._more)]
        self.dealer.connect(self.address)

    def watch_too(self, it: Any) -> None:
        """Waiting ends when there is something at this socket, too."""
        self._more.append(it)
        self.poller.register(it, zmq.POLLIN)
        self.polled.append((it, zmq.POLLIN))

    def post(self, frames: Union[List[bytes], Callable[[], List[bytes]]]) -> None:
        """Sends as soon as there is a connection, by any thread, in order. A function makes the frames at that moment."""
        self.keep(frames)
        self.waker.wake()

    def keep(self, frames: Union[List[bytes], Callable[[], List[bytes]]]) -> None:
        """The same, and whoever drives it is not woken: it is sent when that next sees to it."""
        if frames:
            self._out.append(frames)

    def send_now(self, frames: List[bytes]) -> bool:
        """Sends before all that was posted. False if there is no connection."""
        try:
            self.dealer.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def flush(self) -> None:
        """Sends what was posted, as far as that goes now."""
        while self._out:
            first = self._out[0]
            if not isinstance(first, list):
                # What is made anew when there is a connection again is not kept.
                self._out.popleft()
                self.send_now(first())
                continue
            if not self.send_now(first):
                self._forget_surplus()
                return
            self._out.popleft()

    def _forget_surplus(self) -> None:
        """The oldest make room: they are waited for least."""
        size = sum(map(_size, self._out))
        while size > self.KEPT:
            size -= _size(self._out.popleft())

    def wait(self, timeout: float) -> bool:
        """Sends, and waits `timeout` seconds at most until something has come. True if messages may have."""
        self.flush()
        ready = dict(self.poller.poll(max(0, math.ceil(timeout * 1000))))
        if self.waker.fileno() in ready:
            self.waker.clear()
            self.flush()
        return bool(ready)

    def receive(self) -> Optional[List[bytes]]:
        """The next message, in frames."""
        # To ask costs less than the error that there is none.
        if not _has_some(self.dealer):
            return None
        return self.dealer.recv_multipart(zmq.NOBLOCK)

    def look(self) -> Optional[Seen]:
        """The next thing that was seen of the connection."""
        while _has_some(self.monitor):
            seen, _ = seen_in(self.monitor.recv_multipart(zmq.NOBLOCK))
            if seen is not None:
                return seen
        return None

    def redial(self, dial: Dial) -> None:
        """Dials anew: by another key of the name server."""
        self.address, self.keys = dial.address, dial.keys
        self._shut(0)
        self._open()

    def _shut(self, linger_ms: int) -> None:
        for it in (self.dealer, self.monitor):
            self.poller.unregister(it)
        self.dealer.disable_monitor()
        self.monitor.close(0)
        self.dealer.close(linger_ms)

    def close(self) -> None:
        """The end. What was sent may still leave for a moment."""
        self.flush()
        self._shut(self._linger)
        self.waker.close()
        self.context.term()
