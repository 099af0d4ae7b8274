"""osBrain's programming interface: what is pure, and what runs with the program. osBrain's own tests are run by
`osbrain_suite.py`; here is what those do not show."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

import osb
import osb.brain as osbrain
from osb.brain import calls, refs
from osb.brain.address import AgentAddress, AgentChannel
from osb.brain.common import topic_to_text
from osb.brain.errors import NamingError, RemoteError, RemoteTraceback
from osb.brain.helper import agent_dies, wait_agent_attr
from osb.brain.wire import of_osb, to_osb
from osb.proxy import of_json, to_json
from osb.system import program

from conftest import SRC, wait_until


def twice(x):
    return 2 * x


def sleep_long(agent):
    threading.Event().wait(60)


class Unknown:
    pass


def again(value):
    return calls.revive(of_json(json.loads(json.dumps(to_json(calls.plain(value))))))


# What travels in calls.


@pytest.mark.parametrize(
    "value",
    [None, 1.5, float("inf"), 2**80, {(1, 2)}, "text", b"\x00\xff", [1, (2, {3})], {1: "one", (2, 3): None}, {"$tuple": 1}, Path("/tmp/x"), {}],
)
def test_values_come_as_they_were(value):
    assert again(value) == value


def test_functions_and_classes_go_by_name():
    assert again(twice) is twice
    assert again([len, os.path.join, Path, ValueError]) == [len, os.path.join, Path, ValueError]


def test_lambdas_and_inner_functions_go_by_their_place_and_what_they_have_closed_over():
    factor = 3

    def times(x, *, plus=1):
        return factor * x + plus

    assert again(times)(2) == 7 and again(times)(2, plus=0) == 6
    first, second = (lambda x: x + 1), (lambda x: x + 2)
    assert (again(first)(1), again(second)(1)) == (2, 3)
    both = {"a": lambda: 1, "b": lambda: 2}
    assert {name: function() for name, function in again(both).items()} == {"a": 1, "b": 2}
    assert again(lambda: [twice(factor), times(1)])() == [6, 4]


def test_what_cannot_be_sent_says_what_to_do():
    class Inner:
        pass

    with pytest.raises(refs.CannotRefer, match="at the top of a module"):
        calls.plain(Inner)
    with pytest.raises(refs.CannotRefer, match="gets the agent as its first argument"):
        calls.plain([].append)
    with pytest.raises(ValueError, match="test_brain.Unknown cannot be in a message"):
        again(Unknown())
    other = Unknown()
    with pytest.raises(refs.CannotRefer, match="uses other, which cannot be sent"):
        calls.plain(lambda: other)
    nowhere = eval("lambda: 1", {"__name__": __name__})
    with pytest.raises(refs.CannotRefer, match="is not found in this process"):
        again(nowhere)


def test_a_function_of_another_script_is_refused_by_name():
    with pytest.raises(refs.CannotRefer, match="the script /nowhere/x.py is not known to an agent of another one"):
        refs.by_name("__main__:f", "/nowhere/x.py")


def test_errors_keep_their_class_their_text_and_their_traceback():
    def fail(error):
        def run(name, args, kwargs):
            raise error

        return to_json(calls.carry_out(calls.plain(("x", (), {})), run))

    with pytest.raises(KeyError) as found:
        calls.outcome(fail(KeyError("a", 1)))
    assert found.value.args == ("a", 1)
    assert isinstance(found.value.__cause__, RemoteTraceback) and "in run" in str(found.value.__cause__)
    with pytest.raises(osb.Fault) as fault:
        calls.outcome(fail(osb.Fault("unknown_alias", agent="A", alias="b")))
    assert (fault.value.code, fault.value.fields["alias"]) == ("unknown_alias", "b")

    class Own(Exception):
        pass

    with pytest.raises(RemoteError, match="Own: gone"):
        calls.outcome(fail(Own("gone")))


# Addresses.


@pytest.mark.parametrize("kind", ["PUSH", "SUB", "REP", "ASYNC_REP", "SYNC_PUB"])
@pytest.mark.parametrize("transport", ["tcp", "ipc", "inproc"])
def test_addresses_are_osbs_and_travel(kind, transport):
    place = {"tcp": "tcp://127.0.0.1:70", "ipc": "ipc:///tmp/x/a", "inproc": "ipc:///tmp/x/a~inproc"}[transport]
    requests = place.replace("70", "71").replace("/a", "/b") if kind == "SYNC_PUB" else None
    wire = osb.Address(osb.Kind(kind), place, "server", "tcp" if transport == "tcp" else "ipc", "msgpack", requests)
    address = of_osb(wire, transport, "pickle")
    assert address == again(address) and hash(address) == hash(again(address))
    assert (address.transport, address.serializer) == (transport, "pickle")
    assert to_osb(address).serializer == "msgpack" and to_osb(address).kind is osb.Kind(kind)
    if transport != "inproc":
        assert to_osb(address) == wire
    if isinstance(address, AgentChannel):
        assert again(address).uuid == address.uuid
    else:
        assert isinstance(address, AgentAddress) and address.twin().twin() == address


def test_topics_of_any_bytes_are_texts():
    assert (topic_to_text("a"), topic_to_text("ä".encode()), topic_to_text(b"\xeb")) == ("a", "ä", "ë")


# With the program.


@pytest.fixture
def ns(monkeypatch, tmp_path):
    try:
        program()
    except osb.NotFound as error:
        pytest.skip(str(error))
    # Paths of sockets are short ones, and those of pytest are not.
    folder = tempfile.mkdtemp(prefix="osb-")
    monkeypatch.setitem(osbrain.config, "IPC_DIR", Path(folder))
    monkeypatch.setenv("OSB_STATE_DIR", str(tmp_path / "state"))
    for name in ("OSBRAIN_NAMESERVER_ADDRESS", "OSB_NAMESERVER"):
        monkeypatch.delenv(name, raising=False)
    ns = osbrain.run_nameserver()
    yield ns
    ns.shutdown()
    shutil.rmtree(folder)


def osb_says(ns, *arguments):
    command = [program(), "--ns", str(ns.addr()), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Counter(osbrain.Agent):
    def on_init(self):
        self.total = 0
        self.bind("REP", "count", self.count, transport="tcp", serializer="json")

    def count(self, number):
        self.total += number
        return self.total

    def ask_back(self, other):
        """The other one calls this agent, while it waits for that."""
        return other.call(self, "total")

    def name_it(self, name):
        self.name = name
        return self.name

    def make(self, name):
        """An agent begins another one."""
        return osbrain.run_agent(name, attributes={"made_by": self.name})


class Caller(osbrain.Agent):
    def call(self, other, attribute):
        other.set_attr(called=True)
        return other.name + str(other.get_attr(attribute))


def test_agents_are_ordinary_members(ns):
    counter = osbrain.run_agent("Counter", base=Counter)
    assert osb_says(ns, "ls", "agents", "-o", "names").split() == ["Counter"]
    assert osb_says(ns, "addr", "Counter", "count").startswith("tcp://")
    assert json.loads(osb_says(ns, "call", "Counter", "count", "[2]", "-o", "json")) == 2
    osb_says(ns, "set", "Counter", "total=5")
    assert counter.total == 5 and osb_says(ns, "get", "Counter", "total").strip() == "5"
    with osb.connect(str(ns.addr())) as client:
        assert client.proxy("Counter").call("count", 1) == 6
        address = client.addr("Counter", "count")
    with osb.Agent("Probe", nameserver=str(ns.addr())).start() as probe:
        probe.connect(address, "ask")
        assert probe.request("ask", 4) == 10
    assert ns.addr("Counter", "count") == counter.addr("count")


def test_an_agent_that_gives_itself_is_called_back(ns):
    counter, caller = osbrain.run_agent("Counter", base=Counter), osbrain.run_agent("Caller", base=Caller)
    assert counter.ask_back(caller) == "Counter0"
    assert counter.called is True
    assert counter.name_it("Other") == "Other" and counter.ask_back(caller) == "Other0"
    assert ns.agents() == ["Caller", "Counter"]


def test_agents_begin_agents(ns):
    made = osbrain.run_agent("Counter", base=Counter).make("Made")
    assert made.get_attr("made_by") == "Counter" and ns.proxy("Made").ping() == "pong"


def test_an_error_ends_nothing(ns):
    counter = osbrain.run_agent("Counter", base=Counter)
    with pytest.raises(TypeError) as error:
        counter.count("text")
    assert "in count" in str(error.value.__cause__)
    assert counter.is_running() and counter.count(1) == 1


def test_a_death_is_noticed(ns):
    counter = osbrain.run_agent("Counter", base=Counter)
    os.kill(counter.execute_as_function(os.getpid), signal.SIGKILL)
    assert agent_dies("Counter", ns, timeout=5)
    with pytest.raises(NamingError):
        counter.ping()
    assert osbrain.run_agent("Counter", base=Counter).get_attr("total") == 0


def test_an_agent_ends_with_what_stands_for_it_at_its_host(ns):
    counter = osbrain.run_agent("Counter", base=Counter)
    pid = counter.execute_as_function(os.getpid)
    osb_says(ns, "stop", "Counter")
    assert agent_dies("Counter", ns)
    wait_until("the end of the process", lambda: not Path(f"/proc/{pid}").exists())


def test_an_agent_that_does_not_come_back_is_ended_all_the_same(ns):
    counter = osbrain.run_agent("Counter", base=Counter)
    pid = counter.execute_as_function(os.getpid)
    counter.after(0, sleep_long)
    assert counter.unsafe.ping() == "pong"
    command = [program(), "--ns", str(ns.addr()), "stop", "Counter", "--grace", "200ms"]
    subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    wait_until("the end of the process", lambda: not Path(f"/proc/{pid}").exists())


def test_what_cannot_begin_says_why_and_leaves_nothing(ns):
    class Broken(osbrain.Agent):
        def on_init(self):
            raise LookupError("no such thing")

    with pytest.raises(RuntimeError, match="LookupError: no such thing"):
        osbrain.run_agent("Broken", base=Broken)
    assert ns.agents() == []
    assert osbrain.run_agent("Broken").ping() == "pong"


def test_proxies_are_pickled_and_sent(ns):
    first, second = osbrain.run_agent("A"), osbrain.run_agent("B")
    assert pickle.loads(pickle.dumps(first)).ping() == "pong"
    assert second.execute_as_method(lambda agent, other: other.ping(), first) == "pong"


def test_arrays_and_tuples_are_messages(ns):
    numpy = pytest.importorskip("numpy")
    sink, source = osbrain.run_agent("Sink", attributes={"received": []}), osbrain.run_agent("Source")
    address = sink.bind("PULL", handler=lambda agent, message: agent.received.append(message))
    source.connect(address, "out")
    for message in ((1, "two"), numpy.arange(3.0)):
        source.send("out", message)
    assert wait_agent_attr(sink, length=2)
    first, second = sink.get_attr("received")
    assert first == (1, "two") and second.tolist() == [0.0, 1.0, 2.0]


SCRIPT = """
    import os, sys, time
    import osb.brain as osbrain

    def tick(agent):
        agent.count += 1

    if __name__ == "__main__":
        ns = osbrain.run_nameserver()
        agent = osbrain.run_agent("Agent", attributes={"count": 0})
        agent.each(0.01, tick)

        def late(agent, number):
            return agent.name + str(number)

        assert agent.execute_as_method(late, 1) == "Agent1"
        print(ns.addr(), agent.execute_as_function(os.getpid), flush=True)
        END
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "sys.stdin.read(); ns.shutdown()"])
def test_nothing_is_left_of_a_script_that_ends(end, tmp_path):
    try:
        program()
    except osb.NotFound as error:
        pytest.skip(str(error))
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("END", end))
    env = {**os.environ, "PYTHONPATH": str(SRC), "OSB_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=30
    )
    address, pid = done.stdout.splitlines()[0].split()
    wait_until("the end of the agent", lambda: not Path(f"/proc/{pid}").exists())
    with pytest.raises(osb.NotFound):
        wait_until("the end of the name server", lambda: osb.connect(address).close())


