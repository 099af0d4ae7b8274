"""Lanes: by which processes of this machine and user call an agent without the way by the name server, in open systems.

A lane is a stream by a Unix socket in a folder that nobody else may enter. Who wants one asks for it by the name server, and
shows by a token that it is this agent that is meant. Requests and answers are those of specs/protocol.md, each frame after
its length. They come to the agent as all requests do: whoever drives the line to the name server takes them.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import zmq

from .. import wire
from ..errors import Fault, OsbError
from ..lanes import LENGTHS, joined

#: So many lanes at once.
_MOST = 64
#: How long a peer may take to make room for an answer, in seconds.
_PATIENCE = 1.0
_LONGEST_PATH = 107

#: Those of this process: a child that is forked closes its copies, or their ends would not be noticed.
_open: "weakref.WeakSet[Lane]" = weakref.WeakSet()


class Lane:
    """One of them, to one peer."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._lock = threading.Lock()
        self._data = b""
        self.is_known = False
        stream.setblocking(False)
        _open.add(self)

    def read(self) -> List[List[bytes]]:
        """The messages that have come. Raises OsbError at the end, and if they are none."""
        try:
            part = self.stream.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError as error:
            raise OsbError(str(error)) from None
        if not part:
            raise OsbError("the peer has gone")
        self._data += part
        found = []
        while len(self._data) >= LENGTHS.size:
            first, second = LENGTHS.unpack_from(self._data)
            if first > 1024 or second > wire.LARGEST_BODY:
                raise OsbError("a message is too long")
            middle = LENGTHS.size + first
            end = middle + second
            if len(self._data) < end:
                break
            found.append([self._data[LENGTHS.size : middle], self._data[middle:end]])
            self._data = self._data[end:]
        return found

    def send(self, frames: List[bytes]) -> None:
        """By any thread. A peer that does not read loses its lane."""
        data = joined(frames)
        with self._lock:
            try:
                try:
                    sent = self.stream.send(data)
                except BlockingIOError:
                    sent = 0
                if sent < len(data):
                    self.stream.settimeout(_PATIENCE)
                    self.stream.sendall(data[sent:])
                    self.stream.setblocking(False)
            except OSError:
                self.end()

    def end(self) -> None:
        """Whoever drives sees that it has ended."""
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has


class Lanes:
    """Those of one agent, for whoever drives its line. There is no door until somebody asks for one."""

    def __init__(self, take: Callable[[Lane, wire.Message], None]) -> None:
        self._take = take
        self._token = secrets.token_hex(16)
        self._door: Optional[socket.socket] = None
        self._path: Optional[Path] = None
        self._lanes: Dict[int, Lane] = {}
        self.polled: List[Any] = []

    def open(self, folder: str, agent: str) -> Dict[str, str]:
        """Where the door is. Raises the fault `refused`."""
        if self._door is None:
            path = Path(folder) / f"{agent}~{secrets.token_hex(4)}"
            if len(os.fsencode(str(path))) > _LONGEST_PATH:
                raise Fault("refused", reason=f"a path of a socket has {_LONGEST_PATH} bytes at most")
            door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                door.bind(str(path))
                door.listen(16)
            except OSError as error:
                door.close()
                raise Fault("refused", reason=f"{path}: {error.strerror}") from None
            door.setblocking(False)
            self._door, self._path = door, path
            self._count()
        return {"path": str(self._path), "token": self._token}

    def _count(self) -> None:
        numbers = [*([self._door.fileno()] if self._door is not None else []), *self._lanes]
        self.polled = [(number, zmq.POLLIN) for number in numbers]

    def attend(self, number: int) -> bool:
        """Takes what has come at a descriptor. False if it is none of theirs."""
        lane = self._lanes.get(number)
        if lane is None:
            if self._door is None or number != self._door.fileno():
                return False
            self._let_in()
            return True
        try:
            for frames in lane.read():
                self._read(lane, frames)
        except OsbError:
            self._lanes.pop(number, None)
            lane.stream.close()
            self._count()
        return True

    def _let_in(self) -> None:
        assert self._door is not None
        try:
            stream, _ = self._door.accept()
        except OSError:
            return  # it has gone again
        if len(self._lanes) >= _MOST:
            return stream.close()
        self._lanes[stream.fileno()] = Lane(stream)
        self._count()

    def _read(self, lane: Lane, frames: List[bytes]) -> None:
        if lane.is_known:
            return self._take(lane, wire.read(frames))
        if not secrets.compare_digest(frames[1], self._token.encode()):
            raise OsbError("it means another agent")
        lane.is_known = True

    def close(self) -> None:
        """The end of all."""
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for lane in self._lanes.values():
            lane.stream.close()
        self._lanes.clear()
        self._count()


def _forget() -> None:
    for lane in list(_open):
        lane.stream.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
