"""Agents in Python tell what has happened to them, as others do."""

import json
import os
import signal

from conftest import wait_until
from osb.agent.core.history import History
from osb.agent.core.outbox import BATCH, Outbox
from osb.system import run as osb_command

TOPOLOGY = """
osb: 1
name: happened
security: none
agents:
  Alice:
    command: [python, alice.py]
    speaks: osb
    restart: always
    bind: { work: PUSH }
  Bob:
    command: [python, bob.py]
    speaks: osb
connections:
  - { agent: Bob, to: Alice.work, alias: work }
"""
ALICE = """
import osb
alice = osb.Agent("Alice")

@alice.method
def count(n):
    alice.set(n=n)

alice.run()
"""
BOB = """
import osb
bob = osb.Agent("Bob")

@bob.handler("work")
def work(message):
    pass

bob.run()
"""


def events(up, *words):
    """Those that are kept."""
    lines = osb_command(["--system", up.name, "events", "-o", "json", *words], timeout=60).splitlines()
    return [json.loads(line) for line in lines]


def said(up, *words):
    """In short."""
    return [f"{it['kind']} {it['of']} {it['what']}" for it in events(up, "--kind", "agent,socket,wire", *words)]


def test_what_happens_to_it_is_told_once(system):
    up = system(TOPOLOGY, alice=ALICE, bob=BOB)
    first = ["agent Alice started", "agent Alice state", "socket Alice.work bound"]
    wait_until("it is told", lambda: "wire Bob.work proven" in said(up, "--of", "Bob"))
    assert [it for it in said(up) if it.split()[1].startswith("Alice")] == first
    assert said(up, "--of", "Bob").count("wire Bob.work proven") == 1

    agents = json.loads(osb_command(["--system", up.name, "ls", "agents", "-o", "json"], timeout=60))
    os.kill(next(it["pid"] for it in agents if it["name"] == "Alice"), signal.SIGKILL)
    wait_until("it is found again", lambda: said(up, "--of", "Bob").count("wire Bob.work proven") == 2)
    assert said(up, "--of", "Bob").count("wire Bob.work lost") == 1
    alice = [it for it in said(up) if it.split()[1].startswith("Alice")]
    assert alice == [*first, "agent Alice ended", *first]


def test_the_oldest_go_when_nobody_takes_them():
    outbox = Outbox(7)
    assert outbox.tell() is None
    for _ in range(1_500):
        outbox.note({"kind": "agent"}, 1)
    told = outbox.tell()
    assert (told["life"], told["kept"], told["events"][0]["own"], len(told["events"])) == (7, 0, 501, BATCH)
    assert outbox.tell() is None, "one at a time"
    outbox.on_unanswered()
    assert outbox.tell() == told
    outbox.on_kept(700)
    assert outbox.tell()["events"][0]["own"] == 701


def test_what_is_said_again_has_not_happened():
    history = History("Alice")
    wire = {"alias": "in", "to": "Bob.main", "address": "tcp://127.0.0.1:1", "times": 1}

    def on(proof, **more):
        told = {"state": "running", "addresses": {}, "connections": [{**wire, "proof": proof, **more}]}
        return [f"{it['kind']} {it['what']}" for it in history.on_announced(told)]

    assert on("connecting") == ["agent state", "wire connecting"]
    assert on({"proven": {"us": 3}}) == ["wire proven"]
    assert on({"proven": {"us": 3}}) == []
    assert on({"proven": {"us": 3}}, times=2) == ["wire lost", "wire proven"]
    assert on("connecting", times=2) == ["wire lost", "wire connecting"]
    assert history.on_losses("main", (0, 0), 1.0) == []
    assert history.on_losses("main", (3, 1), 2.0) == [
        {"kind": "loss", "of": "Alice.main", "what": "dropped", "count": 3},
        {"kind": "loss", "of": "Alice.main", "what": "garbled", "count": 1},
    ]
    assert history.on_losses("main", (4, 1), 3.0) == [], "once a minute"
    assert [it["count"] for it in history.on_losses("main", (5, 1), 62.0)] == [2]
    assert [it["count"] for it in history.on_losses("main", (6, 1), 63.0, is_last=True)] == [1], "it is now or never"
