"""Where a socket can be reached, and how to talk to it: osBrain's `AgentAddress`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

from .kinds import Kind


@dataclass(frozen=True)
class Address:
    """The address of an agent's socket.

    `address` is what libzmq dials, `requests` the second one of a SYNC_PUB, `key` the owner's public key in a closed
    system. `role` is `server` for a socket that was bound.
    """

    kind: Kind
    address: str
    role: str = "server"
    transport: str = "tcp"
    serializer: str = "json"
    requests: Optional[str] = None
    key: Optional[str] = None

    @classmethod
    def of_json(cls, value: Dict[str, Any]) -> "Address":
        """As the wire has it."""
        return cls(**{**value, "kind": Kind(value["kind"])})

    def to_json(self) -> Dict[str, Any]:
        """The same the other way."""
        value: Dict[str, Any] = {
            "kind": self.kind.value,
            "role": self.role,
            "transport": self.transport,
            "address": self.address,
            "serializer": self.serializer,
        }
        if self.requests is not None:
            value["requests"] = self.requests
        if self.key is not None:
            value["key"] = self.key
        return value

    def twin(self) -> "Address":
        """The other end."""
        role = "client" if self.role == "server" else "server"
        return Address(self.kind.twin, self.address, role, self.transport, self.serializer, self.requests, self.key)
