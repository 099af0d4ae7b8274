"""Agents that no topology starts: by hand, from a script, and closed systems with their keys."""

import gc
import os
import subprocess
import sys
import threading

import pytest

import osb

from conftest import wait_until

OPEN = """
osb: 1
name: open
agents:
  Alice: { bind: { main: PUSH, news: PUB, ask: REP: }, attributes: { x: 1 } }
""".replace(", ask: REP: ", "")
SPARE = """
import osb

agent = osb.Agent("Snake", waits_for_go=True)

@agent.handler("inbox")
def inbox(message):
    agent.set(last=message)

@agent.method
def double(x):
    return 2 * x

agent.run()
"""


def test_a_client_finds_its_system_and_says_what_is_not_there(system, monkeypatch):
    with pytest.raises(osb.NotFound, match="no system is up"):
        osb.connect()
    up = system(OPEN)
    with osb.connect() as ns:
        assert ns.agents() == ["Alice"] and ns.address == up.nameserver.address and ns.ping()
        bare = ns.address.replace("tcp://", "")
    for address in (bare, f"tcp://{bare}"):
        monkeypatch.setenv("OSB_NAMESERVER", address)
        with osb.connect() as ns:
            assert ns.hosts()[0]["name"].endswith("local")
    with pytest.raises(osb.NotFound, match="no name server listens"):
        osb.connect("127.0.0.1:1")
    with pytest.raises(osb.OsbError, match="is closed"):
        ns.ping()
    with pytest.raises(osb.Fault, match="no agent is called Bob"):
        up.proxy("Bob").get_attr("x")
    with pytest.raises(osb.Timeout, match="Bob running took longer than 200ms"):
        up.proxy("Bob").wait_for_running("200ms")
    with pytest.raises(osb.UpFailed, match="hots"):
        system(OPEN.replace("bind", "hots"))


def test_what_happens_is_told(system):
    up = system(OPEN)
    with up.nameserver.watch() as watch:
        assert [it["name"] for it in watch.next(5)["agents"]] == ["Alice"]
        with osb.Agent("Probe", nameserver=up.nameserver.address).start():
            told = watch.wait_until("Probe", 5, lambda it: it.get("agent", {}).get("name") == "Probe" and it)
            assert told["change"] == "registered"
    up.proxy("Probe").wait_for_end()


def test_an_agent_in_a_thread_of_a_script(system):
    up = system(OPEN)
    alice = up.proxy("Alice")
    heard, topics = [], []
    probe = osb.Agent("Probe", nameserver=up.nameserver.address)

    @probe.method
    def echo(value):
        return value

    with probe.start():
        probe.connect("Alice.main", "inbox", heard.append)
        probe.connect("Alice.news", "news", {"sport": lambda message: topics.append((probe.topic, message))})
        alice.send("main", 1)
        alice.send("news", 2, topic="sport.football")
        alice.send("news", 3, topic="weather")
        wait_until("both", lambda: heard == [1] and topics == [("sport.football", 2)])
        probe.subscribe("news", {"weather": lambda message: topics.append((probe.topic, message))})
        address = probe.bind("REP", "ask", lambda message: {"you": message}, serializer="msgpack")
        with osb.Agent("Other", nameserver=up.nameserver.address).start() as other:
            other.connect(address, "q")
            other.connect("Probe.ask", "q2")
            assert other.request("q", (1, {2})) == {"you": (1, {2})} == other.request("q2", (1, {2}))
            assert other.proxy("Probe").call("echo", [1]) == [1]
            answers = []
            other.ask("q", 5, on_reply=answers.append)
            wait_until("the answer", lambda: answers == [{"you": 5}])
            assert up.proxy("Probe").call("echo", a_thread := threading.active_count()) == a_thread
            with pytest.raises(osb.Fault, match="no socket nope"):
                other.send("nope", 1)
            with pytest.raises(osb.OsbError):
                other.connect("Nobody.main", "x", timeout=0.3)
            with pytest.raises(osb.OsbError, match="is taken by another|has ended with status 1"):
                osb.Agent("Other", nameserver=up.nameserver.address).start()
    alice_info = up.nameserver.info("Probe")
    assert alice_info["state"] in ("ended", "stopped")
    assert up.proxy("Alice").is_running()


