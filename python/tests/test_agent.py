"""Agents under a host daemon: they are ordinary members of a system."""

import os
import signal
import time

import pytest

import osb

from conftest import wait_until

TOPOLOGY = """
osb: 1
name: agents
agents:
  Alice: { bind: { main: PUSH, news: PUB, last: PULL } }
  Bob:
    command: [python, bob.py]
    speaks: osb
    attributes: { factor: 3 }
    bind: { ask: REP, later: ASYNC_REP, both: SYNC_PUB, feed: PUB }
  Eve: {}
connections:
  - { agent: Bob, to: Alice.main, alias: inbox }
  - { agent: Bob, to: Alice.news, alias: news, handler: { sport: "call:on_sport" } }
  - { agent: Bob, to: Alice.last, alias: out }
  - { agent: Eve, to: Bob.ask, alias: ask }
  - { agent: Eve, to: Bob.later, alias: later, handler: collect }
  - { agent: Eve, to: Bob.both, alias: both, handler: collect }
  - { agent: Eve, to: Bob.feed, alias: feed, handler: collect }
"""
BOB = """
import asyncio, time, threading
import osb

class Bob(osb.Agent):
    max_busy = "2500ms"

    def on_init(self):
        self.seen = []
        self.set(hooks=["init"])

    def before_loop(self):
        self.set(hooks=self.get("hooks") + ["loop"])

    def on_start(self):
        self.set(hooks=self.get("hooks") + ["start"])

    def on_stop(self):
        self.log("the last word")

    @osb.handler("inbox")
    def inbox(self, message):
        self.seen.append(message)
        self.send("out", [message, self.get("factor")])

    @osb.handler("on_sport")
    def sport(self, message):
        self.set(sport=[self.alias, self.topic, message])

    @osb.handler("ask")
    def ask(self, message):
        if message == "boom":
            raise ValueError("boom")
        yield {"you": message}
        self.set(worked_on=True)

    @osb.handler("later")
    async def later(self, message):
        await asyncio.sleep(message / 1000)
        return message

    @osb.handler("both")
    def both(self, message):
        self.send("both", "for all", topic="t")
        promise = self.promise()
        threading.Thread(target=lambda: promise.keep(message * 2)).start()

    @osb.method
    def add(self, a, b=1):
        return a + b

    @osb.method
    def boom(self):
        raise ValueError("boom")

    @osb.method
    def slow(self, seconds):
        time.sleep(seconds)
        return "slept"

    @osb.method(beside=True)
    def at_once(self):
        return threading.current_thread().name != "MainThread"

    @osb.method
    def end(self, status):
        raise SystemExit(status)

    @osb.every("20ms", alias="ticker")
    def tick(self):
        self.set(ticks=self.attributes.get("ticks", 0) + 1)

    @osb.after("10ms")
    def once(self):
        self.set(once=True)

if __name__ == "__main__":
    Bob().run()
"""


@pytest.fixture
def agents(system):
    up = system(TOPOLOGY, bob=BOB)
    return up, up.proxy("Alice"), up.proxy("Bob"), up.proxy("Eve")


def test_it_is_listed_wired_and_led_to_its_work(agents):
    up, _, bob, _ = agents
    info = bob.info()
    assert info["state"] == "running" and set(info["addresses"]) >= {"ask", "later", "both", "feed"}
    assert all("proven" in it["proof"] for it in info["connections"]) and len(info["connections"]) == 3
    assert bob.get_attr("hooks") == ["init", "loop", "start"] and bob.get_attr("factor") == 3
    assert bob.addr("ask").kind is osb.Kind.REP and bob.is_running()


def test_messages_of_every_kind_arrive_and_are_answered(agents):
    _, alice, bob, eve = agents
    alice.send("main", {"x": b"\x00"})
    wait_until("it comes back", lambda: alice.status()["sockets"]["last"]["received"] == 1)
    alice.send("news", "2:1", topic="sport")
    alice.send("news", "no", topic="politics")
    wait_until("the news", lambda: "sport" in bob.attributes())
    assert bob.get_attr("sport") == ["news", "sport", "2:1"]
    assert eve.send_recv("ask", [1, 2]) == {"you": [1, 2]}
    assert bob.get_attr("worked_on")
    with pytest.raises(osb.CallFailed, match="ValueError: boom"):
        eve.send_recv("ask", "boom")
    assert eve.send_recv("both", "ab") == "abab"
    bob.send("feed", "hello", topic="any")
    wait_until("publications", lambda: len(eve.get_attr("received")) >= 2)
    assert sorted(eve.get_attr("received")) == ["for all", "hello"]


def test_async_handlers_run_at_the_same_time(agents):
    eve = agents[3]
    began = time.monotonic()
    link = eve.nameserver.link
    answers = [link.begin("Eve", "send_recv", {"alias": "later", "message": 300}) for _ in range(20)]
    assert [answer.result(10) for answer in answers] == [300] * 20
    assert time.monotonic() - began < 3, "20 that take 0.3 s each"


def test_errors_reach_the_caller_with_their_traceback_and_end_nothing(agents):
    bob = agents[2]
    with pytest.raises(osb.CallFailed) as raised:
        bob.call("boom")
    assert raised.value.reason == "ValueError: boom" and 'raise ValueError("boom")' in raised.value.traceback
    for call, text in ((lambda: bob.call("add"), "TypeError"), (lambda: bob.call("nope"), "no method 'nope'")):
        with pytest.raises(osb.Fault, match=text):
            call()
    assert bob.call("add", 1, 2) == 3 and bob.call("add", a=1, b=5) == 6 and bob.call_with("add", 4) == 5


