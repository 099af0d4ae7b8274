"""A fixture for tests with pytest: a system for each test. Where this package is installed, pytest finds it.

    def test_it_adds(osb_system):
        system = osb_system("topology.yaml")          # or the text of a topology
        assert system.proxy("Adder").call("add", 1, 2) == 3

Each test has its own state folder, and its systems are down at its end. If it has failed, its report has their logs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Generator, List, Union

import pytest

from .errors import OsbError
from .system import System, up

Topology = Union[str, "os.PathLike[str]"]


class Systems:
    """What the fixture gives: called with a topology, it brings that up.

    A topology is a file, beside the test or of any place, or a text with the lines of one. More arguments are those of
    `osb.up`. `folder` is where a text's relative paths begin: a folder of the test's own.
    """

    def __init__(self, beside: Path, folder: Path) -> None:
        self._beside, self.folder = beside, folder
        self.up: List[System] = []

    def __call__(self, topology: Topology, **more: Any) -> System:
        system = up(self._file(topology), **more)
        self.up.append(system)
        return system

    def _file(self, topology: Topology) -> Path:
        if isinstance(topology, str) and "\n" in topology:
            file = self.folder / f"topology-{len(self.up)}.yaml"
            file.write_text(topology)
            return file
        return self._beside / topology

    def logs(self) -> str:
        """Those of all systems."""
        parts = []
        for system in self.up:
            try:
                parts.append(f"{system.name}:\n{system.logs()}")
            except OsbError as error:
                parts.append(f"{system.name}: {error}")
        return "\n".join(parts)


@pytest.fixture
def osb_system(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Generator[Callable[..., System], None, None]:
    """Brings up systems, each for this test alone: see `osb.pytest_plugin`."""
    # Not pytest's own folder: its path may be too long for a Unix socket.
    state = tempfile.mkdtemp(prefix="osb-")
    monkeypatch.setenv("OSB_STATE_DIR", state)
    monkeypatch.delenv("OSB_NAMESERVER", raising=False)
    monkeypatch.delenv("OSB_KEY", raising=False)
    # `command: [python, x.py]` is the interpreter of this test.
    monkeypatch.setenv("PATH", os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", ""))))
    systems = Systems(request.path.parent, tmp_path)
    yield systems
    report = getattr(request.node, "osb_report", None)
    if report is not None and report.failed and systems.up:
        report.sections.append(("logs of osb", systems.logs()))
    for system in reversed(systems.up):
        system.down(force=True)
    shutil.rmtree(state, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Generator[None, Any, Any]:
    """The fixture learns how its test went."""
    report = yield
    if report.when == "call":
        item.osb_report = report  # type: ignore[attr-defined]
    return report
