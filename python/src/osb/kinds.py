"""Kinds of sockets and what follows from them. Each has its twin, the one it talks to."""

from __future__ import annotations

from enum import Enum
from typing import Dict, FrozenSet

import zmq

from .errors import article


class Kind(str, Enum):
    """What a socket is for. The last four are channels: requests whose answers are handled when they come."""

    PUSH = "PUSH"
    PULL = "PULL"
    PUB = "PUB"
    SUB = "SUB"
    REQ = "REQ"
    REP = "REP"
    ASYNC_REQ = "ASYNC_REQ"
    ASYNC_REP = "ASYNC_REP"
    SYNC_PUB = "SYNC_PUB"
    SYNC_SUB = "SYNC_SUB"

    @property
    def twin(self) -> "Kind":
        """The kind at the other end of a connection."""
        return Kind(_TWINS[self.value])

    @property
    def article(self) -> str:
        """The name in a sentence: `a PUSH`."""
        return article(self.value)

    def does(self, what: str) -> bool:
        """Whether it `sends`, `receives`, `asks`, `answers`, `publishes`, `subscribes`, `binds` or is a `channel`."""
        return what in _DOES[self.value]

    @property
    def zmq_type(self) -> int:
        """The socket of libzmq that does its work."""
        return _ZMQ[self.value]


_TWINS = {
    "PUSH": "PULL", "PULL": "PUSH", "PUB": "SUB", "SUB": "PUB", "REQ": "REP", "REP": "REQ",
    "ASYNC_REQ": "ASYNC_REP", "ASYNC_REP": "ASYNC_REQ", "SYNC_PUB": "SYNC_SUB", "SYNC_SUB": "SYNC_PUB",
}  # fmt: skip

_DOES: Dict[str, FrozenSet[str]] = {
    kind: frozenset(words.split())
    for kind, words in {
        "PUSH": "sends binds",
        "PULL": "receives binds",
        "PUB": "sends publishes binds",
        "SUB": "receives subscribes binds",
        "REQ": "sends receives asks binds",
        "REP": "receives answers binds",
        "ASYNC_REQ": "sends receives asks channel",
        "ASYNC_REP": "receives answers channel binds",
        "SYNC_PUB": "sends receives publishes answers channel binds",
        "SYNC_SUB": "sends receives subscribes asks channel",
    }.items()
}

# A publisher sees who subscribes; what asks and answers can have many requests under way.
_ZMQ: Dict[str, int] = {
    "PUSH": zmq.PUSH, "PULL": zmq.PULL, "PUB": zmq.XPUB, "SYNC_PUB": zmq.XPUB, "SUB": zmq.SUB, "SYNC_SUB": zmq.SUB,
    "REQ": zmq.DEALER, "ASYNC_REQ": zmq.DEALER, "REP": zmq.ROUTER, "ASYNC_REP": zmq.ROUTER,
}  # fmt: skip
