"""One script on osBrain's programming interface, for osBrain itself and for `osb.brain`."""

import importlib
import sys
import time

from sides import serve

osbrain = importlib.import_module(sys.argv[1])
NAME = {"osbrain": "osBrain"}.get(sys.argv[1], sys.argv[1])


class Receiver(osbrain.Agent):
    """Counts."""

    def on_init(self):
        self.expected = self.number = 0
        self.ended = None

    def expect(self, payload, count):
        """Counts anew, by a socket of its own for each payload."""
        self.expected, self.number, self.ended = count + 1, 0, None
        alias = payload.replace(" ", "-")
        if not self.has_socket(alias):
            self.bind("PULL", alias=alias, handler=on_message, transport="tcp")
        return str(self.addr(alias).address)

    def get_end(self):
        """None as long as not all is there."""
        return self.ended

    def nothing(self):
        """Is called."""

    def ask_often(self, count):
        """How many a second."""
        for _ in range(100):
            self.send_recv("asks", {"n": 1234})
        began = time.perf_counter()
        for _ in range(count):
            self.send_recv("asks", {"n": 1234})
        return count / (time.perf_counter() - began)


def on_message(agent, message):
    """The handler that is measured."""
    number = agent.number = agent.number + 1
    if number == agent.expected:
        agent.ended = time.monotonic()


def on_request(agent, message):
    """The same of requests."""
    return message


def expect(payload, count):
    """Where messages are to go."""
    return {"address": f"tcp://{receiver().unsafe.expect(payload, count)}"}


def received():
    """When the last has come. Looking for it now and then costs next to nothing."""
    while True:
        ended = receiver().unsafe.get_end()
        if ended is not None:
            return ended
        time.sleep(0.05)


def requests(count):
    """Round trips a second."""
    asks = receiver()
    if "Answers" not in agents:
        agents["Answers"] = osbrain.run_agent("Answers", base=Receiver)
        address = agents["Answers"].bind("REP", alias="answers", handler=on_request, transport="tcp")
        asks.connect(address, alias="asks")
    return asks.ask_often(count)


def calls(count):
    """Calls a second."""
    agent, rates = receiver(), {}
    for kind in ("safe", "unsafe"):
        for _ in range(count // 10):
            getattr(agent, kind).nothing()
        began = time.perf_counter()
        for _ in range(count):
            getattr(agent, kind).nothing()
        rates[f"{NAME}, {kind}"] = count / (time.perf_counter() - began)
    return rates


def begin(count):
    """One over the seconds that it takes."""
    osbrain.run_agent("First")
    began = time.perf_counter()
    for number in range(count):
        agents[f"A{number}"] = osbrain.run_agent(f"A{number}")
    return {NAME: 1 / (time.perf_counter() - began)}


def receiver():
    """The agent that is asked."""
    if "Receives" not in agents:
        agents["Receives"] = osbrain.run_agent("Receives", base=Receiver)
    return agents["Receives"]


if __name__ == "__main__":
    agents = {}
    # What this prints is not for the one that asks.
    nameserver = osbrain.run_nameserver()
    try:
        serve(expect=expect, received=received, requests=requests, calls=calls, begin=begin)
    finally:
        nameserver.shutdown()
