"""The sockets of libzmq that do the work of each kind, and binding them."""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from typing import Any

import zmq

from ..kinds import Kind
from ..line import keep_alive

#: The largest message that is accepted, in bytes.
_LARGEST = 256 << 20


class CannotBind(Exception):
    """A socket cannot be bound: where, and why not."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot bind to {address}: {reason}")
        self.address, self.reason = address, reason


def make(context: Any, kind: Kind) -> Any:
    """The socket of libzmq that does the work of a kind."""
    it = context.socket(kind.zmq_type)
    keep_alive(it)
    it.linger, it.backlog, it.maxmsgsize = 1000, 4096, _LARGEST
    if kind.does("publishes"):
        it.setsockopt(zmq.XPUB_VERBOSE, 1)
    elif kind.does("subscribes"):
        # It sends nothing but subscriptions, and libzmq drops those beyond its limit without a word.
        it.sndhwm = 0
    elif kind.does("asks"):
        # No request goes to a peer that is not there.
        it.immediate = 1
    elif kind.does("answers"):
        # An answer to a peer that has gone is counted, instead of vanishing.
        it.router_mandatory = 1
        it.setsockopt(zmq.ROUTER_HANDOVER, 1)
    return it


def bind(it: Any, endpoint: str, shown: str) -> str:
    """Binds a socket of libzmq. Tells where. Raises CannotBind, which says `shown`."""
    try:
        if "[" in endpoint:
            it.ipv6 = 1
        it.bind(endpoint)
    except zmq.ZMQError as error:
        raise CannotBind(shown, str(error.strerror).lower()) from None
    last: bytes = it.getsockopt(zmq.LAST_ENDPOINT)
    return last.rstrip(b"\x00").decode()


def make_room(path: Path) -> None:
    """Checks that no process listens at `path`: libzmq would take the path from it without asking."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotBind(f"ipc://{path}", "there is a file of that name that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise CannotBind(f"ipc://{path}", "address already in use")
    path.unlink()
