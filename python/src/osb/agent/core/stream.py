"""What one tap is shown: records of the messages that it wants, in a buffer with a bound. What finds no room there is lost
to the tap, and counted; the sockets never wait for it. specs/protocol.md, "Taps".
"""

from __future__ import annotations

import json
import struct
from typing import Any, Dict, List, Optional, Tuple

#: How many bytes wait for one who looks. A message that is larger by itself is admitted to an empty buffer.
ROOM = 8 << 20
_SOCKET = struct.Struct(">IBH")
_MESSAGE = struct.Struct(">IBHQQQI")
_LOST = struct.Struct(">Q")

#: What a message is.
MESSAGE, PUBLICATION, REQUEST, ANSWER, GARBLED = range(5)


class Stream:
    """A tap's buffer."""

    def __init__(self, request: Dict[str, Any]) -> None:
        self._aliases: List[str] = request.get("aliases") or []
        self._topics = tuple(topic.encode() for topic in request.get("topics") or [])
        self._most: Optional[int] = request.get("most")
        self._sample = max(1, request.get("sample") or 1)
        self._records = bytearray()
        self._lost = 0
        self._numbers = 0
        #: By number: what describes the socket, until that has been told, and how many have passed, in and out.
        self._sockets: Dict[int, List[Any]] = {}

    def wants(self, alias: str) -> bool:
        """Whether it is at that socket."""
        return not self._aliases or alias in self._aliases

    def enter(self, alias: str, kind: str, serializer: str) -> Optional[int]:
        """From now on it is at that socket too. Tells its number; None: there have been too many."""
        number = self._numbers
        if number > 0xFFFF:
            return None
        self._numbers += 1
        words = json.dumps({"alias": alias, "kind": kind, "serializer": serializer}).encode()
        self._sockets[number] = [_SOCKET.pack(3 + len(words), 0x80, number) + words, 0, 0]
        return number

    def leave(self, number: int) -> None:
        """The socket is there no more."""
        self._sockets.pop(number, None)

    def note(self, number: int, out: bool, sort: int, pair: int, body: memoryview, time_us: int) -> None:
        """A message passes there; `time_us` is in microseconds since 1970."""
        if self._topics and sort == PUBLICATION and not bytes(body[:256]).startswith(self._topics):
            return
        socket = self._sockets.get(number)
        if socket is None:
            return
        socket[1 + out] += 1
        count = socket[1 + out]
        if (count - 1) % self._sample:
            return
        shown = body if self._most is None else body[: self._most]
        needed = len(socket[0]) + _MESSAGE.size + len(shown)
        if self._records and len(self._records) + needed > ROOM:
            self._lost += 1
            return
        self._records += socket[0]
        socket[0] = b""
        length = _MESSAGE.size - 4 + len(shown)
        self._records += _MESSAGE.pack(length, sort << 1 | out, number, count, time_us, pair, min(len(body), 0xFFFFFFFF))
        self._records += shown

    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self._records

    def take(self, most: Optional[int] = None) -> bytes:
        """A batch of what waits: all, or some `most` bytes of it, but one record at least."""
        whole = len(self._records) if most is None else self._whole(most)
        batch = _LOST.pack(self._lost) + self._records[:whole]
        del self._records[:whole]
        return bytes(batch)

    def put_back(self, batch: bytes) -> None:
        """Gives back one that could not be shown now, before anything else has passed."""
        self._records[:0] = batch[_LOST.size :]

    def _whole(self, most: int) -> int:
        whole = 0
        while whole < len(self._records):
            (length,) = struct.unpack_from(">I", self._records, whole)
            following = whole + 4 + length
            if whole and following > most:
                break
            whole = following
        return whole


class Traffic:
    """How much has gone one way through a socket, how large and how evenly: counts that only grow."""

    def __init__(self) -> None:
        self.messages = self.bytes = self.intervals = 0
        self._sizes: Dict[int, int] = {}
        self._sum = self._squares = 0.0
        self._last: Optional[float] = None

    def note(self, size: int, now: float) -> None:
        """A message of that size passes; `now` is in seconds."""
        self.messages += 1
        self.bytes += size
        step = step_of(size)
        self._sizes[step] = self._sizes.get(step, 0) + 1
        if self._last is not None:
            us = (now - self._last) * 1e6
            self.intervals += 1
            self._sum += us
            self._squares += us * us
        self._last = now

    def to_json(self) -> Dict[str, Any]:
        """As the request `rate` has it."""
        sizes: List[Tuple[int, int]] = sorted(self._sizes.items())
        return {
            "messages": self.messages, "bytes": self.bytes, "sizes": sizes, "intervals": self.intervals,
            "interval_us": self._sum, "interval_us2": self._squares,
        }  # fmt: skip


def step_of(size: int) -> int:
    """Sizes below 32 are their own step; above, each octave has 16."""
    if size < 32:
        return size
    octave = size.bit_length() - 5
    return (octave + 1) * 16 + (size >> octave) - 16
