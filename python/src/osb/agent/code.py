"""What an agent runs: its handlers, methods and timers, from decorators and from its class. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from ..durations import Duration, milliseconds

F = TypeVar("F", bound=Callable[..., Any])

_ROLES = "_osb_roles"


def _mark(function: F, *role: Any) -> F:
    function.__dict__.setdefault(_ROLES, []).append(role)
    return function


def handler(name: str) -> Callable[[F], F]:
    """Of a class: handles the messages of the socket of that alias, and those with the handler `call:NAME`."""
    return lambda function: _mark(function, "handler", name)


def default_handler(function: F) -> F:
    """Of a class: handles the messages that no other handler is for."""
    return _mark(function, "default")


def method(function: Optional[F] = None, *, name: Optional[str] = None, beside: bool = False) -> Any:
    """Of a class: answers calls by `osb call AGENT NAME`, by proxies and by timers.

    `beside`: it runs in a thread of its own, at once, also while a handler works; then it sees to its own locks.
    """
    if function is None:
        return lambda function: _mark(function, "method", name or function.__name__, beside)
    return _mark(function, "method", name or function.__name__, beside)


def every(interval: Duration, alias: Optional[str] = None) -> Callable[[F], F]:
    """Of a class: runs again and again, from when the system is wired. A tick that comes late is left out."""
    when = {"every": milliseconds(interval)}
    return lambda function: _mark(function, "timer", when, alias)


def after(delay: Duration, alias: Optional[str] = None) -> Callable[[F], F]:
    """Of a class: runs once, so long after the system is wired."""
    when = {"after": milliseconds(delay)}
    return lambda function: _mark(function, "timer", when, alias)


@dataclass
class Code:
    """All that an agent runs, by the names under which it is found."""

    handlers: Dict[str, Callable[..., Any]] = field(default_factory=dict)
    methods: Dict[str, Callable[..., Any]] = field(default_factory=dict)
    #: Methods that run in threads of their own.
    beside: Dict[str, Callable[..., Any]] = field(default_factory=dict)
    default: Optional[Callable[..., Any]] = None
    timers: List[Tuple[Dict[str, Any], Callable[..., Any]]] = field(default_factory=list)

    @classmethod
    def of(cls, agent: Any) -> "Code":
        """What the class of an agent has."""
        code = cls()
        for name in dir(type(agent)):
            function = getattr(type(agent), name, None)
            for role in getattr(function, _ROLES, ()):
                code.add(getattr(agent, name), *role)
        return code

    def add(self, function: Callable[..., Any], role: str, *what: Any) -> None:
        """Adds code in a role."""
        if role == "handler":
            self.handlers[what[0]] = function
        elif role == "default":
            self.default = function
        elif role == "method":
            (self.beside if what[1] else self.methods)[what[0]] = function
        else:
            self.timers.append((timer(function, *what), function))


def timer(function: Callable[..., Any], when: Dict[str, int], alias: Optional[str]) -> Dict[str, Any]:
    """The timer of a function, as it is listed."""
    name = getattr(function, "__name__", "function")
    return {"alias": alias, "when": when, "action": {"call": {"method": name, "params": None}}}


def arguments(params: Any) -> Tuple[List[Any], Dict[str, Any]]:
    """The arguments of a method: a map gives them by name, a list by place, null none, anything else is the one."""
    if params is None:
        return [], {}
    if isinstance(params, dict):
        return [], params
    return (params, {}) if isinstance(params, list) else ([params], {})
