"""Calls without the way by the name server: the same answers, the same errors, the same order."""

import os
import signal
import socket
import threading
import time

import pytest

import osb

from conftest import wait_until

TOPOLOGY = """
osb: 1
name: lanes
security: SECURITY
agents:
  Alice: { bind: { main: PUSH } }
  Bob:
    command: [python, bob.py]
    speaks: osb
    restart: always
"""
BOB = """
import os, time, osb

class Bob(osb.Agent):
    def on_init(self):
        self.all = []
    @osb.method
    def add(self, n):
        self.all.append(n)
        return len(self.all)
    @osb.method
    def listed(self):
        return self.all
    @osb.method
    def echo(self, text):
        return text
    @osb.method(beside=True)
    def beside(self):
        return os.getpid()
    @osb.method
    def sleep(self, seconds):
        time.sleep(seconds)
        return "slept"
    @osb.method
    def fail(self):
        raise KeyError("x")
    @osb.method
    def make(self, alias):
        self.bind("PUSH", alias)
    @osb.method
    def fork(self):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
    @osb.method
    def end(self):
        os.kill(os.getpid(), 9)
Bob().run()
"""


@pytest.fixture
def bob(system):
    up = system(TOPOLOGY.replace("SECURITY", "none"), bob=BOB)
    bob = up.proxy("Bob")
    for _ in range(4):
        bob.call("echo", 1)
    assert lane(bob) is not None
    return bob


def lane(proxy):
    return proxy.nameserver.link._lanes._there.get(proxy.name)


def test_answers_and_errors_are_the_same(bob):
    large = "ä" * 500_000
    assert bob.call("echo", large) == large and bob.call("beside") == bob.info()["pid"]
    with pytest.raises(osb.CallFailed, match="KeyError") as failed:
        bob.call("fail")
    assert "in fail" in failed.value.traceback
    with pytest.raises(osb.Fault, match="has no method 'nope': it has add, beside, echo"):
        bob.call("nope")
    bob.call("make", "out")
    assert bob.nameserver.addr("Bob", "out").kind.value == "PUSH"
    assert lane(bob) is not None


def test_a_busy_agent_says_so_in_time_and_is_asked_again(bob):
    with pytest.raises(osb.Fault, match="Bob is busy with sleep|took longer") as late:
        bob.call("sleep", 1, timeout="200ms")
    assert late.value.code == "deadline"
    assert bob.call("beside") == bob.info()["pid"]
    assert bob.call("echo", 2) == 2


def test_threads_ask_at_once(bob):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(bob.call("echo", n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == list(range(8))


def test_what_is_not_answered_is_not_overtaken(bob):
    told = bob.oneway()
    for n in range(50):
        told.call("add", n)
    assert bob.call("listed") == list(range(50))
    bob.call("echo", 1)
    assert bob.nameserver.link._lanes.told == set()


def test_an_agent_that_dies_is_noticed_and_its_next_life_has_another_lane(bob):
    bob.call("fork")
    began = time.monotonic()
    with pytest.raises(osb.Fault, match="went away before it answered"):
        bob.call("end", timeout=60)
    assert time.monotonic() - began < 20
    bob.wait_for_running()
    for _ in range(4):
        assert bob.call("echo", 3) == 3
    first = lane(bob)
    pid = bob.info()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until("it is there again", lambda: bob.info()["pid"] not in (None, pid) and bob.info()["state"] == "running")
    for _ in range(4):
        assert bob.call("echo", 4) == 4
    assert lane(bob) not in (None, first)


def test_an_agent_that_is_stopped_is_unreachable(bob):
    os.kill(bob.info()["pid"], signal.SIGSTOP)
    with pytest.raises(osb.Fault, match="unreachable|went away"):
        bob.call("echo", 1, timeout=60)


def test_closed_systems_have_none_and_neither_have_other_agents(system):
    up = system(TOPOLOGY.replace("SECURITY", "curve"), bob=BOB)
    bob = up.proxy("Bob")
    for _ in range(5):
        bob.call("echo", 1)
    assert lane(bob) is None
    with pytest.raises(osb.Fault, match="for open systems"):
        bob.ask("lane")
    alice = up.proxy("Alice")
    for _ in range(5):
        with pytest.raises(osb.Fault, match="no method"):
            alice.call("x")
    assert lane(alice) is None


def test_who_does_not_know_the_token_is_sent_away(bob):
    there = bob.ask("lane")
    assert os.stat(os.path.dirname(there["path"])).st_mode & 0o077 == 0
    for said in (b"\0\0\0\5\0\0\0\1tokenx", b"\xff" * 64, b""):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10)
            stranger.connect(there["path"])
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(1) == b""
    assert bob.call("echo", 1) == 1