def test_one_that_is_busy_is_shown_as_that_and_answers_what_is_beside(agents):
    up, _, bob, _ = agents
    slow = bob.nameserver.link.begin("Bob", "call", {"name": "slow", "params": [4.5]}, 20)
    with pytest.raises(osb.Fault, match=r"Bob.add \(Bob is busy with slow\) took longer than 1s"):
        bob.call("add", 1, timeout=1)
    assert bob.call("at_once") is True and bob.get_attr("factor") == 3 and bob.is_running()
    bob.set_attr(x=1)
    wait_until("busy", lambda: bob.info().get("busy_ms", 0) >= 2000)
    wait_until("suspect", lambda: bob.info()["state"] == "suspect")
    assert "slow has not returned" in bob.info()["why"]
    assert slow.result(20) == "slept"
    bob.wait_for_running(5)
    wait_until("not busy", lambda: "busy_ms" not in bob.info())


def test_timers_run_are_listed_and_stopped(agents):
    bob = agents[2]
    wait_until("ticks", lambda: bob.attributes().get("ticks", 0) > 2 and bob.attributes().get("once"))
    assert [it["alias"] for it in bob.timers()] == ["ticker"]
    bob.every("10ms", alias="more", call="add", params=[1])
    bob.after("10ms", set={"set": 1})
    wait_until("set", lambda: "set" in bob.attributes())
    bob.stop_timer("ticker")
    with pytest.raises(osb.Fault, match="has no timer ticker"):
        bob.stop_timer("ticker")
    with pytest.raises(osb.Fault, match="already has a timer more"):
        bob.every("1s", alias="more", set={})
    bob.stop_timers()
    assert bob.timers() == []


def test_sockets_come_and_go_by_proxy(agents):
    _, alice, bob, eve = agents
    bob.bind("PUSH", "extra", serializer="msgpack")
    eve.connect("Bob.extra", "extra", "collect")
    bob.send("extra", [1, 2.5, None])
    wait_until("it arrives", lambda: [1, 2.5, None] in eve.get_attr("received"))
    assert bob.close("extra") == {"extra": 0}
    for call, code in (
        (lambda: bob.send("extra", 1), "unknown_alias"),
        (lambda: bob.send("inbox", 1), "wrong_kind"),
        (lambda: bob.bind("REP", "ask"), "alias_taken"),
        (lambda: bob.bind("ASYNC_REQ", "x"), "refused"),
        (lambda: bob.bind("PUSH", "x", "log"), "refused"),
        (lambda: bob.bind("PULL", "x", addr=bob.addr("ask").address[6:]), "bind"),
        (lambda: bob.get_attr("nope"), "unknown_attribute"),
        (lambda: bob.subscribe("inbox", "log"), "wrong_kind"),
        (lambda: bob.unsubscribe("news", "nope"), "unknown_topic"),
        (lambda: bob.with_timeout(1).connect("Alice.nope", "x"), "unknown_alias"),
        (lambda: bob.ask("launch"), "refused"),
        (lambda: bob.ask("nope"), "unknown_method"),
        (lambda: bob.ask("bind", {"alias": "x"}), "bad_request"),
    ):
        with pytest.raises(osb.Fault) as raised:
            call()
        assert raised.value.code == code
    bob.subscribe("news", {"politics": "call:on_sport"})
    alice.send("news", "more", topic="politics")
    wait_until("the news", lambda: bob.attributes().get("sport") == ["news", "politics", "more"])


def test_it_ends_when_it_is_asked_to_and_begins_anew(agents):
    up, alice, bob, eve = agents
    pid = bob.info()["pid"]
    bob.shutdown()
    bob.wait_for_end()
    assert "the last word" in up.logs("Bob") and bob.info()["state"] == "stopped"
    osb.system.run(["--system", up.name, "start", "Bob"])
    assert bob.wait_for_running().info()["pid"] != pid
    wait_until("wired again", lambda: eve.info()["connections"][0].get("proof") != "lost")
    assert eve.send_recv("ask", 1) == {"you": 1}
    os.kill(bob.info()["pid"], signal.SIGKILL)
    bob.wait_for_end()
    assert bob.info()["exit"]["signal"] == 9


def test_its_host_starts_it_again_as_its_policy_says(system):
    always = TOPOLOGY.replace("    attributes: { factor: 3 }", "    attributes: { factor: 3 }\n    restart: always\n    keep: [x]")
    up = system(always, bob=BOB)
    bob = up.proxy("Bob")
    bob.set_attr(x="kept")
    pid = bob.info()["pid"]
    with pytest.raises(osb.OsbError, match="went away"):
        bob.call("end", 7)
    wait_until("the next life", lambda: bob.info()["pid"] != pid and bob.info()["state"] == "running")
    assert bob.get_attr("x") == "kept" and bob.info()["restarts"] == 1
    bob.shutdown()
    bob.wait_for_end()
    assert bob.info()["state"] == "stopped"


def test_a_system_that_is_up_is_changed_while_it_works(system, agents):
    up, alice, bob, eve = agents
    pid = bob.info()["pid"]
    changed = TOPOLOGY.replace("feed: PUB }", "feed: PUB, third: PUSH }").replace("factor: 3", "factor: 4")
    changed = changed.replace("{ agent: Bob, to: Alice.main, alias: inbox }", "{ agent: Eve, to: Bob.third, alias: third, handler: collect }")
    (system.folder / "topology-0.yaml").write_text(changed)
    osb.system.run(["up", str(system.folder / "topology-0.yaml")])
    assert bob.info()["pid"] == pid and bob.get_attr("factor") == 4
    assert [it["alias"] for it in bob.info()["connections"]] == ["news", "out"]
    bob.send("third", "new")
    wait_until("by the new socket", lambda: "new" in eve.get_attr("received"))
