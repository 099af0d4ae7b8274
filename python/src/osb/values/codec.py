"""A message as bytes and back, by each serializer."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Callable, Dict, Optional, Tuple

from . import msgpack as own
from . import pickles
from .tags import READERS, ValueProblem, tagged, untagged

try:
    import msgpack as _fast
except ImportError:  # it is optional
    _fast = None

Decoder = Callable[[Any], Any]

#: Integers that JSON's readers in osb refuse have so many digits at least.
_WIDE = re.compile(rb"\d{19}")
_MOST = 64
_ARRAY = b"\x81\xa8$ndarray"
#: From so many bytes on, the few values of a frame are read as views of it.
_LARGE = 4096


def encode(message: Any, serializer: str) -> bytes:
    """A message as the frame's bytes. Raises ValueProblem, which names the type that cannot be sent."""
    try:
        return _ENCODERS[serializer](message)
    except RecursionError:
        raise ValueProblem("the message is nested too deep, or contains itself") from None


def decode(frame: Any, serializer: str) -> Any:
    """The message in a frame: bytes, or anything that has the buffer of some. Raises ValueProblem."""
    return decoder(serializer)(frame)


def decoder(serializer: str) -> Decoder:
    """What decodes frames by that serializer."""
    return _DECODERS[serializer]


# JSON.


def _json_default(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$base64": base64.b64encode(value).decode()}
    return tagged(value)


_dumps = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_json_default
).encode


def _encode_json(message: Any) -> bytes:
    try:
        frame = _dumps(message).encode()
        if not _WIDE.search(frame):
            return frame
    except ValueProblem:
        raise
    except (ValueError, UnicodeEncodeError) as error:
        if isinstance(error, UnicodeEncodeError):
            raise ValueProblem(f"the message has text that is none: {error}") from None
        if "Circular" in str(error):
            raise ValueProblem("the message contains itself") from None
    except TypeError as error:
        raise ValueProblem(str(error)) from None
    # A number that JSON does not know, or no reader of osb's takes.
    return _dumps(_exact(message)).encode()


def _exact(value: Any) -> Any:
    """The same with numbers as text that would not be read as what they are."""
    kind = type(value)
    if kind is float and (value != value or value in (float("inf"), float("-inf"))):
        return tagged(value)
    if kind is int and not -(1 << 63) <= value < 1 << 64:
        return tagged(value)
    if kind in (list, tuple):
        return [_exact(item) for item in value]
    if kind is dict:
        return {key: _exact(item) for key, item in value.items()}
    return value


def stands_for_a_value(value: Dict[str, Any]) -> bool:
    """Whether an object with one key is one of those that stand for another value."""
    (key,) = value
    return key == "$base64" or key in READERS


def _json_object(value: Dict[str, Any]) -> Any:
    if len(value) == 1 and "$base64" in value:
        try:
            return base64.b64decode(value["$base64"], validate=True)
        except (ValueError, TypeError):
            return value
    return untagged(value)


_plain = json.JSONDecoder()
_loads = _plain.decode
#: Without a look for white space around a message, which takes as long as a short one.
_scan: Callable[[str, int], Tuple[Any, int]] = getattr(_plain, "scan_once")
_loads_tagged = json.JSONDecoder(object_hook=_json_object).decode


def _decode_json(frame: Any) -> Any:
    data = frame if type(frame) is bytes else bytes(frame)
    try:
        text = data.decode()
        # One byte is found much faster than two.
        if b"$" in data and b'"$' in data:
            return _loads_tagged(text)
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            return _loads(text)
        return value if end == len(text) else _loads(text)
    except ValueProblem:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueProblem(f"not json: {error}") from None


# MessagePack.


def _fast_default(value: Any) -> Any:
    plain = tagged(value)
    if type(plain) is dict and ("$ndarray" in plain or "$numpy" in plain):
        (key,) = plain
        return {key: [list(part) if type(part) is tuple else part for part in plain[key]]}
    return plain


def _encode_msgpack(message: Any) -> bytes:
    if _fast is None or type(message).__name__ == "ndarray":
        return own.pack(message)
    try:
        return bytes(_fast.packb(message, use_bin_type=True, strict_types=True, default=_fast_default))
    except ValueProblem:
        raise
    except (OverflowError, ValueError, TypeError, UnicodeEncodeError):
        # By the one that says what is wrong, or knows what the other does not.
        try:
            return own.pack(message)
        except UnicodeEncodeError as error:
            raise ValueProblem(f"the message has text that is none: {error}") from None


def _decode_msgpack(frame: Any) -> Any:
    if _fast is None or frame[: len(_ARRAY)] == _ARRAY:
        return own.unpack(frame)
    if len(frame) >= _LARGE:
        try:
            return own.unpack(frame, _MOST)
        except own.TooMany:
            pass
    # An object that stands for a value is looked for only where there can be one.
    hook = None if type(frame) is bytes and b"$" not in frame else untagged
    try:
        return _fast.unpackb(frame, raw=False, strict_map_key=False, object_hook=hook)
    except ValueProblem:
        raise
    except Exception as error:
        raise ValueProblem(f"not msgpack: {error or type(error).__name__}") from None


# Raw.


def _encode_raw(message: Any) -> bytes:
    if isinstance(message, str):
        return message.encode()
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    if message is None:
        return b""
    raise ValueProblem(f"the raw serializer takes text or bytes, not a {type(message).__name__}")


_ENCODERS: Dict[str, Callable[[Any], bytes]] = {
    "json": _encode_json,
    "msgpack": _encode_msgpack,
    "raw": _encode_raw,
    "pickle": pickles.write,
}
_DECODERS: Dict[str, Decoder] = {"json": _decode_json, "msgpack": _decode_msgpack, "raw": bytes, "pickle": pickles.refuse}


# Errors as answers: specs/commands.md, "Messages and serializers".


def error_answer(reason: str, serializer: str) -> bytes:
    """An error, as the answer to a request."""
    if serializer in ("raw", "pickle"):
        # No pickle begins so.
        return f"error: {reason}".encode(errors="replace")
    return encode({"$error": reason}, serializer)


def answer_of(frame: Any, serializer: str, read: Optional[Decoder] = None) -> Tuple[Any, Optional[str]]:
    """An answer, or the reason of the error that it stands for. `read` reads it, if that is not the serializer's own
    way. Raises ValueProblem."""
    if serializer == "pickle" and bytes(frame[:7]) == b"error: ":
        return None, bytes(frame[7:]).decode(errors="replace")
    value = (read or decoder(serializer))(frame)
    if serializer == "raw":
        if value.startswith(b"error: "):
            return None, value[7:].decode(errors="replace")
    elif type(value) is dict and len(value) == 1 and type(value.get("$error")) is str:
        return None, value["$error"]
    return value, None
