"""Control messages: two frames, a binary header and a body of JSON (specs/protocol.md). Pure values."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Dict, List, Optional, Sequence

from .errors import Fault, OsbError

VERSION = 2
#: The largest body that is accepted, in bytes.
LARGEST_BODY = 16 << 20
_HEADER = struct.Struct(">3sBBQIB")
_MAGIC = b"osb"
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_loads = json.JSONDecoder().decode

#: The levels of requesters, by their numbers in headers.
LEVELS = ("", "join", "read", "agent", "host", "control", "admin", "tap")


class Kind(IntEnum):
    """What a message is."""

    REQUEST = 1
    ONEWAY = 2
    REPLY = 3
    ERROR = 4
    EVENT = 5


@dataclass(frozen=True)
class Envelope:
    """A header.

    `deadline_ms` is how long the requester waits, 0 if it does not say. `peer` is the receiver on the way to the name
    server, the sender on the way from it; empty for the name server itself.
    """

    kind: Kind
    id: int = 0
    deadline_ms: int = 0
    level: int = 0
    peer: str = ""

    def encode(self) -> bytes:
        """The first frame."""
        fixed = _HEADER.pack(_MAGIC, VERSION, self.kind, self.id, self.deadline_ms, self.level)
        return fixed + self.peer.encode()

    @classmethod
    def decode(cls, frame: bytes) -> "Envelope":
        """The header in a first frame. Raises OsbError if it is none."""
        if len(frame) < _HEADER.size or frame[:3] != _MAGIC:
            raise OsbError("not an osb message")
        _, version, kind, id, deadline, level = _HEADER.unpack_from(frame)
        if version != VERSION:
            raise OsbError(
                f"osb protocol version {version}; this package speaks version {VERSION}: "
                "use one release of osb throughout a system"
            )
        try:
            return cls(Kind(kind), id, deadline, level, frame[_HEADER.size :].decode())
        except ValueError as error:
            raise OsbError(f"malformed message: {error}") from None


@dataclass(frozen=True)
class Message:
    """A header and what was in the body."""

    envelope: Envelope
    body: Any


def request_body(method: str, params: Optional[Dict[str, Any]] = None) -> bytes:
    """The body of a request or a one-way message."""
    return body({"method": method, "params": params or {}})


def body(value: Any) -> bytes:
    """A value of JSON as a second frame. Raises OsbError if it is too long."""
    encoded = _dumps(value).encode()
    if len(encoded) > LARGEST_BODY:
        raise OsbError(f"a control message has {LARGEST_BODY >> 20} MiB at most, and this one has {len(encoded)} bytes")
    return encoded


def read(frames: Sequence[bytes]) -> Message:
    """A message as it has arrived. Raises OsbError if it is none."""
    if len(frames) != 2:
        raise OsbError("not an osb message")
    envelope = Envelope.decode(frames[0])
    try:
        return Message(envelope, _loads(bytes(frames[1]).decode()))
    except ValueError as error:
        raise OsbError(f"malformed message: {error}") from None


def answer(request: Envelope, outcome: Any) -> List[bytes]:
    """The frames of an answer to a request: `outcome` is a result, or a Fault."""
    kind = Kind.ERROR if isinstance(outcome, Fault) else Kind.REPLY
    header = Envelope(kind, request.id, peer=request.peer).encode()
    return [header, body(outcome.body() if isinstance(outcome, Fault) else outcome)]
