"""Workers in Python go, and are replaced, under load: no message is lost, and no request fails."""

import subprocess

import pytest

import osb
from osb.agent.lines import Lines

from conftest import wait_until

WORKER = """
import osb

agent = osb.Agent()

@agent.handler("inbox")
def work(message):
    agent.send("out", message)

@agent.handler("serve")
def serve(message):
    return message

agent.run()
"""
PUSHED = """
osb: 1
name: pushed
agents:
  Boss:
    bind: {{ {boss} }}
    timers: [{{ alias: work, every: 1ms, send: main, message: work }}]
  Worker:
    replicas: {workers}
    command: [python, worker.py]
    speaks: osb
    env: {{ VERSION: '{version}' }}
    bind: {worker}
  Sink: {{ bind: {{ done: {{ kind: PULL, handler: discard }} }} }}
connections:
  - {wire}
  - {{ agent: "Worker*", to: Sink.done, alias: out }}
"""
WAYS = {
    "workers connect": ("main: PUSH", "{}", '{ agent: "Worker*", to: Boss.main, alias: inbox }'),
    "workers are connected to": (
        "spare: PUSH", "{ inbox: PULL }", "{ agent: Boss, to: Worker0.inbox, alias: main }",
    ),
}


def text(way, workers, version=1):
    boss, worker, wire = WAYS[way]
    return PUSHED.format(boss=boss, worker=worker, wire=wire, workers=workers, version=version)


def counts(up):
    sent = up.proxy("Boss").status()["sockets"]["main"]
    done = up.proxy("Sink").status()["sockets"]["done"]
    return sent["sent"], sent["dropped"] + sent["unconfirmed"], done["received"]


@pytest.mark.parametrize("way", WAYS)
def test_no_message_is_lost(system, way):
    up = system(text(way, 3), worker=WORKER)
    file = system.folder / "topology-0.yaml"
    for workers, version in ((1, 1), (3, 1), (3, 2), (2, 2)):
        before = counts(up)[0]
        wait_until("messages pass", lambda: counts(up)[0] > before + 50)
        file.write_text(text(way, workers, version))
        said = subprocess.run([osb.system.program(), "up", str(file)], stderr=subprocess.PIPE, text=True)
        assert said.returncode == 0 and "has ended before" not in said.stderr, said.stderr
        assert sum(name.startswith("Worker") for name in up.nameserver.agents()) == workers
    up.proxy("Boss").stop_timers()
    wait_until("all has come", lambda: counts(up)[0] == counts(up)[2])
    assert counts(up)[1] == 0


ASKED = """
osb: 1
name: asked
agents:
  Client:
    bind: {{ ask: {{ kind: REQ, handler: collect }} }}
    timers: [{{ alias: work, every: 5ms, send: ask, message: 7 }}]
  Worker:
    replicas: {workers}
    command: [python, worker.py]
    speaks: osb
    env: {{ VERSION: '{version}' }}
connections:
  - {{ agent: "Worker*", to: Client.ask, alias: serve }}
"""


def test_no_request_fails(system):
    up = system(ASKED.format(workers=3, version=1), worker=WORKER)
    client, file = up.proxy("Client"), system.folder / "topology-0.yaml"
    for workers, version in ((1, 1), (3, 1), (3, 2)):
        before = client.status()["sockets"]["ask"]["received"]
        wait_until("answers come", lambda: client.status()["sockets"]["ask"]["received"] > before + 20)
        file.write_text(ASKED.format(workers=workers, version=version))
        said = subprocess.run([osb.system.program(), "up", str(file)], stderr=subprocess.PIPE, text=True)
        assert said.returncode == 0 and "has ended before" not in said.stderr, said.stderr
    client.stop_timers()
    stats = client.status()["sockets"]["ask"]
    wait_until("all are answered", lambda: client.status()["sockets"]["ask"]["received"] == stats["sent"])
    assert stats["dropped"] == 0 and set(client.get_attr("received")) == {7}


def test_lines_are_counted_apart_once_there_are_several(monkeypatch):
    from osb.agent import lines as module

    monkeypatch.setattr(module, "_name", lambda descriptor, dialled: f"127.0.0.1:{descriptor}")
    lines = Lines()
    lines.note(module.zmq.EVENT_ACCEPTED, 7, "", 0)
    assert [it.received for it in lines.all(5)] == [5] and not lines.several
    lines.note(module.zmq.EVENT_ACCEPTED, 8, "", 6)
    assert lines.several
    for descriptor in (7, 8, 8, 9):
        lines.arrived(descriptor)
    assert [(it.name, it.received) for it in lines.all(99)] == [("127.0.0.1:7", 7), ("127.0.0.1:8", 2)]
    lines.note(module.zmq.EVENT_DISCONNECTED, 7, "", 99)
    assert lines.known(["127.0.0.1:7", "127.0.0.1:8", "x"], 99) == [
        {"line": "127.0.0.1:7", "received": 7, "last": True},
        {"line": "127.0.0.1:8", "received": 2, "last": False},
    ]
