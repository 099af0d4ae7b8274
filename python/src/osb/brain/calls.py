"""Calls of an agent's methods and what they return: values by specs/values.md; functions, classes and agents by
reference; errors with their class and their traceback.

`plain` makes of a value one that osb's requests take, `revive` makes the value of that again.
"""

from __future__ import annotations

import traceback
import types
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

from ..errors import Fault, OsbError
from ..proxy import of_json, to_json
from ..values import encode
from . import refs
from .errors import RemoteError, RemoteTraceback

_MARK = "$osb.brain"
_LEAVES = (type(None), bool, int, float, str, bytes)
_MARKED = (tuple, set, frozenset)

#: What makes of a packed value the value again, by the word that it is packed under; proxies add their own.
READERS: Dict[str, Callable[[Any], Any]] = {
    "name": lambda parts: refs.by_name(*parts),
    "function": lambda ref: refs.to_function(ref, revive),
    "path": Path,
    "error": lambda parts: revive_error(parts),
    "tuple": lambda items: tuple(revive(items)),
    "set": lambda items: set(revive(items)),
    "frozenset": lambda items: frozenset(revive(items)),
    "map": lambda pairs: {revive(key): revive(value) for key, value in pairs},
}
#: What packs a value of a class: a word and parts.
WRITERS: Dict[type, Callable[[Any], Tuple[str, Any]]] = {}


def _marked(word: str, parts: Any) -> Dict[str, Any]:
    return {_MARK: [word, parts]}


def plain(value: Any) -> Any:
    """Raises CannotRefer, which says what cannot be sent, and what to do; values of other types are left as they are."""
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is list:
        return [plain(item) for item in value]
    if kind in _MARKED:
        return _marked(kind.__name__, [plain(item) for item in value])
    if kind is dict:
        return _plain_dict(value)
    for known, writer in WRITERS.items():
        if isinstance(value, known):
            return _marked(*writer(value))
    if isinstance(value, Path):
        return _marked("path", str(value))
    if isinstance(value, BaseException):
        return _marked("error", error_parts(value))
    return _plain_code(value) if callable(value) else value


def _checked(value: Any) -> Any:
    """The same; what cannot be sent is an error here, and not when all is encoded."""
    made = plain(value)
    encode(made, "json")
    return made


def _plain_dict(value: Dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value) and (len(value) != 1 or not next(iter(value)).startswith("$")):
        return {key: plain(item) for key, item in value.items()}
    return _marked("map", [[plain(key), plain(item)] for key, item in value.items()])


def _plain_code(value: Any) -> Any:
    name = refs.of_name(value)
    if isinstance(value, types.FunctionType) and value.__module__ == "__main__":
        # A script may have come to it after the agent was begun, which then finds it by its place.
        return _marked("function", {**refs.of_function(value, _checked), "named": name})
    if name is not None:
        return _marked("name", [name, refs.file_of(name.partition(":")[0])])
    if isinstance(value, types.FunctionType):
        return _marked("function", refs.of_function(value, _checked))
    if isinstance(value, type) or isinstance(value, (types.MethodType, types.BuiltinFunctionType)):
        what = getattr(value, "__qualname__", repr(value))
        raise refs.CannotRefer(
            f"{what} cannot be sent: classes and methods go by the name that they have in a module. Write a class at the"
            " top of a module; in place of a bound method, send a function that gets the agent as its first argument"
        )
    return value


def revive(value: Any) -> Any:
    """The value that was made plain. Raises CannotRefer if a function is not known here."""
    kind = type(value)
    if kind is dict:
        if len(value) == 1 and _MARK in value:
            word, parts = value[_MARK]
            return READERS[word](parts)
        return {key: revive(item) for key, item in value.items()}
    if kind is list:
        return [revive(item) for item in value]
    return value


# Errors.


def error_parts(error: BaseException) -> Dict[str, Any]:
    """An error with all that can be sent of it."""
    kind = type(error)
    cause = error.__cause__
    told = f"{cause}\n" if isinstance(cause, RemoteTraceback) else ""
    trace = told + "".join(traceback.format_exception(kind, error, error.__traceback__, chain=not told))
    parts: Dict[str, Any] = {
        "class": f"{kind.__module__}:{kind.__qualname__}", "text": str(error), "trace": trace, "args": None, "fault": None,
    }  # fmt: skip
    if isinstance(error, Fault):
        return {**parts, "fault": plain(error.body())}
    try:
        args = _checked(error.args)
    except (ValueError, refs.CannotRefer):
        return parts
    return {**parts, "args": args}


def revive_error(parts: Dict[str, Any]) -> BaseException:
    """The error, of its own class if that is known here; its cause has the traceback of the other process."""
    error = _error(parts)
    error.__cause__ = RemoteTraceback(parts["trace"])
    return error


def _error(parts: Dict[str, Any]) -> BaseException:
    if parts["fault"] is not None:
        return Fault.of_body(revive(parts["fault"]))
    try:
        kind = refs.by_name(parts["class"])
    except refs.CannotRefer:
        kind = None
    if isinstance(kind, type) and issubclass(kind, Exception):
        args = parts["args"] if parts["args"] is not None else (parts["text"],)
        try:
            return kind(*revive(args))
        except Exception:  # its class wants other arguments than it keeps
            pass
    return RemoteError(f"{parts['class'].rpartition(':')[2]}: {parts['text']}")


# A call.


def call_params(method: str, name: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
    """A call as the parameters of the request `call`. Raises CannotRefer or ValueProblem."""
    return {"name": method, "params": {"call": to_json(plain((name, args, kwargs)))}}


def carry_out(call: Any, run: Callable[..., Any]) -> Any:
    """Carries out a call by `run(name, args, kwargs)`, and makes plain what comes of it."""
    try:
        name, args, kwargs = revive(call)
        return plain((True, run(name, args, kwargs)))
    except Exception as error:
        return plain((False, error))


def outcome(answer: Any) -> Any:
    """What a call has returned, from the answer to the request. Raises what it has raised."""
    told = revive(of_json(answer))
    if type(told) is not tuple or len(told) != 2:
        raise OsbError("the answer to a call is none")
    good, value = told
    if good:
        return value
    raise value
