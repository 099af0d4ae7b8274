"""The lines of a socket: its connections, by what both ends call them, and how many messages have come by each.

The stock libzmq tells by its monitor which descriptor a connection has, and by a message by which descriptor that has
come. The latter costs something, and is asked for only once a socket has had several lines. Where a connection has no
name, or its end was read too late, it is no line.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

import zmq


@dataclass
class Line:
    """One connection. `name` is the place of the end that has connected; `at` is what was dialled, if it was."""

    name: str
    dialled: bool
    at: str
    descriptor: int
    received: int = 0
    told: int = -1


class Lines:
    """Those of one socket."""

    def __init__(self) -> None:
        self.standing: List[Line] = []
        self.ended: List[Line] = []
        #: Writers have left these lines, and have given so much to them.
        self.left: Dict[str, int] = {}
        #: Messages are counted by their descriptors: there was more than one line.
        self.several = False
        self._began = 0

    def note(self, event: int, descriptor: int, endpoint: str, received: int) -> None:
        """What a monitor tells. `received` is how many messages the socket has taken in so far."""
        if event in (zmq.EVENT_CONNECTED, zmq.EVENT_ACCEPTED):
            dialled = event == zmq.EVENT_CONNECTED
            name = _name(descriptor, dialled)
            if name is None:
                return
            self._began += 1
            if self._began == 2:
                self._settle(received)
                self.several = True
            self.standing.append(Line(name, dialled, endpoint if dialled else "", descriptor))
        elif event in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED):
            self._settle(received)
            for line in [it for it in self.standing if it.descriptor == descriptor]:
                self.standing.remove(line)
                self.left.pop(line.name, None)
                self.ended = [*self.ended[-100:], line]

    def _settle(self, received: int) -> None:
        if not self.several:
            for line in self.standing:
                line.received = received

    def arrived(self, descriptor: int) -> None:
        """A message has come by that connection, if there are several."""
        for line in self.standing:
            if line.descriptor == descriptor:
                line.received += 1
                return

    def all(self, received: int) -> List[Line]:
        """Those that stand, with their counts."""
        self._settle(received)
        return self.standing

    def known(self, names: List[str], received: int) -> List[Dict[str, Any]]:
        """What has come by these lines, of those that are known: as the request `arrived` has it."""
        found = []
        for name in names:
            here = next((line for line in self.all(received) if line.name == name), None)
            gone = next((line for line in reversed(self.ended) if line.name == name), None)
            line = here or gone
            if line is not None:
                found.append({"line": name, "received": line.received, "last": here is None})
        return found


def _name(descriptor: int, dialled: bool) -> Optional[str]:
    """The place of the end that has connected."""
    try:
        # A copy: closing it does not close libzmq's.
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            place = copy.getsockname() if dialled else copy.getpeername()
    except (OSError, ValueError):
        return None
    if isinstance(place, tuple):
        host, port = place[0], place[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    text = place.decode(errors="replace") if isinstance(place, bytes) else str(place)
    return f"ipc://@{text[1:]}" if text.startswith("\x00") else None
