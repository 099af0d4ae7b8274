"""The pure cores of an agent, and the messages: no socket, no clock."""

import pytest

from osb import Address, Fault, Kind, OsbError, wire
from osb.agent.core import access
from osb.agent.core.busy import Busy
from osb.agent.core.steps import Steps
from osb.agent.core.timers import Timers
from osb.agent.core.wire import Effect, Stage, Wire
from osb.durations import milliseconds, seconds
from osb.errors import CallFailed, with_traceback


def all_to_begin(steps):
    return list(iter(steps.begin, None))


def test_it_is_led_step_by_step():
    steps = Steps()
    assert steps.begin() is None
    steps.on_configured()
    steps.lead("wire")
    assert all_to_begin(steps) == ["wire"]
    steps.lead("settle")
    assert steps.begin() is None, "its wires are not proven"
    assert steps.on_done("wire") and not steps.on_done("wire")
    assert all_to_begin(steps) == ["settle"] and steps.is_under_way("settle")
    steps.on_done("settle")
    steps.lead("wire")
    assert steps.begin() is None, "it is further already"
    steps.lead("go")
    assert all_to_begin(steps) == ["go"]
    steps.on_done("go")
    assert steps.done() == ["configure", "wire", "settle", "go"]


def test_one_whose_wires_are_not_proven_is_led_no_further_unless_it_goes_alone():
    steps = Steps()
    steps.lead("go")
    assert all_to_begin(steps) == ["wire"]
    steps.on_failed("wire", {"code": "refused", "reason": "x"})
    assert steps.begin() is None and steps.fault
    steps.lead("wire")
    assert steps.fault is None and all_to_begin(steps) == ["wire"]
    alone = Steps()
    alone.lead_alone("go")
    alone.begin()
    alone.on_failed("wire", {"code": "refused", "reason": "x"})
    assert all_to_begin(alone) == ["settle", "go"] and alone.done() == [] and alone.fault is None


def test_one_that_is_altered_proves_its_wires_again():
    steps = Steps()
    steps.on_configured()
    steps.lead_alone("go")
    for step in all_to_begin(steps):
        steps.on_done(step)
    for step in all_to_begin(steps):
        steps.on_done(step)
    steps.on_altered()
    assert "go" in steps.done() and "wire" not in steps.done()
    assert all_to_begin(steps) == ["wire"]


def at(port, kind=Kind.PUSH):
    return Address(kind, f"tcp://127.0.0.1:{port}")


def test_a_wire_is_dialled_proven_lost_and_proven_again():
    wire_ = Wire()
    assert wire_.found(at(1), None, 1.0) is Effect.DIAL
    assert wire_.connected(1.1) is None and wire_.stage is Stage.PROVEN
    assert wire_.found(at(1), None, 2.0) is None
    assert wire_.found(at(1), 0.9, 2.0) is None, "the peer is as old as the connection"
    assert wire_.found(at(1), 0.1, 2.0) is Effect.REDIAL, "the peer is another process"
    wire_.connected(2.1)
    wire_.lost()
    assert wire_.stage is Stage.CONNECTING
    assert wire_.found(at(2), None, 3.0) is Effect.DIAL


def test_a_subscription_is_proven_by_its_publisher():
    wire_ = Wire()
    wire_.found(at(1, Kind.PUB), None, 1.0)
    assert wire_.connected(1.1) is Effect.PROVE and wire_.stage is Stage.PROVING
    wire_.unseen(2.0)
    assert wire_.on_time(2.5) is None and wire_.on_time(wire_.wakes_at()) is Effect.PROVE
    wire_.seen()
    assert wire_.stage is Stage.PROVEN and wire_.wakes_at() is None


def spec(when, alias=None):
    return {"alias": alias, "when": when, "action": {"set": {"attributes": {}}}}


def test_timers_do_not_pile_up():
    timers = Timers()
    assert timers.add(spec({"every": 1000}), 0.0) == "timer-1"
    timers.add(spec({"after": 500}, "once"), 0.0)
    assert timers.due(10.0) == []
    timers.start(0.0)
    (once,) = timers.due(0.5)
    timers.end(once, "fired")
    assert timers.aliases() == ["timer-1"]
    (every,) = timers.due(3.7)
    assert timers.wakes_at() == 4.7, "it does not make up for what it has missed"
    assert timers.due(4.7) == [] and every.counts["skipped"] == 1, "its last call is still under way"
    timers.end(every, "failed")
    assert timers.list(5.0)[0]["failed"] == 1 and timers.list(5.0)[0]["when"] == {"every": 1000}
    assert timers.remove("timer-1") and not timers.remove("timer-1")


def test_what_is_busy_for_long_is_told_and_its_end():
    busy = Busy()
    assert not busy.look("inbox", 0, 0.0) and busy.busy_for is None
    assert not busy.look("inbox", 1, 1.9)
    assert not busy.look("inbox", 1, 3.8), "the second thing has not taken 2 s"
    assert busy.look("inbox", 1, 4.0) and busy.busy_for == pytest.approx(2.1)
    assert not busy.look("inbox", 1, 4.5)
    assert busy.look("inbox", 1, 5.0)
    assert busy.look(None, 2, 7.0) and busy.busy_for is None
    assert not busy.look(None, 2, 8.0)


def test_levels():
    access.check("call", 5)
    access.check("is_running", 3)
    access.check("status", 7)
    for verb, level in (("call", 3), ("set_attr", 2), ("call", 7), ("set_attr", 7), ("shutdown", 99), ("addr", 1), ("addr", 0)):
        with pytest.raises(Fault, match="is not for the level"):
            access.check(verb, level)


def test_headers_are_as_the_specification_shows():
    header = wire.Envelope(wire.Kind.REQUEST, 1, 10_000).encode()
    assert header.hex() == "6f73620201" + "0000000000000001" + "00002710" + "00"
    named = wire.Envelope(wire.Kind.REPLY, 7, peer="Ängel")
    assert wire.Envelope.decode(named.encode()) == named
    with pytest.raises(OsbError, match="version 9"):
        wire.Envelope.decode(b"osb\x09" + header[4:])
    for frames in ([b"x"], [b"x", b"{}"], [header, b"{"], [header[:10], b"1"]):
        with pytest.raises(OsbError):
            wire.read(frames)


def test_faults_are_sentences_and_carry_tracebacks():
    fault = Fault.of_body({"code": "unknown_alias", "agent": "Alice", "alias": "mian", "known": ["main"]})
    assert str(fault) == "Alice has no socket mian" and fault.fields["known"] == ["main"]
    assert fault.body()["code"] == "unknown_alias"
    try:
        raise ValueError("boom")
    except ValueError:
        import traceback

        failed = Fault.of_body({"code": "handler", "reason": with_traceback("ValueError: boom", traceback.format_exc())})
    assert isinstance(failed, CallFailed) and failed.reason == "ValueError: boom"
    assert failed.traceback.startswith("Traceback") and "test_core.py" in failed.traceback
    assert str(Fault("deadline", what="x", limit=5000)) == "x took longer than 5s"
    assert "strange" in str(Fault("strange", x=1)) and "unknown_alias" in str(Fault("unknown_alias"))


def test_durations():
    assert seconds("500ms") == 0.5 and seconds("1.5s") == 1.5 and seconds(2) == 2.0 and milliseconds("1m") == 60_000
    for none in ("", "5", "-1s", -1, float("nan"), None, True):
        with pytest.raises(ValueError):
            seconds(none)
