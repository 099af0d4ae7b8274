"""Tries everything that examples/lib/osb_lines.py offers, and sets `done` to true, or to what went wrong."""

import traceback

import osb_lines

agent = osb_lines.Agent()
ticks = 0


@agent.on("desk")
def asked(question):
    if question == "fail":
        raise ValueError("fail")
    yield "at once"
    agent.set(after_all=True)


@agent.on("news", topic="a")
def apple(message):
    agent.set(heard=[agent.topic, message])


@agent.handler
def named(message):
    agent.set(named=message)


@agent.method
def refuse():
    raise osb_lines.Error("not today")


@agent.method
def end():
    agent.shutdown()


@agent.every("5ms")
def tick():
    global ticks
    ticks += 1
    agent.set(ticks=ticks)


@agent.started
def begin():
    try:
        sockets()
        timers()
        attributes()
        agent.set(done=True)
    except Exception:
        agent.set(done=traceback.format_exc())


def sockets():
    assert agent.sockets["desk"] == "REP" and agent.name == "All"
    address = agent.bind("PULL", "inbox", handler="collect")
    assert agent.addr("inbox") == address
    wired = agent.connect(address, "out", kind="PUSH")
    assert wired["kind"] == "PUSH", wired
    agent.send("out", 1)
    wired = agent.connect("All.desk", "self_ask")
    assert wired["to"] == "All.desk", wired
    agent.connect("All.feed", "news", handler={"a": "command"})
    agent.subscribe("news", {"b": "discard"})
    agent.unsubscribe("news", "b")
    agent.send("feed", "first", topic="ab")
    try:
        agent.unsubscribe("news", "b")
        raise AssertionError("it was subscribed")
    except osb_lines.Error as error:
        assert "not subscribed" in str(error), error
    assert agent.close("self_ask") == 0
    assert agent.close("out", linger="0ms") == 0


def timers():
    alias = agent.every("1h", send="feed", message=1, topic="x")
    agent.after("1h", set={"late": True}, alias="late")
    assert {timer["alias"] for timer in agent.timers()} >= {alias, "late"}
    agent.stop_timer("late")
    agent.stop_timer(alias)
    assert len(agent.timers()) == 1


def attributes():
    assert agent.get("greeting") == agent.attributes["greeting"] == "hi"
    agent.set(x=[1])
    assert agent.get("x") == [1]
    agent.log_debug("debug")
    agent.log_warning("warning")


@agent.stopping
def farewell():
    agent.log_info("farewell")


agent.run()
