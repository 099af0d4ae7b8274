"""Calls of an agent's methods and what they return, as bytes: values by specs/values.md; functions, classes and
agents by reference; errors with their class and their traceback.
"""

from __future__ import annotations

import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Tuple

from ..errors import Fault, OsbError
from ..proxy import of_json, to_json
from ..values import decode, encode
from . import refs
from .errors import RemoteError, RemoteTraceback

if TYPE_CHECKING:
    from .core import Core

_MARK = "$osb.brain"
_LEAVES = (type(None), bool, int, float, str, bytes)

#: What makes of a packed value the value again, by the word that it is packed under; proxies add their own.
READERS: Dict[str, Callable[[Any], Any]] = {
    "name": lambda parts: refs.by_name(*parts),
    "function": lambda ref: refs.to_function(ref, _revive),
    "path": Path,
    "error": lambda parts: revive_error(parts),
    "map": lambda pairs: {_revive(key): _revive(value) for key, value in pairs},
}
#: What packs a value of a class: a word and parts.
WRITERS: Dict[type, Callable[[Any], Tuple[str, Any]]] = {}


def pack(value: Any) -> bytes:
    """A value as bytes. Raises ValueProblem or CannotRefer, which say what cannot be sent, and what to do."""
    return encode(_plain(value), "msgpack")


def unpack(frame: bytes) -> Any:
    """The value again."""
    return _revive(decode(frame, "msgpack"))


def _marked(word: str, parts: Any) -> Dict[str, Any]:
    return {_MARK: [word, parts]}


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is list:
        return [_plain(item) for item in value]
    if kind is tuple:
        return tuple(_plain(item) for item in value)
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
    plain = _plain(value)
    encode(plain, "msgpack")
    return plain


def _plain_dict(value: Dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value) and (len(value) != 1 or not next(iter(value)).startswith("$")):
        return {key: _plain(item) for key, item in value.items()}
    return _marked("map", [[_plain(key), _plain(item)] for key, item in value.items()])


def _plain_code(value: Any) -> Any:
    name = refs.of_name(value)
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


def _revive(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        if len(value) == 1 and _MARK in value:
            word, parts = value[_MARK]
            return READERS[word](parts)
        return {key: _revive(item) for key, item in value.items()}
    if kind is list:
        return [_revive(item) for item in value]
    if kind is tuple:
        return tuple(_revive(item) for item in value)
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
        return {**parts, "fault": _plain(error.body())}
    try:
        plain = _plain(error.args)
        encode(plain, "msgpack")
    except (ValueError, refs.CannotRefer):
        return parts
    return {**parts, "args": plain}


def revive_error(parts: Dict[str, Any]) -> BaseException:
    """The error, of its own class if that is known here; its cause has the traceback of the other process."""
    error = _error(parts)
    error.__cause__ = RemoteTraceback(parts["trace"])
    return error


def _error(parts: Dict[str, Any]) -> BaseException:
    if parts["fault"] is not None:
        return Fault.of_body(_revive(parts["fault"]))
    try:
        kind = refs.by_name(parts["class"])
    except refs.CannotRefer:
        kind = None
    if isinstance(kind, type) and issubclass(kind, Exception):
        args = parts["args"] if parts["args"] is not None else (parts["text"],)
        try:
            return kind(*_revive(args))
        except Exception:  # its class wants other arguments than it keeps
            pass
    return RemoteError(f"{parts['class'].rpartition(':')[2]}: {parts['text']}")


# A call.


def call_frame(name: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> bytes:
    """A call as bytes."""
    return pack((name, args, kwargs))


def wire_frame(frame: bytes) -> Any:
    """Bytes as a parameter of a request."""
    return to_json(frame)


def of_wire_frame(value: Any) -> bytes:
    """The bytes again. Raises OsbError if it is none: the agent is not of osBrain's form."""
    frame = of_json(value)
    if not isinstance(frame, bytes):
        raise OsbError("the answer to a call is none")
    return frame


def carry_out(core: "Core", frame: bytes, run: Callable[..., Any]) -> bytes:
    """Carries out a call by `run(name, args, kwargs)`, and packs what comes of it."""
    try:
        name, args, kwargs = unpack(frame)
        return pack((True, run(name, args, kwargs)))
    except Exception as error:
        return pack((False, error))


def outcome(frame: bytes) -> Any:
    """What a call has returned. Raises what it has raised."""
    good, value = unpack(frame)
    if good:
        return value
    raise value
