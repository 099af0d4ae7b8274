"""A proxy: what asks one agent, wherever it runs and in whatever language it is written.

An agent carries out what it is asked one after the other, between messages: every call is osBrain's "safe" call.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Union

from .address import Address
from .durations import Duration, milliseconds, seconds
from .errors import Fault, OsbError
from .handlers import Handler, on_wire
from .values import decode, encode, stands_for_a_value

if TYPE_CHECKING:
    from .nameserver import NameServer


def to_json(value: Any) -> Any:
    """A value of Python as one of JSON, and a copy of it: what JSON does not know stands there as specs/values.md says."""
    if value is None or type(value) in (bool, str):
        return value
    try:
        return _copied(value, _DEEPEST)
    except _NotPlain:
        return json.loads(encode(value, "json"))


def of_json(value: Any) -> Any:
    """The same the other way."""
    if value is None or type(value) in (bool, str, int, float):
        return value
    try:
        return _copied(value, _DEEPEST, is_read=True)
    except _NotPlain:
        return decode(json.dumps(value).encode(), "json")


#: How deep a value is copied; a deeper one goes by way of its text.
_DEEPEST = 20


class _NotPlain(Exception):
    """A value is not the same in JSON, or may not be."""


def _copied(value: Any, depth: int, is_read: bool = False) -> Any:
    """A value that is the same in JSON, copied. Raises _NotPlain."""
    kind = type(value)
    if value is None or kind is bool or (kind is str and value.isascii()):
        return value
    if kind is int:
        if -(1 << 63) <= value < 1 << 63:
            return value
    elif kind is float:
        if value - value == 0.0:
            return value
    elif depth > 0 and kind is list:
        return [_copied(item, depth - 1, is_read) for item in value]
    elif depth > 0 and kind is dict:
        if is_read and len(value) == 1 and stands_for_a_value(value):
            raise _NotPlain
        for key in value:
            if type(key) is not str or not key.isascii():
                raise _NotPlain
        return {key: _copied(item, depth - 1, is_read) for key, item in value.items()}
    raise _NotPlain


def params_of(args: Sequence[Any], kwargs: Dict[str, Any]) -> Any:
    """Arguments of a call: a map by name, a list by place, null if there are none."""
    if args and kwargs:
        raise OsbError("arguments of a call are given by place or by name, not both at once")
    return to_json(kwargs) if kwargs else to_json(list(args)) if args else None


class Proxy:
    """What asks one agent. It is made by `NameServer.proxy`, and needs no closing."""

    def __init__(self, nameserver: "NameServer", agent: str, timeout: Duration, oneway: bool = False) -> None:
        self.nameserver, self.name = nameserver, agent
        self._timeout, self._oneway = seconds(timeout), oneway

    def ask(self, method: str, params: Optional[Dict[str, Any]] = None, timeout: Optional[Duration] = None) -> Any:
        """A request of specs/protocol.md, "Asking an agent". Raises Fault, or Timeout."""
        if self._oneway:
            return self.nameserver.link.tell(self.name, method, params)
        limit = self._timeout if timeout is None else timeout
        return self.nameserver.link.ask(self.name, method, params, limit)

    def with_timeout(self, timeout: Duration) -> "Proxy":
        """The same with another limit for each call."""
        return Proxy(self.nameserver, self.name, timeout, self._oneway)

    def oneway(self) -> "Proxy":
        """The same for calls that are not answered, and not waited for."""
        return Proxy(self.nameserver, self.name, self._timeout, True)

    # Its own code.

    def call(self, method: str, *args: Any, timeout: Optional[Duration] = None, **kwargs: Any) -> Any:
        """Calls a method of the agent's own code, and returns what that does.

        Arguments go by place or by name. An error there is raised here as CallFailed, with its traceback.
        """
        return self.call_with(method, params_of(args, kwargs), timeout)

    def call_with(self, method: str, params: Any = None, timeout: Optional[Duration] = None) -> Any:
        """The same with parameters of any form, for programs that take neither a list nor a map."""
        return of_json(self.ask("call", {"name": method, "params": to_json(params)}, timeout))

    # Attributes.

    def get_attr(self, name: str) -> Any:
        """The value of an attribute. Raises Fault `unknown_attribute`."""
        return of_json(self.ask("get_attr", {"name": name}))

    def set_attr(self, **attributes: Any) -> None:
        """Sets attributes."""
        self.ask("set_attr", {"attributes": {name: to_json(value) for name, value in attributes.items()}})

    def attributes(self) -> Dict[str, Any]:
        """All attributes."""
        return dict(of_json(self.ask("attributes")))

    # Sockets.

    def addr(self, alias: str) -> Address:
        """Where a socket is; the name server answers, without the agent."""
        return self.nameserver.addr(self.name, alias)

    def bind(
        self,
        kind: str,
        alias: str,
        handler: Optional[Handler] = None,
        *,
        addr: Optional[str] = None,
        transport: str = "tcp",
        serializer: str = "json",
    ) -> Address:
        """Binds a socket, at `addr` (`IP` or `IP:PORT`; a path for `ipc`), else at a free port of the agent's own."""
        params = {
            "alias": alias, "kind": kind, "endpoint": endpoint(transport, addr), "serializer": serializer,
            "handlers": on_wire(handler),
        }  # fmt: skip
        return Address.of_json(self.ask("bind", params))

    def connect(self, to: Union[str, Address], alias: str, handler: Optional[Handler] = None) -> Dict[str, Any]:
        """Connects a socket to `"Alice.main"` or to an address, and waits until that is proven.

        In a closed system the other socket admits this agent first.
        """
        if isinstance(to, Address):
            params = {
                "alias": alias, "server": to.to_json(), "to": None, "handlers": on_wire(handler), "token": None,
                "timeout": milliseconds(self._timeout),
            }  # fmt: skip
            return dict(self.ask("connect", params) or {})
        is_new = self.nameserver.is_closed_system and self._admit_at(to)
        try:
            return dict(self.ask("connect_to", {"alias": alias, "to": to, "handlers": on_wire(handler)}) or {})
        except OsbError:
            if is_new:
                self._other(to).ask("dismiss", self._door(to))
            raise

    def _admit_at(self, to: str) -> bool:
        try:
            return bool(self._other(to).ask("admit", self._door(to)))
        except Fault as fault:
            if fault.code in ("unknown_agent", "unknown_alias", "not_running"):
                return False  # that it is not there, the attempt to connect tells
            raise

    def _other(self, to: str) -> "Proxy":
        return Proxy(self.nameserver, to.partition(".")[0], self._timeout)

    def _door(self, to: str) -> Dict[str, Any]:
        return {"alias": to.partition(".")[2], "holder": {"agent": self.name}}

    def close(self, alias: str, linger: Optional[Duration] = None) -> Dict[str, int]:
        """Closes a socket. Tells how many messages never left."""
        return dict(self.ask("close", {"alias": alias, "linger": _ms(linger)}) or {})

    def close_all(self, linger: Optional[Duration] = None) -> Dict[str, int]:
        """Closes all sockets."""
        return dict(self.ask("close_all", {"linger": _ms(linger)}) or {})

    def subscribe(self, alias: str, handler: Handler) -> None:
        """Adds topics to a SUB socket, and waits until the publishers have seen it."""
        self.ask("subscribe", {"alias": alias, "handlers": on_wire(handler)})

    def unsubscribe(self, alias: str, topics: Union[str, Sequence[str]]) -> None:
        """Takes topics back."""
        self.ask("unsubscribe", {"alias": alias, "topics": [topics] if isinstance(topics, str) else list(topics)})

    # Messages.

    def send(self, alias: str, message: Any, topic: Optional[str] = None) -> None:
        """Has the agent send a message by a socket, and waits until the socket has taken it."""
        self.ask("send", {"alias": alias, "message": to_json(message), "topic": topic})

    def send_recv(self, alias: str, message: Any, timeout: Optional[Duration] = None) -> Any:
        """Has the agent ask by a socket, and returns the answer."""
        return of_json(self.ask("send_recv", {"alias": alias, "message": to_json(message)}, timeout))

    # Timers.

    def every(self, interval: Duration, alias: Optional[str] = None, **what: Any) -> str:
        """Has the agent do something again and again: `call="method"`, `send="alias", message=…`, `set={…}`."""
        return self._timer({"every": milliseconds(interval)}, alias, what)

    def after(self, delay: Duration, alias: Optional[str] = None, **what: Any) -> str:
        """The same once. Returns the timer's name."""
        return self._timer({"after": milliseconds(delay)}, alias, what)

    def _timer(self, when: Dict[str, int], alias: Optional[str], what: Dict[str, Any]) -> str:
        return str(self.ask("timer", {"alias": alias, "when": when, "action": timer_action(what)}))

    def timers(self) -> List[Dict[str, Any]]:
        """The timers that run."""
        return list(self.ask("timers") or [])

    def stop_timer(self, alias: str) -> None:
        """Stops a timer."""
        self.ask("stop_timer", {"alias": alias})

    def stop_timers(self) -> None:
        """Stops all timers."""
        self.ask("stop_timers")

    # Its life.

    def info(self) -> Dict[str, Any]:
        """What the name server knows of it."""
        return self.nameserver.info(self.name)

    def wait_for_running(self, timeout: Duration = 10.0) -> "Proxy":
        """Waits until it runs, however late it is started. Raises Fault at once if it has failed."""
        self.nameserver.wait_for_running(self.name, timeout)
        return self

    def wait_for_end(self, timeout: Duration = 10.0) -> None:
        """Waits until it has ended."""
        self.nameserver.wait_for_end(self.name, timeout)

    def is_running(self) -> bool:
        """Whether it answers that it does."""
        return bool(self.ask("is_running"))

    def status(self) -> Dict[str, Any]:
        """Its counts by socket, and more."""
        return dict(self.ask("status") or {})

    def log(self, text: str, level: str = "info") -> None:
        """Writes an entry to its log."""
        self.ask("log", {"level": level, "text": text})

    def quiet(self) -> None:
        """It sends nothing more of its own accord, and still answers."""
        self.ask("quiet")

    def shutdown(self, grace: Optional[Duration] = None) -> None:
        """Has it end. `grace` is how long it gets."""
        self.ask("shutdown", {} if grace is None else {"grace": _ms(grace)})

    def __repr__(self) -> str:
        return f"<Proxy of {self.name}>"


