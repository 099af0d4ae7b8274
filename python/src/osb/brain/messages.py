"""Messages as bytes, by the functions that osBrain has for it."""

from __future__ import annotations

import json
from typing import Any

from ..values import decode, encode
from .address import AgentAddressSerializer
from .wire import serializer_of

TOPIC_SEPARATOR = b"\x80"


def _known(serializer: str, what: str) -> str:
    try:
        return AgentAddressSerializer(serializer)
    except ValueError:
        raise ValueError(f'"{serializer}" not supported for {what}') from None


def serialize_message(message: Any, serializer: str) -> Any:
    """A message as bytes; one that is `raw` as it is. Raises ValueError for an unknown serializer.

    `json` is strict here: TypeError for what JSON does not know. Sockets write more of it, by specs/values.md.
    """
    name = _known(serializer, "serialization")
    if name == "raw":
        return message
    if name == "json":
        return json.dumps(message).encode()
    return encode(message, serializer_of(name))


def deserialize_message(message: Any, serializer: str) -> Any:
    """The message in bytes."""
    name = _known(serializer, "deserialization")
    return message if name == "raw" else decode(message, serializer_of(name))


def compose_message(message: bytes, topic: bytes, serializer: AgentAddressSerializer) -> bytes:
    """A publication: its topic and its bytes."""
    divider = TOPIC_SEPARATOR if serializer.requires_separator else b""
    return topic + divider + message
