"""Each test has a system of its own, which is down at its end. If it fails, its report has the logs."""

import time

import pytest

import osb


@pytest.fixture
def adder(osb_system):
    return osb_system("topology.yaml").proxy("Adder")


def test_it_adds(osb_system):
    system = osb_system("topology.yaml")
    for number in (1, 2, 3):
        system.proxy("Source").send("numbers", number)
    until = time.monotonic() + 10
    while system.proxy("Adder").get_attr("sum") != 6 and time.monotonic() < until:
        pass
    assert system.proxy("Adder").get_attr("sum") == 6


def test_nothing_is_left_of_another_test(adder):
    assert adder.get_attr("sum") == 0


def test_errors_of_an_agent_are_errors_here(adder):
    with pytest.raises(osb.CallFailed, match="ZeroDivisionError") as raised:
        adder.call("divide", 0)
    assert "adder.py" in raised.value.traceback


def test_an_agent_beside_the_system(osb_system):
    system = osb_system("topology.yaml", set={"agents.Adder.attributes.sum": 40})
    with osb.Agent("Probe", nameserver=system.nameserver.address).start() as probe:
        probe.bind("PUSH", "numbers")
        system.proxy("Adder").connect("Probe.numbers", "more", "call:numbers")
        probe.send("numbers", 2)
        until = time.monotonic() + 10
        while system.proxy("Adder").get_attr("sum") != 42 and time.monotonic() < until:
            pass
    assert system.proxy("Adder").get_attr("sum") == 42
