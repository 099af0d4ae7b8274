"""Values that JSON does not know, as objects with one key that begins with `$`: the same in every serializer.

`untagged` makes of such an object the value again; `tagged` goes the other way, one level deep: what encodes comes
again for what is inside. numpy and pandas are used where they are, and never imported for a value that is not theirs.
"""

from __future__ import annotations

import datetime as dt
import decimal
import sys
import uuid
from typing import Any, Callable, Dict, NamedTuple, Tuple, Type, TypeVar

T = TypeVar("T")


class ValueProblem(ValueError):
    """A value cannot be a message, or bytes are none."""


class RawArray(NamedTuple):
    """A numpy array for a reader that has no numpy: `data` has the items of `shape` in C order, each as `dtype` says."""

    dtype: str
    shape: Tuple[int, ...]
    data: Any


Writer = Callable[[Any], Dict[str, Any]]

_named: Dict[str, Tuple[Type[Any], Callable[[Any], Any]]] = {}
_registered: Dict[Type[Any], Tuple[str, Callable[[Any], Any]]] = {}


def register_type(
    kind: Type[T], name: str, to_plain: Callable[[T], Any], of_plain: Callable[[Any], T]
) -> None:
    """Lets values of a type be in messages, by `name`. Both ends register it, under the same name.

    `to_plain` makes of a value one that can be a message already; `of_plain` makes the value of that again.
    """
    _registered[kind] = (name, to_plain)
    _named[name] = (kind, of_plain)


def tagged(value: Any) -> Any:
    """A value that is no plain one, as one that is, or as an object that stands for it. Raises ValueProblem."""
    kind = type(value)
    if kind in _registered:
        name, to_plain = _registered[kind]
        return {"$type": [name, to_plain(value)]}
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    return _of_library(value, kind)


def _of_library(value: Any, kind: Type[Any]) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return {"$ndarray": array_parts(value)}
    if numpy is not None and isinstance(value, numpy.generic):
        return {"$numpy": array_parts(numpy.asarray(value))[::2]}
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return {"$dataframe": _arrow_bytes(value)}
    for registered, (name, to_plain) in _registered.items():
        if isinstance(value, registered):
            return {"$type": [name, to_plain(value)]}
    return _of_subclass(value, kind)


def _of_subclass(value: Any, kind: Type[Any]) -> Any:
    """A value of a class that is made from a plain one is that one: an `IntEnum`, an `OrderedDict`, a named tuple."""
    plains: Tuple[Any, ...] = (int, float, str, dict, list, tuple)
    for plain in plains:
        if isinstance(value, plain) and kind is not plain:
            return plain(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    raise ValueProblem(f"a {name} cannot be in a message: make a plain value of it, or see osb.register_type")


def array_parts(array: Any) -> Tuple[str, Tuple[int, ...], Any]:
    """The dtype, the shape and the bytes of a numpy array, which are not copied if they are in C order."""
    import numpy

    if array.dtype.hasobject or array.dtype.fields is not None:
        raise ValueProblem(f"an array of {array.dtype} cannot be in a message: its items are no plain numbers or text")
    if array.size == 0:
        return array.dtype.str, array.shape, b""
    flat = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
    return array.dtype.str, array.shape, flat.data


def _arrow_bytes(frame: Any) -> bytes:
    try:
        import pyarrow
    except ImportError:
        raise ValueProblem("a pandas.DataFrame can be in a message where pyarrow is installed, and here it is not")
    table = pyarrow.Table.from_pandas(frame)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


_WRITERS: Dict[Type[Any], Writer] = {
    tuple: lambda value: {"$tuple": list(value)},
    set: lambda value: {"$set": list(value)},
    frozenset: lambda value: {"$frozenset": list(value)},
    dt.datetime: lambda value: {"$datetime": value.isoformat()},
    dt.date: lambda value: {"$date": value.isoformat()},
    dt.time: lambda value: {"$time": value.isoformat()},
    dt.timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    decimal.Decimal: lambda value: {"$decimal": str(value)},
    uuid.UUID: lambda value: {"$uuid": str(value)},
    complex: lambda value: {"$complex": [value.real, value.imag]},
    RawArray: lambda value: {"$ndarray": [value.dtype, list(value.shape), value.data]},
    int: lambda value: {"$int": str(value)},
    float: lambda value: {"$float": repr(value)},
}


def _array(parts: Any) -> Any:
    dtype, shape, data = parts
    shape = tuple(int(size) for size in shape)
    try:
        import numpy
    except ImportError:
        return RawArray(str(dtype), shape, data)
    return numpy.frombuffer(data, dtype=_dtype(numpy, dtype)).reshape(shape)


def _scalar(parts: Any) -> Any:
    dtype, data = parts
    array = _array((dtype, (1,), data))
    return array if isinstance(array, RawArray) else array[0]


def _dtype(numpy: Any, text: Any) -> Any:
    """Only what has no code in it: a peer chooses this text."""
    dtype = numpy.dtype(str(text))
    if dtype.hasobject or dtype.fields is not None:
        raise ValueProblem(f"an array of {text} is not taken from a message")
    return dtype


def _dataframe(data: Any) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ValueProblem("the message has a pandas.DataFrame, and pyarrow is not installed here")
    return pyarrow.ipc.open_stream(data).read_pandas()


def _of_registered(parts: Any) -> Any:
    name, plain = parts
    found = _named.get(name)
    if found is None:
        raise ValueProblem(f"the message has a value of the type {name!r}, which is not registered here: see osb.register_type")
    return found[1](plain)


READERS: Dict[str, Callable[[Any], Any]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$datetime": dt.datetime.fromisoformat,
    "$date": dt.date.fromisoformat,
    "$time": dt.time.fromisoformat,
    "$timedelta": lambda parts: dt.timedelta(*parts),
    "$decimal": decimal.Decimal,
    "$uuid": uuid.UUID,
    "$complex": lambda parts: complex(*parts),
    "$int": int,
    "$float": float,
    "$ndarray": _array,
    "$numpy": _scalar,
    "$dataframe": _dataframe,
    "$type": _of_registered,
}


def untagged(value: Dict[Any, Any]) -> Any:
    """The value that an object stands for; the object itself, if it stands for none. Raises ValueProblem."""
    if len(value) != 1:
        return value
    (key,) = value
    reader = READERS.get(key) if type(key) is str else None
    if reader is None:
        return value
    try:
        return reader(value[key])
    except ValueProblem:
        raise
    except Exception as error:
        raise ValueProblem(f"{key} is not followed by what it should: {error}") from None
