"""Messages come back as they were, by each serializer, with and without the fast msgpack."""

import datetime as dt
import decimal
import enum
import math
import uuid

import pytest

from osb.values import RawArray, ValueProblem, answer_of, codec, decode, encode, error_answer, register_type

numpy = pytest.importorskip("numpy")

PLAIN = [None, True, 0, -1, 31, -33, 127, 128, 255, 65536, 2**32, -(2**31), 2**64 - 1, -(2**63), 1.5, "", "ü" * 40,
         [], [1, [2, {"a": "b"}]], {}, {"x": None}, "x" * 70000, list(range(70)), {str(i): i for i in range(40)}]
TYPED = [b"", b"\x00\xff", {1, 2}, frozenset("a"), dt.datetime(2026, 1, 2, 3, 4, 5, 6), dt.date(2026, 1, 2),
         dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc), dt.time(1, 2), dt.timedelta(days=-1, microseconds=3),
         decimal.Decimal("1.10"), uuid.UUID(int=7), 1 + 2j, 2**80, {"in": [b"x", {"y": {3}}]}]


@pytest.fixture(params=["fast", "own"])
def packer(request, monkeypatch):
    if request.param == "own":
        monkeypatch.setattr(codec, "_fast", None)
    else:
        pytest.importorskip("msgpack")


def back(value, serializer):
    return decode(encode(value, serializer), serializer)


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
@pytest.mark.parametrize("value", PLAIN + TYPED, ids=lambda value: repr(value)[:20])
def test_values_come_back(packer, value, serializer):
    there = back(value, serializer)
    assert there == value
    if isinstance(value, (int, float, str, bytes, set, list, dict, type(None))):
        assert type(there) is type(value)


def test_tuples_are_lists_in_json_and_tuples_in_msgpack(packer):
    assert back({"a": (1, (2,))}, "msgpack") == {"a": (1, (2,))}
    assert back({"a": (1, (2,))}, "json") == {"a": [1, [2]]}


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_numbers_that_are_none_come_back(packer, serializer):
    assert math.isnan(back([float("nan")], serializer)[0])
    assert back({"x": float("-inf")}, serializer) == {"x": float("-inf")}


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
@pytest.mark.parametrize("array", [
    numpy.arange(12, dtype="<i4").reshape(3, 4), numpy.zeros((0, 3)), numpy.array(["2026-01-01"], "M8[D]"),
    numpy.array([True, False]), numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)), numpy.array("hé"), numpy.arange(5000.0),
], ids=str)
def test_arrays_come_back(packer, array, serializer):
    for value in (array, {"frame": array, "n": 1}):
        there = back(value, serializer)
        there = there["frame"] if isinstance(there, dict) else there
        assert there.dtype == array.dtype and there.shape == array.shape and (there == array).all()


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_numbers_of_numpy_stay_what_they_are(packer, serializer):
    value = [numpy.float32(1.5), numpy.int8(-3), numpy.bool_(True)]
    there = back(value, serializer)
    assert there == value and [type(it) for it in there] == [type(it) for it in value]


def test_a_float64_is_itself_by_msgpack_and_a_float_in_json(packer):
    assert type(back(numpy.float64(2.5), "msgpack")) is numpy.float64
    assert back(numpy.float64(2.5), "json") == 2.5


def test_arrays_are_views_of_the_frame(packer):
    for value in (numpy.arange(10_000), {"a": numpy.arange(10_000), "t": 0.1}):
        frame = encode(value, "msgpack")
        there = decode(frame, "msgpack")
        there = there["a"] if isinstance(there, dict) else there
        assert numpy.shares_memory(there, numpy.frombuffer(frame, "u1"))


def test_without_numpy_an_array_is_its_parts(monkeypatch):
    frame = encode(numpy.arange(3, dtype="<u2"), "msgpack")
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    there = decode(frame, "msgpack")
    assert there == RawArray("<u2", (3,), b"\x00\x00\x01\x00\x02\x00") and encode(there, "msgpack") == frame


class Colour(enum.IntEnum):
    RED = 1


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


class Unknown:
    pass


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_what_cannot_be_sent_is_named(packer, serializer):
    assert back([Colour.RED], serializer) == [1]
    with pytest.raises(ValueProblem, match="Unknown cannot be in a message.*register_type"):
        encode({"x": [Unknown()]}, serializer)
    with pytest.raises(ValueProblem, match="object"):
        encode(numpy.array([object()]), serializer)
    loop = []
    loop.append(loop)
    with pytest.raises(ValueProblem):
        encode(loop, serializer)


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_a_type_can_be_registered(packer, serializer):
    register_type(Point, "test.Point", lambda it: [it.x, it.y], lambda plain: Point(*plain))
    there = back({"p": Point(1, numpy.float32(2))}, serializer)["p"]
    assert isinstance(there, Point) and (there.x, there.y) == (1, 2)
    with pytest.raises(ValueProblem, match="'other' which is not registered|'other', which is not registered"):
        decode(encode({"$type": ["other", 1]}, serializer), serializer)


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x92\x01", b"\xdd\xff\xff\xff\xff", b"\x91" * 2000 + b"\x01",
                                   b"\x01\x02", b"\xa2\xff\xff", b"\x81\x90\x01", b"\x81\xa8$ndarray\x01",
                                   b"\x81\xa8$ndarray\x93\xa3|O8\x91\x01\xc4\x08" + b"\x00" * 8])
def test_bytes_that_are_no_message_are_refused(packer, frame):
    with pytest.raises(ValueProblem):
        decode(frame, "msgpack")


def test_garbage_is_no_json():
    for frame in (b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueProblem):
            decode(frame, "json")


def test_raw_is_bytes():
    assert encode("hi", "raw") == b"hi" and encode(None, "raw") == b"" and decode(b"\xff", "raw") == b"\xff"
    with pytest.raises(ValueProblem, match="text or bytes"):
        encode(1, "raw")


@pytest.mark.parametrize("serializer", ["json", "msgpack", "raw"])
def test_errors_are_answers(serializer):
    assert answer_of(error_answer("no", serializer), serializer) == (None, "no")
    assert answer_of(encode("error", serializer), serializer)[1] is None
