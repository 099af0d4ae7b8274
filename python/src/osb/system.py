"""Whole systems from a script: `osb.up("topology.yaml")` and `osb.down()`, by the `osb` program of this machine.

A system that a script brings up ends with the script, however that ends, unless it says `keep=True`: a small process
waits for the end of this one, and takes the system down.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .dial import groups
from .durations import Duration
from .errors import NotFound, OsbError
from .nameserver import NameServer, connect
from .proxy import Proxy

Arguments = Sequence[Union[str, "os.PathLike[str]"]]


class UpFailed(OsbError):
    """`osb` has failed. `status` is its exit status, by specs/output.md."""

    def __init__(self, command: str, status: int, said: str) -> None:
        super().__init__(said.strip() or f"osb {command} has ended with status {status}")
        self.status = status


def program() -> str:
    """The `osb` program: `OSB_BIN`, else the one that was installed with this package, else the first of the path."""
    named = os.environ.get("OSB_BIN")
    if named:
        return named
    beside = Path(sysconfig.get_path("scripts")) / ("osb.exe" if os.name == "nt" else "osb")
    if beside.is_file():
        return str(beside)
    found = shutil.which("osb")
    if found is None:
        raise NotFound(
            "there is no osb program here: install the wheel for this platform, or osb itself, or name it by OSB_BIN"
        )
    return found


def run(arguments: Arguments, env: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None) -> str:
    """Runs `osb` with these arguments. Returns what it printed. Raises UpFailed."""
    command = [program(), *(os.fspath(it) for it in arguments)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=None if env is None else {**os.environ, **env}, timeout=timeout,
    )  # fmt: skip
    if done.returncode != 0:
        raise UpFailed(str(arguments[0]), done.returncode, done.stderr or done.stdout)
    return done.stdout


class System:
    """A system that is up. As a context manager it goes down at the end."""

    def __init__(self, name: str, tether: "Optional[subprocess.Popen[bytes]]" = None) -> None:
        self.name = name
        self._tether = tether
        self._nameserver: Optional[NameServer] = None

    @property
    def nameserver(self) -> NameServer:
        """A connection to its name server."""
        if self._nameserver is None or self._nameserver.link.closed:
            self._nameserver = connect(system=self.name)
        return self._nameserver

    def proxy(self, agent: str, timeout: Duration = 10.0) -> Proxy:
        """What asks that agent."""
        return self.nameserver.proxy(agent, timeout)

    def logs(self, *agents: str) -> str:
        """The logs of its agents, merged by time."""
        return run(["--system", self.name, "logs", *agents])

    def down(self, *, force: bool = False) -> None:
        """Takes it down. It is no error if it is down already. `force`: also if others are registered there."""
        if self._nameserver is not None:
            self._nameserver.close()
        down(self.name, force=force)
        _untie(self._tether)
        self._tether = None

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def __repr__(self) -> str:
        return f"<System {self.name}>"


def up(
    *files: Union[str, "os.PathLike[str]"],
    set: Optional[Mapping[str, Any]] = None,
    keep: bool = False,
    env: Optional[Mapping[str, str]] = None,
) -> System:
    """Brings up the system of topology files, and returns when all agents are wired and work.

    `set` sets values over the files, as `{"agents.Bob.attributes.x": 1}`. `env` is for the programs, beside this
    process's environment. Python agents that say `command: [python, x.py]` run by this interpreter, if its folder
    comes first on the path. Raises UpFailed, and then nothing is left of the system.
    """
    arguments: List[Union[str, "os.PathLike[str]"]] = list(files)
    for path, value in (set or {}).items():
        arguments += ["--set", f"{path}={json.dumps(value)}"]
    name = str(json.loads(run(["check", "-o", "json", "--expand", *arguments], env))["name"])
    tether = None if keep else _tether(name)
    try:
        run(["up", *arguments], env)
    except BaseException:
        _untie(tether)
        raise
    return System(name, tether)


def down(system: Optional[str] = None, *, force: bool = False) -> None:
    """Takes a system down; the only one that is up, if it is not named. It is no error if it is down already.

    `force`: also if others are registered at its name server, which then live on without one.
    """
    arguments = ["down"] if system is None else ["--system", system, "down"]
    try:
        run([*arguments, "--force"] if force else arguments)
    except UpFailed:
        if groups(system):
            raise


def _untie(tether: "Optional[subprocess.Popen[bytes]]") -> None:
    """There is nothing for it to take down."""
    if tether is not None:
        tether.communicate(b"done")


def _tether(system: str) -> "subprocess.Popen[bytes]":
    """What takes the system down when this process has ended in any way: the end of its input tells it."""
    own: Dict[str, Any] = {"creationflags": 0x200} if os.name == "nt" else {"start_new_session": True}
    return subprocess.Popen(
        [sys.executable, "-m", "osb.tether", program(), system], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **own
    )
