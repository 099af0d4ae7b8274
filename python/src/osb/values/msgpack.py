"""MessagePack (<https://msgpack.org>), in Python alone: the items of arrays stay views of the frame.

Where the package `msgpack` is installed, messages of many small values go by that, which is faster for them.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, Dict, List, Optional, Tuple

from .tags import ValueProblem, tagged, untagged

#: How deep lists and maps may stand in one another, as everywhere in osb.
DEEPEST = 100
_D = struct.Struct(">d")
_WIDTHS: Dict[int, Tuple[str, int]] = {
    0xCA: (">f", 4), 0xCB: (">d", 8),
    0xCC: (">B", 1), 0xCD: (">H", 2), 0xCE: (">I", 4), 0xCF: (">Q", 8),
    0xD0: (">b", 1), 0xD1: (">h", 2), 0xD2: (">i", 4), 0xD3: (">q", 8),
}  # fmt: skip
_SIZES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


_KEYS = (str, int, bytes, float, bool, type(None), tuple)


class TooMany(Exception):
    """There are more values in a frame than this decoder is to read."""


def pack(value: Any) -> bytes:
    """A message as bytes. Raises ValueProblem."""
    parts: List[Any] = []
    _pack(value, parts.append, 0)
    return b"".join(parts)


def _pack(value: Any, put: Callable[[Any], None], depth: int) -> None:
    kind = type(value)
    if value is None:
        put(b"\xc0")
    elif kind is bool:
        put(b"\xc3" if value else b"\xc2")
    elif kind is int:
        _pack_int(value, put, depth)
    elif kind is float:
        put(b"\xcb" + _D.pack(value))
    elif kind is str:
        data = value.encode()
        put(_head(len(data), (0xA0, 32), (0xD9, 0xDA, 0xDB)))
        put(data)
    elif kind in (bytes, bytearray, memoryview):
        put(_head(memoryview(value).nbytes, (0, 0), (0xC4, 0xC5, 0xC6)))
        put(value)
    elif depth >= DEEPEST:
        raise ValueProblem(f"nested more than {DEEPEST} deep")
    elif kind is list:
        put(_head(len(value), (0x90, 16), (0, 0xDC, 0xDD)))
        for item in value:
            _pack(item, put, depth + 1)
    elif kind is dict:
        put(_head(len(value), (0x80, 16), (0, 0xDE, 0xDF)))
        for key, item in value.items():
            _pack(key, put, depth + 1)
            _pack(item, put, depth + 1)
    else:
        _pack_tagged(tagged(value), put, depth)


def _pack_tagged(value: Any, put: Callable[[Any], None], depth: int) -> None:
    # The shape of an array is a tuple, and stands there as a plain list.
    if type(value) is dict and "$ndarray" in value:
        dtype, shape, data = value["$ndarray"]
        value = {"$ndarray": [dtype, list(shape), data]}
    elif type(value) is dict and "$numpy" in value:
        value = {"$numpy": list(value["$numpy"])}
    _pack(value, put, depth)


def _pack_int(value: int, put: Callable[[Any], None], depth: int) -> None:
    if 0 <= value < 0x80:
        put(bytes((value,)))
    elif -32 <= value < 0:
        put(struct.pack(">b", value))
    else:
        codes = (0xCC, 0xCD, 0xCE, 0xCF) if value > 0 else (0xD0, 0xD1, 0xD2, 0xD3)
        for code in codes:
            form, width = _WIDTHS[code]
            low = 0 if value > 0 else -(1 << (8 * width - 1))
            if low <= value < 1 << (8 * width):
                put(bytes((code,)) + struct.pack(form, value))
                return
        _pack({"$int": str(value)}, put, depth)


def _head(size: int, fixed: Tuple[int, int], codes: Tuple[int, int, int]) -> bytes:
    if size < fixed[1]:
        return bytes((fixed[0] | size,))
    for code, form, limit in zip(codes, (">B", ">H", ">I"), (1 << 8, 1 << 16, 1 << 32)):
        if code and size < limit:
            return bytes((code,)) + struct.pack(form, size)
    raise ValueProblem("a message is longer than MessagePack can say")


def unpack(frame: Any, most: Optional[int] = None) -> Any:
    """The message in a frame. The items of arrays in it are views of the frame.

    Raises ValueProblem; and TooMany if there are more than `most` values in it.
    """
    reader = _Reader(memoryview(frame).cast("B"), most)
    try:
        value = reader.next(0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueProblem(f"not msgpack: {error}") from None
    if reader.at != len(reader.view):
        raise ValueProblem("not msgpack: there is more behind the message")
    return value


class _Reader:
    def __init__(self, view: memoryview, most: Optional[int]) -> None:
        self.view, self.at = view, 0
        self.left = len(view) + 1 if most is None else most
        #: Bytes are the items of an array, and are not copied.
        self.views = False

    def next(self, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise TooMany
        code = self.view[self.at]
        self.at += 1
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self.map(code & 0x0F, depth)
        if code < 0xA0:
            return self.list(code & 0x0F, depth)
        if code < 0xC0:
            return str(self.take(code & 0x1F), "utf-8")
        return self.other(code, depth)

    def other(self, code: int, depth: int) -> Any:
        if code in _WIDTHS:
            form, width = _WIDTHS[code]
            return struct.unpack(form, self.take(width))[0]
        if code in _SIZES:
            size = int.from_bytes(self.take(_SIZES[code]), "big")
            if code <= 0xC6:
                return self.take(size) if self.views else bytes(self.take(size))
            if code <= 0xDB:
                return str(self.take(size), "utf-8")
            return self.list(size, depth) if code <= 0xDD else self.map(size, depth)
        if code in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[code]
        raise ValueProblem(f"not msgpack that osb reads: a value of the type {code:#x}")

    def take(self, size: int) -> memoryview:
        end = self.at + size
        if end > len(self.view):
            raise IndexError("it ends too early")
        taken = self.view[self.at : end]
        self.at = end
        return taken

    def list(self, size: int, depth: int) -> Any:
        self.deeper(depth)
        return [self.next(depth + 1) for _ in range(size)]

    def map(self, size: int, depth: int) -> Any:
        self.deeper(depth)
        value: Dict[Any, Any] = {}
        for _ in range(size):
            key = self.next(depth + 1)
            if type(key) not in _KEYS:
                raise ValueProblem("not msgpack that osb reads: a key of a map is a list or a map")
            self.views = size == 1 and key in ("$ndarray", "$numpy", "$dataframe")
            value[key] = self.next(depth + 1)
            self.views = False
        return untagged(value) if size == 1 else value

    def deeper(self, depth: int) -> None:
        if depth >= DEEPEST:
            raise ValueProblem(f"nested more than {DEEPEST} deep")
