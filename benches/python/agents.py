"""Agents of `osb`, in a system that a script brings up."""

import os
import sys
import tempfile
import time

from payloads import PAYLOADS, serializer
from sides import serve

import osb


class Measured(osb.Agent):
    """Counts what arrives, asks and is called."""

    def on_init(self):
        self.promised = None
        self.expected = self.number = 0
        self.ended = None

    def find_handler(self, name):
        """All messages are for one."""
        return self.on_request if name == "answers" else self.on_message

    def on_message(self, message):
        """The handler that is measured."""
        number = self.number = self.number + 1
        if number == self.expected:
            self.ended = time.monotonic()
            if self.promised is not None:
                self.promised.keep(self.ended)

    def on_request(self, message):
        """The same of requests."""
        return message

    @osb.method
    def expect(self, count):
        """Counts anew."""
        self.expected, self.number, self.ended, self.promised = count + 1, 0, None, None

    @osb.method
    def received(self):
        """Answers when all is there, with when that was."""
        if self.ended is not None:
            return self.ended
        self.promised = self.promise()

    @osb.method
    def nothing(self):
        """Is called."""

    @osb.method(beside=True)
    def nothing_beside(self):
        """Is called, too."""

    @osb.method
    def ask_often(self, count):
        """How many a second."""
        for _ in range(100):
            self.request("asks", {"n": 1234})
        began = time.perf_counter()
        for _ in range(count):
            self.request("asks", {"n": 1234})
        return count / (time.perf_counter() - began)


ALIASES = {payload: payload.replace(" ", "-").replace(",", "") for payload in PAYLOADS}
BINDS = ", ".join(f"{ALIASES[it]}: {{ kind: PULL, serializer: {serializer(it)} }}" for it in PAYLOADS)
COMMAND = f"command: [{sys.executable}, {os.path.abspath(__file__)}, agent], speaks: osb"
TOPOLOGY = f"""
osb: 1
name: measured
agents:
  Receives: {{ {COMMAND}, bind: {{ {BINDS} }} }}
  Answers: {{ {COMMAND}, bind: {{ answers: REP }} }}
connections:
  - {{ agent: Receives, to: Answers.answers, alias: asks }}
"""


def expect(payload, count):
    """Where messages are to go."""
    agent().call("expect", count)
    return {"address": system().nameserver.addr("Receives", ALIASES[payload]).address}


def received():
    """When the last has come."""
    return agent().call("received", timeout=120)


def requests(count):
    """Round trips a second."""
    return agent().call("ask_often", count, timeout=120)


def calls(count):
    """Calls a second."""
    rates = {}
    for name, method in (("osb", "nothing"), ("osb, beside", "nothing_beside")):
        for _ in range(count // 10):
            agent().call(method)
        began = time.perf_counter()
        for _ in range(count):
            agent().call(method)
        rates[name] = count / (time.perf_counter() - began)
    return rates


def begin(count):
    """One over the seconds that it takes: in threads of this script; and in processes, by a topology."""
    rates = {}
    address = system().nameserver.address
    began = time.perf_counter()
    started = [osb.Agent(f"T{number}", nameserver=address).start() for number in range(count)]
    rates["osb, in threads"] = 1 / (time.perf_counter() - began)
    for each in started:
        each.shutdown()
    lines = "\n".join(f"  A{number}: {{ {COMMAND} }}" for number in range(count))
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "many.yaml")
        with open(file, "w") as out:
            out.write(f"osb: 1\nname: many\ndefaults: {{ start_timeout: 5m }}\nagents:\n{lines}\n")
        began = time.perf_counter()
        with osb.up(file):
            rates["osb.up"] = 1 / (time.perf_counter() - began)
    return rates


def system():
    """The system, brought up when it is needed."""
    if not there:
        file = os.path.join(os.environ["OSB_STATE_DIR"], "measured.yaml")
        with open(file, "w") as out:
            out.write(TOPOLOGY)
        there.append(osb.up(file))
    return there[0]


def agent():
    """The agent that is asked."""
    return system().proxy("Receives")


if sys.argv[1:] == ["agent"]:
    Measured().run()
else:
    there = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OSB_STATE_DIR"] = folder
        try:
            serve(expect=expect, received=received, requests=requests, calls=calls, begin=begin)
        finally:
            for each in there:
                each.down()