def test_one_that_is_started_by_hand_is_attached_and_released(system):
    file = system.folder / "snake.py"
    file.write_text(SPARE)
    up = system(OPEN)
    env = {**os.environ, "OSB_NAMESERVER": up.nameserver.address}
    snake = subprocess.Popen([sys.executable, str(file)], env=env, stderr=subprocess.PIPE, text=True)
    try:
        proxy = up.proxy("Snake").wait_for_running()
        assert proxy.call("double", 21) == 42
        text = OPEN.replace("name: open", f"name: more\nnameserver: {{ attach: {up.nameserver.address[6:]} }}").replace("Alice", "Anna")
        more = system(text + "  Snake: { attach: true, attributes: { y: 2 } }\nconnections: [{ agent: Snake, to: Anna.main, alias: inbox, handler: command }]\n")
        assert proxy.get_attr("y") == 2
        up.proxy("Anna").send("main", "hello")
        wait_until("the message", lambda: proxy.attributes().get("last") == "hello")
        more.down()
        assert proxy.call("double", 1) == 2 and not proxy.info().get("connections") and "y" not in proxy.attributes()
        snake.terminate()
        _, said = snake.communicate(timeout=10)
        assert snake.returncode == 0 and "attached to the system more" in said and "released" in said
    finally:
        snake.kill()
        up.proxy("Snake").wait_for_end(15)


CLOSED = """
osb: 1
name: closed
security: curve
agents:
  Alice: { bind: { main: PUSH, news: PUB } }
  Bob:
    command: [python, bob.py]
    speaks: osb
    bind: { ask: REP, tasks: PUSH }
  Eve: {}
connections:
  - { agent: Bob, to: Alice.main, alias: inbox }
  - { agent: Bob, to: Alice.news, alias: news }
  - { agent: Eve, to: Bob.ask, alias: ask }
"""
BOB = """
import osb

class Bob(osb.Agent):
    @osb.handler("inbox")
    def inbox(self, message):
        self.set(last=message)
    @osb.handler("news")
    def news(self, message):
        self.set(news=message)
    @osb.handler("ask")
    def ask(self, message):
        return message
Bob().run()
"""


def test_a_closed_system(system, monkeypatch):
    up = system(CLOSED, bob=BOB)
    bob, alice, eve = map(up.proxy, ("Bob", "Alice", "Eve"))
    assert up.nameserver.is_closed_system and bob.addr("ask").key
    alice.send("main", "secret")
    alice.send("news", "too")
    wait_until("both", lambda: {"last": "secret", "news": "too"}.items() <= bob.attributes().items())
    assert eve.send_recv("ask", 1) == 1
    eve.connect("Bob.tasks", "tasks", "collect")
    bob.send("tasks", 7)
    wait_until("by hand", lambda: eve.get_attr("received") == [7])
    # The owner's key, which is found, admits an agent of a script.
    with osb.Agent("Probe", nameserver=up.nameserver.address).start() as probe:
        assert probe.proxy("Bob").is_running()
        with pytest.raises(osb.Fault, match="call is not for the level agent"):
            probe.proxy("Bob").call("x")
        with pytest.raises(osb.OsbError, match="no wire leads here"):
            probe.connect("Bob.ask", "ask", timeout=3)
    wait_until("it is logged", lambda: "Probe is refused at ask" in up.logs("Bob"))
    address = up.nameserver.address
    with monkeypatch.context() as patch:
        patch.setenv("OSB_STATE_DIR", str(system.folder))
        with pytest.raises(osb.NotFound, match="it wants a key"):
            osb.connect(address)


PICKLES = """
osb: 1
name: pickles
security: SECURITY
defaults: { serializer: pickle }
agents:
  Writes: { command: [python, writes.py], speaks: osb, bind: { numbers: PUSH, news: PUB } }
  Reads: { command: [python, reads.py], speaks: osb, bind: { asks: REP } }
  Passes: { bind: { passed: PUSH } }
connections:
  - { agent: Reads, to: Writes.numbers, alias: inbox }
  - { agent: Passes, to: Writes.news, alias: news, handler: [collect, "forward: passed"] }
  - { agent: Reads, to: Passes.passed, alias: passed, handler: "call: inbox" }
  - { agent: Writes, to: Reads.asks, alias: asks }
"""
WRITES = """
import fractions, osb

agent = osb.Agent(ALLOWED)

@agent.method
def tell():
    agent.send("numbers", fractions.Fraction(1, 3))
    agent.send("news", fractions.Fraction(1, 5))
    return str(agent.request("asks", {1: 2}))

@agent.method
def ask_badly():
    return agent.request("asks", None)

agent.run()
"""
READS = """
import osb

class Reads(osb.Agent):
    allow_pickle = True
    @osb.handler("inbox")
    def inbox(self, message):
        self.set(**{f"n{message.denominator}": str(message)})
    @osb.handler("asks")
    def asks(self, message):
        return {key: {value} for key, value in message.items()}
Reads().run()
"""


