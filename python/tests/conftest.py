"""Tests with systems run where there is an `osb` program: they are skipped out loud where there is none."""

import os
import time
from pathlib import Path

import pytest

import osb
from osb.system import program

SRC = Path(osb.__file__).parent.parent


@pytest.fixture
def system(osb_system, monkeypatch):
    try:
        program()
    except osb.NotFound as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(SRC), os.environ.get("PYTHONPATH", ""))))

    def bring_up(topology, **programs):
        for name, text in programs.items():
            (osb_system.folder / f"{name}.py").write_text(text)
        return osb_system(topology)

    bring_up.folder = osb_system.folder
    return bring_up


def wait_until(what, true, timeout=10.0):
    """Looks until that is true: for what no event tells of."""
    until = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < until, f"{what}: not within {timeout} s"
        time.sleep(0.005)
