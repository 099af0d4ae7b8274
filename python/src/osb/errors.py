"""What can go wrong, typed: a caller tells cases apart by class or by `code`, and people read the sentence."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from .durations import text_of

Fields = Mapping[str, Any]


class OsbError(Exception):
    """Anything that osb refuses, or that came to nothing."""


class Timeout(OsbError):
    """Something took longer than it may."""


class NotFound(OsbError):
    """There is no such system, name server or program on this machine."""


class Fault(OsbError):
    """An error that another member has answered with.

    `code` is one of specs/protocol.md, "Faults"; `fields` are those of its kind.
    """

    def __init__(self, code: str, **fields: Any) -> None:
        self.code = code
        self.fields: Dict[str, Any] = fields
        super().__init__(sentence(code, fields))

    @classmethod
    def of_body(cls, body: Any) -> "Fault":
        """The fault in the body of an error."""
        if not isinstance(body, dict) or not isinstance(body.get("code"), str):
            return cls("bad_request", reason="an error that is no fault")
        fields = {key: value for key, value in body.items() if key != "code"}
        if body["code"] == "handler":
            return CallFailed(str(fields.get("reason", "")))
        return cls(body["code"], **fields)

    def body(self) -> Dict[str, Any]:
        """As it travels."""
        return {"code": self.code, **self.fields}


_TRACE = "\nTraceback (most recent call last):\n"


class CallFailed(Fault):
    """A handler or a method of another agent has failed.

    `reason` is what it said, in a line or more; `traceback` is that of the other process, if it is a Python agent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("handler", reason=reason)
        self.reason, trace, rest = reason.partition(_TRACE)
        self.traceback: Optional[str] = (trace + rest).lstrip("\n") if trace else None


def with_traceback(reason: str, traceback: str) -> str:
    """The reason of a fault that carries the traceback of a Python error."""
    return f"{reason}\n{traceback.rstrip()}"


def sentence(code: str, fields: Fields) -> str:
    """What a fault says to people."""
    make = _SENTENCES.get(code)
    if make is None:
        return f"{code}: {dict(fields)}" if fields else code
    try:
        return make(fields)
    except (KeyError, TypeError, ValueError):
        return f"{code}: {dict(fields)}"


def _not_running(f: Fields) -> str:
    states = {
        "failed": "has failed",
        "stopped": "has ended",
        "ended": "has ended",
        "restarting": "has ended, and is being restarted",
    }
    return f"{f['agent']} {states.get(f['state'], 'is ' + str(f['state']))}"


def _name_taken(f: Fields) -> str:
    pid = f", pid {f['pid']}" if f.get("pid") is not None else ""
    return f"the name {f['peer']} is taken by another process{pid}"


def _unknown_method(f: Fields) -> str:
    known = f": it has {', '.join(f['known'])}" if f.get("known") else ""
    return f"{f['agent']} has no method {f['method']!r}{known}"


_SENTENCES: Dict[str, Callable[[Fields], str]] = {
    "bad_request": lambda f: f"the request could not be read: {f['reason']}",
    "unknown_method": _unknown_method,
    "unknown_agent": lambda f: f"no agent is called {f['name']}",
    "unknown_member": lambda f: f"{f['peer']} is not a member of this system",
    "unknown_alias": lambda f: f"{f['agent']} has no socket {f['alias']}",
    "unknown_attribute": lambda f: f"{f['agent']} has no attribute {f['attribute']!r}",
    "unknown_topic": lambda f: f"{f['alias']} is not subscribed to {f['topic']!r}",
    "unknown_timer": lambda f: f"{f['agent']} has no timer {f['alias']}",
    "timer_taken": lambda f: f"{f['agent']} already has a timer {f['alias']}",
    "closed": lambda f: f"{f['agent']} has closed {f['alias']}",
    "name_taken": _name_taken,
    "alias_taken": lambda f: f"{f['agent']} already has a socket {f['alias']}",
    "not_running": _not_running,
    "unreachable": lambda f: f"{f['agent']} is unreachable: nothing was heard of it for {text_of(f['silent'])}",
    "gone": lambda f: f"{f['peer']} went away before it answered",
    "deadline": lambda f: f"{f['what']} took longer than {text_of(f['limit'])}",
    "bind": lambda f: f"cannot bind {f['alias']} to {f['address']}: {f['reason']}",
    "connect": lambda f: f"cannot connect {f['alias']} to {f['address']}: {f['reason']}",
    "unproven": lambda f: f"{f['alias']} → {f['to'] or f['address']} is not proven: {f['reason']}",
    "wrong_kind": lambda f: f"{f['alias']} is {article(f['kind'])} socket: it cannot {f['verb']}",
    "not_sent": lambda f: f"{f['alias']} cannot send: {f['reason']}",
    "start": lambda f: f"cannot start {f['agent']}: {f['reason']}",
    "handler": lambda f: str(f["reason"]),
    "not_permitted": lambda f: f"{f['verb']} is not for the level {f['level']}",
    "over_quota": lambda f: f"one member may have {f['most']} of {f['quota']}, and this one wants more",
    "refused": lambda f: str(f["reason"]),
}


def article(kind: str) -> str:
    """A kind in a sentence: `a PUSH`, `an ASYNC_REP`."""
    return f"{'an' if kind[:1] in 'AEIO' else 'a'} {kind}"
