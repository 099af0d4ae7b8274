"""Addresses of osBrain's form as osb's, and back; and how both travel in messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

from ..address import Address
from ..kinds import Kind
from ..values import register_type
from .address import AgentAddress, AgentChannel, SocketAddress
from .settings import ipc_folder

AnyAddress = Union[AgentAddress, AgentChannel]

#: What is written by each serializer, as osb names it.
_SERIALIZERS = {"pickle": "msgpack", "cloudpickle": "msgpack", "dill": "msgpack"}


def serializer_of(name: str) -> str:
    """The serializer that stands behind a name."""
    return _SERIALIZERS.get(name, name)


def inproc_path(name: str) -> Path:
    """Where a socket lies that is named by `inproc`: in osb each agent has a process, so it is one of `ipc`."""
    return ipc_folder() / f"{name}~inproc"


def _dialled(address: AgentAddress) -> str:
    if address.transport == "tcp":
        return f"tcp://{address.address}"
    if address.transport == "inproc":
        return f"ipc://{inproc_path(str(address.address))}"
    return f"ipc://{address.address}"


def to_osb(address: AnyAddress) -> Address:
    """An address of a bound socket or channel, as osb has it."""
    if isinstance(address, AgentAddress):
        return _osb(address, Kind(str(address.kind)), None)
    if address.kind == "ASYNC_REP":
        assert address.receiver is not None
        return _osb(address.receiver, Kind.ASYNC_REP, None)
    assert address.sender is not None and address.receiver is not None
    return _osb(address.sender, Kind(str(address.kind)), _dialled(address.receiver))


def _osb(address: AgentAddress, kind: Kind, requests: Optional[str]) -> Address:
    transport = "tcp" if address.transport == "tcp" else "ipc"
    serializer = serializer_of(address.serializer)
    return Address(kind, _dialled(address), str(address.role), transport, serializer, requests, address.key)


def of_osb(address: Address, transport: Optional[str] = None, serializer: Optional[str] = None) -> AnyAddress:
    """An address of osb's. `transport` and `serializer` are the names by which they were asked for."""
    transport, serializer = transport or address.transport, serializer or address.serializer
    kind = address.kind.value

    def part(text: str, kind: str) -> AgentAddress:
        return AgentAddress(transport, _place(text, transport), kind, address.role, serializer, address.key)

    if kind in ("ASYNC_REP", "ASYNC_REQ"):
        return AgentChannel(kind, receiver=part(address.address, "PULL"), sender=None)
    if kind in ("SYNC_PUB", "SYNC_SUB"):
        assert address.requests is not None
        receiver, sender = part(address.requests, "PULL_SYNC_PUB"), part(address.address, "PUB")
        return AgentChannel(kind, receiver=receiver, sender=sender)
    return part(address.address, kind)


def _place(text: str, transport: str) -> Any:
    place = text.partition("://")[2]
    if transport == "tcp":
        return place
    path = Path(place)
    return path.name.rpartition("~inproc")[0] or path.name if transport == "inproc" else path


# In messages.


def _plain_socket(address: SocketAddress) -> Any:
    return [address.host, address.port]


def _plain(address: AgentAddress) -> Dict[str, Any]:
    return {
        "transport": str(address.transport), "address": str(address.address), "kind": str(address.kind),
        "role": str(address.role), "serializer": str(address.serializer), "key": address.key, "owner": address.owner,
    }  # fmt: skip


def _address(plain: Dict[str, Any]) -> AgentAddress:
    place = plain["address"]
    parts = {name: value for name, value in plain.items() if name != "owner"}
    address = AgentAddress(**{**parts, "address": Path(place) if plain["transport"] == "ipc" else place})
    address.owner = _owner(plain)
    return address


def _owner(plain: Dict[str, Any]) -> Optional[Tuple[str, str]]:
    return None if plain["owner"] is None else (str(plain["owner"][0]), str(plain["owner"][1]))


def _plain_channel(channel: AgentChannel) -> Dict[str, Any]:
    return {
        "kind": str(channel.kind), "uuid": channel.uuid, "twin_uuid": channel.twin_uuid, "owner": channel.owner,
        "receiver": None if channel.receiver is None else _plain(channel.receiver),
        "sender": None if channel.sender is None else _plain(channel.sender),
    }  # fmt: skip


def _channel(plain: Dict[str, Any]) -> AgentChannel:
    ends = {end: None if plain[end] is None else _address(plain[end]) for end in ("receiver", "sender")}
    channel = AgentChannel(plain["kind"], uuid=plain["uuid"], twin_uuid=plain["twin_uuid"], **ends)
    channel.owner = _owner(plain)
    return channel


def register() -> None:
    """Addresses may be in messages."""
    register_type(SocketAddress, "osb.brain.SocketAddress", _plain_socket, lambda plain: SocketAddress(*plain))
    register_type(AgentAddress, "osb.brain.AgentAddress", _plain, _address)
    register_type(AgentChannel, "osb.brain.AgentChannel", _plain_channel, _channel)