def test_pickles_are_for_closed_systems_and_readers_that_allow_them(system):
    topology, writes = PICKLES.replace("SECURITY", "curve"), WRITES.replace("ALLOWED", "allow_pickle=True")
    with pytest.raises(osb.system.UpFailed, match='(?s)"line": 5,\\s+"column": 25,.*this system is open'):
        system(topology.replace("curve", "none"), writes=writes, reads=READS)
    up = system(topology, writes=writes, reads=READS)
    reads, tells = up.proxy("Reads"), up.proxy("Writes")
    assert tells.call("tell") == "{1: {2}}"
    wait_until("both", lambda: {"n3": "1/3", "n5": "1/5"}.items() <= reads.attributes().items())
    # Another agent passes on what it does not read, and writes none.
    assert type(up.proxy("Passes").get_attr("received")[0]) is bytes
    with pytest.raises(osb.Fault, match="a pickle is written by agents in Python alone"):
        up.proxy("Passes").send("passed", 1)
    with pytest.raises(osb.CallFailed, match="no attribute 'items'"):
        tells.call("ask_badly")


def test_pickles_are_refused_by_readers_that_do_not_allow_them(system):
    topology = PICKLES.replace("SECURITY", "curve")
    with pytest.raises(osb.system.UpFailed, match="Writes.asks would read pickles"):
        system(topology, writes=WRITES.replace("ALLOWED", ""), reads=READS)


def test_pickles_are_refused_in_open_systems_by_agents_too(system):
    up = system("osb: 1\nname: open\nagents: { Alice: }\n")
    with pytest.raises(osb.Fault, match="this system is open"):
        up.proxy("Alice").bind("PUSH", "x", serializer="pickle")
    with osb.Agent("Probe", nameserver=up.nameserver.address, allow_pickle=True).start() as probe:
        with pytest.raises(osb.Fault, match="this system is open"):
            probe.bind("PULL", "x", serializer="pickle")


def test_a_system_ends_with_the_script_that_has_brought_it_up(system):
    script = system.folder / "script.py"
    (system.folder / "t.yaml").write_text(OPEN)
    script.write_text(
        "import osb, os, sys, time\nsystem = osb.up('t.yaml')\n"
        "agent = osb.Agent('Own', nameserver=system.nameserver.address).start()\nprint(system.nameserver.address, flush=True)\n"
        "sys.stdin.readline()\nos.kill(os.getpid(), 9)\n"
    )
    script_process = subprocess.Popen(
        [sys.executable, str(script)], cwd=system.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    address = script_process.stdout.readline().strip()
    osb.connect(address).close()
    script_process.communicate("\n", timeout=20)

    def is_gone():
        try:
            osb.connect(address).close()
        except osb.OsbError:
            return True
        return False

    wait_until("it is down", is_gone, 20)
    wait_until("its record is gone", lambda: not osb.dial.groups(), 20)


def test_arrays_pass_through_agents_that_are_not_in_python(system):
    numpy = pytest.importorskip("numpy")
    up = system(OPEN)
    alice = up.proxy("Alice")
    with osb.Agent("Probe", nameserver=up.nameserver.address).start() as probe:
        for serializer in ("json", "msgpack"):
            probe.bind("PUSH", serializer, serializer=serializer)
            alice.connect(f"Probe.{serializer}", serializer, "collect")
            probe.send(serializer, {"a": numpy.arange(3), "s": {1}, "b": b"\xff"})
        wait_until("both", lambda: len(alice.get_attr("received")) == 2)
        for there in alice.get_attr("received"):
            assert (there["a"] == numpy.arange(3)).all() and there["s"] == {1} and there["b"] == b"\xff"
        # And back, by an agent in Rust that forwards what it gets.
        heard = []
        alice.bind("PUSH", "on", serializer="msgpack")
        probe.connect("Alice.on", "back", heard.append)
        probe.bind("PUSH", "third", serializer="msgpack")
        alice.connect("Probe.third", "through", "forward:on")
        large = numpy.arange(30_000.0)
        probe.send("third", large)
        wait_until("it is back", lambda: len(heard) == 1)
        assert (heard[0] == large).all() and not heard[0].flags.writeable


def test_nothing_is_left_of_agents_in_threads(system):
    up = system(OPEN)
    up.proxy("Alice").wait_for_running()
    gc.collect()
    before, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with osb.Agent("Probe", nameserver=up.nameserver.address).start() as probe:
            probe.bind("PUSH", "x", transport="ipc")
        up.proxy("Probe").wait_for_end()
    wait_until("threads", lambda: threading.active_count() == before)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 1