@pytest.mark.parametrize("kind", ["PUB", "SYNC_PUB"])
def test_the_first_publication_reaches_subscribers(ns, kind):
    source = osbrain.run_agent("Source")
    sinks = [osbrain.run_agent(f"Sink{n}", attributes={"received": []}) for n in range(3)]
    address = source.bind(kind, "news", handler=lambda agent, message: message)
    for sink in sinks:
        sink.connect(address, "news", handler={"a": lambda agent, message: agent.received.append(message)})
    source.send("news", 1, topic="b")
    source.send("news", 2, topic="a")
    assert all(wait_agent_attr(sink, value=[2]) for sink in sinks)


@pytest.mark.parametrize("security", ["none", "curve"])
def test_agents_join_a_system_that_is_up(system, security):
    up = system(f"osb: 1\nname: joined\nsecurity: {security}\nagents: {{ Alice: {{ bind: {{ main: PUSH }} }} }}\n")
    address = up.nameserver.address.replace("tcp://", "")
    source = osbrain.run_agent("Source", nsaddr=address)
    sink = osbrain.run_agent("Sink", nsaddr=address, attributes={"received": []})
    assert sorted(up.nameserver.agents()) == ["Alice", "Sink", "Source"]
    bound = sink.bind("PULL", handler=lambda agent, message: agent.received.append(message), transport="tcp")
    source.connect(bound, "out")
    source.send("out", "in")
    assert wait_agent_attr(sink, value=["in"])
    assert osbrain.NSProxy(address).addr("Alice", "main").kind == "PUSH"


def test_the_example_says_what_its_readme_shows(ns):
    example = Path(__file__).parents[2] / "examples" / "osbrain-unchanged" / "desk.py"
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(SRC), "XDG_RUNTIME_DIR": folder}
        said = subprocess.run([sys.executable, example], env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert "pears are not followed" in said.stdout and "goods that are followed: ['apples']" in said.stdout