def _ms(duration: Optional[Duration]) -> Optional[int]:
    return None if duration is None else milliseconds(duration)


def endpoint(transport: str, addr: Optional[str]) -> Optional[Dict[str, Any]]:
    """Where to bind, in the form of the wire."""
    if transport == "ipc":
        return {"transport": "ipc", "path": addr}
    if transport != "tcp":
        raise OsbError(f"no transport is called {transport!r}: there are tcp and ipc")
    if addr is None:
        return None
    ip, colon, port = addr.rpartition(":") if addr.count(":") == 1 or "]" in addr else (addr, "", "")
    if not colon or not port.isdigit():
        ip, port = addr, "0"
    return {"transport": "tcp", "ip": ip.strip("[]"), "port": int(port)}


def timer_action(what: Dict[str, Any]) -> Dict[str, Any]:
    """What a timer does, from keys as a topology has them."""
    if "call" in what:
        return {"call": {"method": what["call"], "params": to_json(what.get("params"))}}
    if "send" in what:
        message = to_json(what.get("message"))
        return {"send": {"alias": what["send"], "message": message, "topic": what.get("topic")}}
    if "set" in what:
        return {"set": {"attributes": {name: to_json(value) for name, value in what["set"].items()}}}
    raise OsbError("a timer has something to do: call=, send= or set=")
