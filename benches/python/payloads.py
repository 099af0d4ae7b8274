"""Messages of each size, and as what each side wants to get them."""

import json
import pickle

import numpy

from osb.values import encode

_PAIRS = [[number, f"item {number}"] for number in range(62)]
#: A name that ends so is for the serializer msgpack; osBrain gets the same by pickle, in each row.
_BY_MSGPACK = ", msgpack"
PAYLOADS = {
    "10 B": {"n": 1234},
    "1 KiB of text": "x" * 1000,
    "1 KiB, a list of pairs": {"what": "a list of pairs", "pairs": _PAIRS},
    "1 KiB, a list of pairs, msgpack": {"what": "a list of pairs", "pairs": _PAIRS},
    "100 KB array": numpy.arange(12_500, dtype="float64"),
}


def frame(payload, format):
    """A message on the wire. `osb` is the serializer that suits it: json, and msgpack for arrays."""
    value = PAYLOADS[payload]
    if format == "pickle":
        return pickle.dumps(value, -1)
    return encode(value, serializer(payload) if format == "osb" else format)


def serializer(payload):
    """What an agent of osb takes for it."""
    return "msgpack" if "array" in payload or payload.endswith(_BY_MSGPACK) else "json"


def bare_decoder(payload):
    """The same by hand, as a loop on bare pyzmq would read it."""
    if serializer(payload) == "json":
        return json.loads
    import msgpack

    if "array" not in payload:
        return msgpack.unpackb

    unpack, read = msgpack.unpackb, numpy.frombuffer

    def decode(data):
        dtype, shape, items = unpack(data)["$ndarray"]
        return read(items, dtype).reshape(shape)

    return decode
