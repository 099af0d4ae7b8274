"""Addresses of sockets, by the names of osBrain. `wire.py` makes those of osb from them."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import zmq

from .common import unique_identifier

HostPort = Tuple[Optional[str], Optional[int]]


def address_to_host_port(addr: Any) -> HostPort:
    """The host and the port of an address of any form; None for what it does not say. Raises ValueError."""
    if addr is None:
        return None, None
    if isinstance(addr, AgentAddress):
        addr = addr.address
    if isinstance(addr, str):
        host, colon, port = addr.replace("tcp://", "", 1).partition(":")
        return host, int(port) if colon else None
    if hasattr(addr, "host") and hasattr(addr, "port"):
        return addr.host, addr.port
    raise ValueError(f'Unsupported address type "{type(addr)}"!')


def guess_kind(kind: str) -> "Union[AgentAddressKind, AgentChannelKind]":
    """The kind of a socket or of a channel. Raises ValueError."""
    if kind in AgentAddressKind.TWIN:
        return AgentAddressKind(kind)
    return AgentChannelKind(kind)


class AgentAddressTransport(str):
    """`tcp`, `ipc` or `inproc`."""

    def __new__(cls, value: str) -> "AgentAddressTransport":
        """Raises ValueError for any other text."""
        if value not in ("tcp", "ipc", "inproc"):
            raise ValueError(f'Invalid address transport "{value}"!')
        return super().__new__(cls, value)


class AgentAddressRole(str):
    """`server` for a socket that is bound, `client` for one that connects."""

    def __new__(cls, value: str) -> "AgentAddressRole":
        """Raises ValueError for any other text."""
        if value not in ("server", "client"):
            raise ValueError(f'Invalid address role "{value}"!')
        return super().__new__(cls, value)

    def twin(self) -> "AgentAddressRole":
        """That of the other end."""
        return AgentAddressRole("client" if self == "server" else "server")


class AgentAddressKind(str):
    """The kind of a socket: `PUSH`, `PULL`, `PUB`, `SUB`, `REQ`, `REP`, or half of a synchronized channel."""

    TWIN = {
        "REQ": "REP", "REP": "REQ", "PUSH": "PULL", "PULL": "PUSH", "PUB": "SUB", "SUB": "PUB",
        "PULL_SYNC_PUB": "PUSH_SYNC_SUB", "PUSH_SYNC_SUB": "PULL_SYNC_PUB",
    }  # fmt: skip
    ZMQ_KIND_CONVERSION: Dict[str, Any] = {
        "REQ": zmq.REQ, "REP": zmq.REP, "PUSH": zmq.PUSH, "PULL": zmq.PULL, "PUB": zmq.PUB, "SUB": zmq.SUB,
        "PULL_SYNC_PUB": zmq.PULL, "PUSH_SYNC_SUB": zmq.PUSH,
    }  # fmt: skip
    REQUIRE_HANDLER = ("REP", "PULL", "SUB", "PULL_SYNC_PUB")

    def __new__(cls, kind: str) -> "AgentAddressKind":
        """Raises ValueError for any other text."""
        if kind not in cls.TWIN:
            raise ValueError(f'Invalid address kind "{kind}"!')
        return super().__new__(cls, kind)

    def zmq(self) -> Any:
        """The kind that libzmq has for it."""
        return self.ZMQ_KIND_CONVERSION[self]

    def requires_handler(self) -> bool:
        """Whether messages arrive by it."""
        return self in self.REQUIRE_HANDLER

    def twin(self) -> "AgentAddressKind":
        """That of the other end."""
        return AgentAddressKind(self.TWIN[self])


class AgentAddressSerializer(str):
    """`json`, `msgpack` or `raw`. `pickle`, `cloudpickle` and `dill` are names for `msgpack`: nothing is pickled."""

    SERIALIZER_SIMPLE = ("raw",)
    SERIALIZER_SEPARATOR = ("msgpack", "pickle", "cloudpickle", "dill", "json")

    def __new__(cls, value: str) -> "AgentAddressSerializer":
        """Raises ValueError for any other text."""
        if value not in cls.SERIALIZER_SIMPLE + cls.SERIALIZER_SEPARATOR:
            raise ValueError(f"Invalid serializer type {value}!")
        return super().__new__(cls, value)

    @property
    def requires_separator(self) -> bool:
        """Whether a byte stands between topic and message."""
        return self in self.SERIALIZER_SEPARATOR


class SocketAddress:
    """A host, given as an IP address, and a port."""

    def __init__(self, host: Any, port: int) -> None:
        """Raises ValueError if the host is no IP address, AssertionError if the port is no integer."""
        assert isinstance(port, int), "Incorrect parameter port on SocketAddress; expecting type int."
        self.host, self.port = str(ip_address(host)), port

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"

    def __hash__(self) -> int:
        return hash((self.host, self.port))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SocketAddress) and (self.host, self.port) == (other.host, other.port)


class AgentAddress:
    """Where a socket is, and how to talk to it.

    `address` is a SocketAddress for `tcp`, a path for `ipc`, a name for `inproc`. `key` is the public key of its
    agent in a closed system. `owner` is the address of the name server, and the name of the socket there.
    """

    owner: Optional[Tuple[str, str]] = None

    def __init__(
        self, transport: str, address: Any, kind: str, role: str, serializer: str, key: Optional[str] = None
    ) -> None:
        """Raises ValueError."""
        if transport == "tcp":
            host, port = address_to_host_port(address)
            address = SocketAddress(host, port if port is not None else 0)
        self.transport = AgentAddressTransport(transport)
        self.address: Union[SocketAddress, Path, str] = address
        self.kind = AgentAddressKind(kind)
        self.role = AgentAddressRole(role)
        self.serializer = AgentAddressSerializer(serializer)
        self.key = key

    def _parts(self) -> Tuple[Any, ...]:
        return self.transport, self.address, self.kind, self.role, self.serializer

    def __repr__(self) -> str:
        return f"AgentAddress({', '.join(str(part) for part in self._parts())})"

    def __hash__(self) -> int:
        return hash(self._parts())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentAddress) and self._parts() == other._parts()

    def twin(self) -> "AgentAddress":
        """The other end."""
        return AgentAddress(
            self.transport, self.address, self.kind.twin(), self.role.twin(), self.serializer, self.key
        )


class AgentChannelKind(str):
    """The kind of a channel."""

    TWIN = {"ASYNC_REP": "ASYNC_REQ", "ASYNC_REQ": "ASYNC_REP", "SYNC_PUB": "SYNC_SUB", "SYNC_SUB": "SYNC_PUB"}

    def __new__(cls, kind: str) -> "AgentChannelKind":
        """Raises ValueError for any other text."""
        if kind not in cls.TWIN:
            raise ValueError(f'Invalid channel kind "{kind}"!')
        return super().__new__(cls, kind)

    def twin(self) -> "AgentChannelKind":
        """That of the other end."""
        return AgentChannelKind(self.TWIN[self])


class AgentChannel:
    """Two sockets that belong together: the one by which messages leave, and the one by which they arrive."""

    owner: Optional[Tuple[str, str]] = None

    def __init__(
        self,
        kind: str,
        receiver: Optional[AgentAddress],
        sender: Optional[AgentAddress],
        twin_uuid: Optional[bytes] = None,
        uuid: Optional[bytes] = None,
    ) -> None:
        """One of both may be None."""
        first = receiver if receiver is not None else sender
        assert first is not None, "a channel has a receiver or a sender"
        self.kind = AgentChannelKind(kind)
        self.receiver, self.sender = receiver, sender
        self.transport, self.serializer = first.transport, first.serializer
        self.uuid, self.twin_uuid = uuid or unique_identifier(), twin_uuid

    def _parts(self) -> Tuple[Any, ...]:
        return self.kind, self.receiver, self.sender

    def __repr__(self) -> str:
        return f"AgentChannel(kind={self.kind}, receiver={self.receiver}, sender={self.sender})"

    def __hash__(self) -> int:
        return hash(self._parts())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentChannel) and self._parts() == other._parts()

    def twin(self) -> "AgentChannel":
        """The other end."""
        sender = self.receiver.twin() if self.receiver is not None else None
        receiver = self.sender.twin() if self.sender is not None else None
        return AgentChannel(self.kind.twin(), receiver=receiver, sender=sender, twin_uuid=self.uuid)
