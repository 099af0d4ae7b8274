"""What an agent does with sockets: it binds, connects, subscribes and closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from ..address import Address
from ..agent.slot import Slot
from . import handlers as forms
from .address import (
    AgentAddress,
    AgentAddressKind,
    AgentAddressSerializer,
    AgentAddressTransport,
    AgentChannel,
    address_to_host_port,
    guess_kind,
)
from .common import Topic, get_linger, topic_to_text, unique_identifier, validate_handler
from .core import Core, check_core
from .settings import config, ipc_folder
from .wire import AnyAddress, inproc_path, of_osb, serializer_of, to_osb

if TYPE_CHECKING:
    from .agent import Agent

Alias = Union[str, bytes, AgentAddress, AgentChannel]

_PROVEN_BY_NAME = ("SUB", "PUB", "SYNC_SUB")

#: The sockets by which osBrain's agents call themselves. osb needs none; programs may look for them.
LOOPBACKS = {
    alias: AgentAddress("inproc", alias, "REP", "server", "pickle") for alias in ("loopback", "_loopback_safe")
}


class Sockets:
    """The part of an agent that is for sockets. A socket is found by its alias, or by its address."""

    _core: Optional[Core]
    _host: str
    _serializer: Optional[str]
    _transport: Optional[str]
    _aliases: Dict[Any, str]
    _address: Dict[Any, AnyAddress]
    #: What handles the answers of a channel, by the socket.
    _answers: Dict[str, Any]

    # What it has.

    def addr(self, alias: Alias) -> AnyAddress:
        """The address of a socket. Raises KeyError."""
        return self._address[alias]

    def has_socket(self, alias: Alias) -> bool:
        """Whether it has a socket of that alias."""
        return alias in self._aliases or alias in LOOPBACKS

    def _slot(self, alias: Alias) -> Slot:
        """Raises KeyError."""
        return check_core(self._core).r.sockets.find(self._aliases[alias])

    def _register(self, alias: Optional[Alias], address: AnyAddress, plain: str) -> None:
        for key in (alias, address):
            if key is not None:
                self._aliases[key], self._address[key] = plain, address

    @property
    def _me(self) -> "Agent":
        return self  # type: ignore[return-value]

    # Binding.

    def bind(
        self,
        kind: str,
        alias: Optional[Alias] = None,
        handler: Any = None,
        addr: Any = None,
        transport: Optional[str] = None,
        serializer: Optional[str] = None,
    ) -> AnyAddress:
        """Binds a socket, and returns its address, or that of the channel.

        `addr` is `IP` or `IP:PORT` for `tcp`, a name for `ipc` and `inproc`; without it the place is free.
        Raises ValueError if messages arrive by the socket, and there is no handler.
        """
        kind = guess_kind(kind)
        transport = AgentAddressTransport(transport or self._transport or config["TRANSPORT"])
        serializer = AgentAddressSerializer(serializer or self._serializer or config["SERIALIZER"])
        is_channel = not isinstance(kind, AgentAddressKind)
        if (is_channel and kind not in ("ASYNC_REP", "SYNC_PUB")) or (kind == "SYNC_PUB" and addr):
            raise NotImplementedError(f"Unsupported channel kind {kind}!" if not addr else "a SYNC_PUB takes no address")
        validate_handler(handler, required=is_channel or (isinstance(kind, AgentAddressKind) and kind.requires_handler()))
        return self._bind(str(kind), alias, handler, addr, transport, serializer)

    def _bind(
        self, kind: str, alias: Optional[Alias], handler: Any, addr: Any, transport: str, serializer: str
    ) -> AnyAddress:
        core = check_core(self._core)
        assert alias is None or alias not in self._aliases, "Socket is already registered!"
        handlers = self._handlers(kind, handler)
        bound = core.bind(
            kind,
            plain := self._free_alias(alias),
            handlers,
            addr=self._place(transport, addr),
            transport="tcp" if transport == "tcp" else "ipc",
            serializer=serializer_of(serializer),
        )
        address = of_osb(bound, transport, serializer)
        address.owner = (self._me._nsaddr(), f"{core.name}.{plain}")
        self._register(alias, address, plain)
        return address

    def _free_alias(self, alias: Optional[Alias]) -> str:
        wanted = alias if alias is not None else unique_identifier()
        return check_core(self._core).free_alias(wanted.decode() if isinstance(wanted, bytes) else str(wanted))

    def _place(self, transport: str, addr: Any) -> Optional[str]:
        if transport == "tcp":
            host, port = address_to_host_port(addr)
            if not host and self._host == "127.0.0.1":
                return None if not port else f"127.0.0.1:{port}"
            return f"{host or self._host}:{port}" if port else host or self._host
        name = str(addr.address if isinstance(addr, AgentAddress) else addr) if addr else unique_identifier().decode()
        return str(inproc_path(name) if transport == "inproc" else ipc_folder() / name)

    def _handlers(self, kind: str, handler: Any) -> Any:
        """In the form of osb: actions that name functions."""
        core = check_core(self._core)
        if handler is None or kind in ("PUSH", "PUB", "REQ"):
            return None
        if kind in ("SUB", "SYNC_SUB"):
            return forms.by_topic(self._me, handler, core.name_handler)
        return core.name_handler(forms.of_messages(self._me, handler))

    # Connecting.

    def connect(self, server: AnyAddress, alias: Optional[Alias] = None, handler: Any = None) -> Optional[AnyAddress]:
        """Connects to the address of a bound socket, and returns when that is proven; None for an ASYNC_REP.

        A second connection to the same address is another alias of the first. Raises NotImplementedError if it has a
        handler, ValueError if one is needed.
        """
        if isinstance(server, AgentChannel):
            return self._connect_channel(server, alias, handler)
        assert server.role == "server", "Incorrect address! A server address must be provided!"
        client = server.twin()
        validate_handler(handler, required=client.kind.requires_handler())
        if client in self._aliases:
            if handler is not None:
                raise NotImplementedError("Undefined behavior!")
            self._register(alias, client, self._aliases[client])
            return client
        self._connect(str(client.kind), server, client, alias, handler)
        return client

    def _connect_channel(self, channel: AgentChannel, alias: Optional[Alias], handler: Any) -> Optional[AnyAddress]:
        if channel.kind not in ("ASYNC_REP", "SYNC_PUB"):
            raise NotImplementedError(f"Unsupported channel kind {channel.kind}!")
        client = channel.twin()
        if client in self._aliases:
            raise NotImplementedError("Tried to (re)connect a channel")
        # Answers are given to the handler of the request, or to this one: the socket has none of its own.
        by_socket = handler if channel.kind == "SYNC_PUB" else None
        plain = self._connect(str(client.kind), channel, client, alias, by_socket)
        self._answers[plain] = handler if channel.kind == "ASYNC_REP" else None
        self._aliases[channel], self._address[channel] = plain, client
        return client if channel.kind == "SYNC_PUB" else None

    def _connect(self, kind: str, server: AnyAddress, client: AnyAddress, alias: Optional[Alias], handler: Any) -> str:
        plain = self._free_alias(alias)
        check_core(self._core).connect(self._target(kind, server), plain, self._handlers(kind, handler))
        self._register(alias, client, plain)
        return plain

    def _target(self, kind: str, server: AnyAddress) -> Union[str, Address]:
        """A publisher of the same name server is named: so it is proven that it has seen the subscription."""
        if kind in _PROVEN_BY_NAME and server.owner is not None and server.owner[0] == self._me._nsaddr():
            return server.owner[1]
        return to_osb(server)

    # Topics.

    def subscribe(self, alias: Alias, handler: Any) -> None:
        """Adds topics to a subscriber: a map of topics to handlers, or one handler for all topics."""
        core = check_core(self._core)
        core.subscribe(self._aliases[alias], forms.by_topic(self._me, handler, core.name_handler))

    def unsubscribe(self, alias: Alias, topic: Union[Topic, List[Topic]]) -> None:
        """Takes one topic back, or several."""
        topics = topic if isinstance(topic, (list, tuple)) else [topic]
        check_core(self._core).unsubscribe(self._aliases[alias], *[topic_to_text(each) for each in topics])

    # The end of sockets.

    def close(self, alias: Alias, linger: Optional[float] = None) -> None:
        """Closes a socket; what was sent may leave for `linger` seconds more. Raises KeyError."""
        plain = self._aliases[alias]
        for key in [key for key, it in self._aliases.items() if it == plain]:
            del self._aliases[key], self._address[key]
        self._answers.pop(plain, None)
        core = check_core(self._core)
        core.r.in_loop(lambda: core.r.sockets.close(plain, get_linger(linger)))

    def close_all(self, linger: Optional[float] = None) -> None:
        """Closes all sockets."""
        for plain in set(self._aliases.values()):
            self.close(next(key for key, it in self._aliases.items() if it == plain), linger)
