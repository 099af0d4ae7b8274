"""Agents in Python are tapped, and tell of their rates, as others are."""

import json

import pytest

import osb
from osb.agent.core import stream
from osb.agent.core.stream import Stream, Traffic, step_of
from osb.system import run as osb_command

TOPOLOGY = """
osb: 1
name: tapped
security: SECURITY
agents:
  Alice:
    command: [python, alice.py]
    speaks: osb
    bind: { work: PUSH, news: PUB, bytes: { kind: PUSH, serializer: raw } }
  Bob:
    command: [python, bob.py]
    speaks: osb
    bind: { ask: REP }
  Carol:
    timers: [{ every: 30ms, send: ask, message: "how are you?" }]
connections:
  - { agent: Bob, to: Alice.work, alias: work }
  - { agent: Bob, to: Alice.news, alias: news, handler: { sport: log } }
  - { agent: Bob, to: Alice.bytes, alias: bytes, handler: log }
  - { agent: Carol, to: Bob.ask, alias: ask, handler: discard }
"""
ALICE = """
import osb
alice = osb.Agent("Alice")

@alice.every("30ms")
def send():
    alice.send("work", {"x": 1})
    alice.send("news", "goal", topic="sport")
    alice.send("bytes", b"\\xff\\x00")

alice.run()
"""
BOB = """
import osb
bob = osb.Agent("Bob")

@bob.handler("work")
def work(message):
    pass

@bob.handler("ask")
def ask(message):
    return "well"

bob.run()
"""


def run(up, *words):
    """A command of osb, about that system."""
    return osb_command(["--system", up.name, *words], timeout=60)


@pytest.mark.parametrize("security", ["none", "curve"])
def test_what_passes_is_shown_in_both_directions(system, security):
    up = system(TOPOLOGY.replace("SECURITY", security), alice=ALICE, bob=BOB)
    seen = {}
    for line in run(up, "tap", "Alice", "Bob", "-n", "200", "-o", "json").splitlines():
        message = json.loads(line)
        seen.setdefault((message["agent"], message["alias"], message["way"], message["sort"]), message)
    said = {key: message.get("message", message.get("bytes")) for key, message in seen.items()}
    assert said == {
        ("Alice", "work", "out", "message"): {"x": 1},
        ("Bob", "work", "in", "message"): {"x": 1},
        ("Alice", "news", "out", "publication"): "goal",
        ("Bob", "news", "in", "publication"): "goal",
        ("Alice", "bytes", "out", "message"): {"$base64": "/wA="},
        ("Bob", "bytes", "in", "message"): {"$base64": "/wA="},
        ("Bob", "ask", "in", "request"): "how are you?",
        ("Bob", "ask", "out", "answer"): "well",
    }
    assert seen["Alice", "news", "out", "publication"]["topic"] == "sport"
    assert seen["Bob", "ask", "out", "answer"]["took_us"] >= 0
    assert seen["Alice", "work", "out", "message"]["count"] >= 1


def test_rates_are_counted(system):
    up = system(TOPOLOGY.replace("SECURITY", "none"), alice=ALICE, bob=BOB)
    rates = json.loads(run(up, "rate", "--once", "--interval", "500ms", "-o", "json"))
    by_socket = {(it["agent"], it["alias"]): it for it in rates}
    sent = by_socket["Alice", "work"]["sent"]
    assert sent["messages"] > 3 and sent["bytes"] == 7 * sent["messages"] and sent["size_p50"] == 7
    assert by_socket["Bob", "work"]["received"]["messages"] > 3
    asked = by_socket["Bob", "ask"]
    assert asked["received"]["messages"] > 3 and asked["sent"]["messages"] > 3


def test_what_an_agent_takes_of_its_machine_is_told(system):
    up = system(TOPOLOGY.replace("SECURITY", "none"), alice=ALICE, bob=BOB)
    agents = json.loads(run(up, "top", "--once", "-o", "json"))["agents"]
    alice = next(it for it in agents if it["agent"] == "Alice")
    assert alice["memory"] > 1 << 20 and alice["cpu"] >= 0 and alice["program_cpu"] is None
    assert alice["sent_per_s"] > 3


def records(batch):
    """The socket records and the messages of a batch, and how many are lost."""
    lost, at, found = int.from_bytes(batch[:8], "big"), 8, []
    while at < len(batch):
        length = int.from_bytes(batch[at : at + 4], "big")
        record = batch[at + 4 : at + 4 + length]
        if record[0] == 0x80:
            found.append(json.loads(record[3:]))
        else:
            found.append((record[0], int.from_bytes(record[3:11], "big"), bytes(record[31:])))
        at += 4 + length
    return lost, found


def test_a_stream_describes_a_socket_once_and_counts_what_it_has_no_room_for():
    it = Stream({"sample": 2, "most": 3})
    number = it.enter("main", "PUSH", "json")
    for text in (b"hello", b"left out", b"hey"):
        it.note(number, True, stream.MESSAGE, 0, memoryview(text), 1)
    described = {"alias": "main", "kind": "PUSH", "serializer": "json"}
    assert records(it.take()) == (0, [described, (1, 1, b"hel"), (1, 3, b"hey")])
    assert it.is_empty()
    all_of_it = Stream({"topics": ["sport"]})
    number = all_of_it.enter("news", "PUB", "json")
    large = memoryview(bytes(stream.ROOM // 2))
    for _ in range(4):
        all_of_it.note(number, False, stream.REQUEST, 7, large, 1)
    all_of_it.note(number, False, stream.PUBLICATION, 0, memoryview(b"news\x80x"), 1)
    batch = all_of_it.take(10)
    lost, found = records(batch)
    assert (lost, len(found)) == (3, 1), "the socket alone is more than was asked for"
    all_of_it.put_back(batch)
    assert len(records(all_of_it.take())[1]) == 2


def test_sizes_have_steps_as_others_have():
    assert [step_of(size) for size in (0, 31, 32, 33, 34, 63, 64, 1000)] == [0, 31, 32, 32, 33, 47, 48, 111]
    traffic = Traffic()
    for at in (0.0, 0.5, 1.0):
        traffic.note(10, at)
    assert traffic.to_json() == {
        "messages": 3, "bytes": 30, "sizes": [(10, 3)], "intervals": 2, "interval_us": 1e6, "interval_us2": 5e11,
    }  # fmt: skip


def test_the_level_tap_may_look_into_messages():
    from osb.agent.core import access

    tap, read = osb.wire.LEVELS.index("tap"), osb.wire.LEVELS.index("read")
    access.check("tap", tap)
    access.check("rate", read)
    with pytest.raises(osb.Fault):
        access.check("tap", read)
    with pytest.raises(osb.Fault):
        access.check("set_attr", tap)
