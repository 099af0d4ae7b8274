"""Agents in processes of their own: `run_agent`.

The process is forked from the one that calls, as osBrain does: the agent has all classes and functions that the
script has. It is started at the word of a host daemon, which watches it (`stub.py`), so that its end is noticed.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Type

from ..agent import boot as begin
from ..agent.signals import Signals
from ..agent.spawning import spec
from ..errors import Fault, OsbError
from ..nameserver import ENDED, NameServer
from . import links, stub
from .address import address_to_host_port
from .agent import Agent
from .common import format_exception, unique_identifier
from .core import LOOPS, Core
from .proxy import Proxy, _again
from .settings import config

#: How long an agent may take to begin, in seconds.
START = 60.0
#: How long an agent may take to end whose host has killed it, in seconds.
_LAST_WORD = 1.0

#: The agents that this process has begun, by their process ids.
_children: Dict[int, "AgentProcess"] = {}


class AgentProcess:
    """One agent with its process. `run_agent` is what makes one that runs."""

    def __init__(
        self,
        name: str = "",
        nsaddr: Any = None,
        addr: Any = None,
        serializer: Optional[str] = None,
        transport: Optional[str] = None,
        base: Type[Agent] = Agent,
        attributes: Optional[Dict[str, Any]] = None,
    ) -> None:
        """`addr` gives the host at which its sockets are bound; agents have no port of their own."""
        self.name, self.nsaddr, self.base = name or unique_identifier().decode(), nsaddr, base
        self._host = address_to_host_port(addr)[0]
        self._serializer, self._transport, self._attributes = serializer, transport, attributes
        self.pid: Optional[int] = None
        self._ended = threading.Event()

    def start(self, runs: bool = False) -> str:
        """Begins the agent; its main loop begins with `run` of its proxy. Returns the name.

        Raises RuntimeError if it cannot begin: with the traceback of what has failed.
        """
        try:
            self._start(runs)
        except _Failed as error:
            raise RuntimeError(_said(str(error))) from None
        except Fault as fault:
            taken = f"{self.name}: name already registered: " if fault.code == "name_taken" else ""
            raise RuntimeError(_said(f"{taken}{fault}")) from None
        return self.name

    def _start(self, runs: bool) -> None:
        if not hasattr(os, "fork"):
            raise OsbError("this platform cannot fork: write the agent as an osb.Agent, and start it with its system")
        text = links.text_of(self.nsaddr)
        ns = links.link(text)
        peer, host = links.host_for(text)
        _wait_until_free(ns, self.name)
        with tempfile.TemporaryDirectory(prefix="osb-") as folder, _Pipe() as report, _Pipe() as off:
            path = str(Path(folder) / "agent")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
                door.bind(path)
                door.listen(1)
                begun = ns.link.begin(peer, "spawn", {"spec": self._spec(host, path)}, START)
                # Meanwhile the host daemon starts what the process is to be connected to.
                self._fork(_Birth(door, report, off), runs, text)
            begun.add_done_callback(lambda it: off.write("x") if it.exception() is not None else None)
            failure = report.read()
            try:
                begun.result(START)
            except Fault:
                # The host daemon keeps nothing of it from here on; why it has failed, the agent tells better.
                if not failure:
                    raise
        if failure:
            raise _Failed(failure)

    def _spec(self, host: str, path: str) -> Dict[str, Any]:
        command = [sys.executable, "-S", "-E", str(stub.__file__), path]
        agent = spec(self.name, command, START, {"speaks": "osb", "cwd": os.getcwd()})
        return {**agent, "host": host}

    def _fork(self, birth: "_Birth", runs: bool, text: str) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python warns of threads that hold locks: the child uses none of theirs, and has its own connections.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _live(birth, lambda told: self._run(told, birth, runs, text))
        self.pid = pid
        _children[pid] = self
        threading.Thread(target=self._reap, daemon=True).start()

    def _reap(self) -> None:
        assert self.pid is not None
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass  # others have waited for it
        _children.pop(self.pid, None)
        self._ended.set()

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits until the process has ended."""
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self.pid is not None and not self._ended.is_set()

    def kill(self) -> None:
        """Ends the process."""
        if self.pid is not None and not self._ended.is_set():
            os.kill(self.pid, signal.SIGTERM)

    terminate = kill

    # In the process of the agent.

    def _run(self, told: bytes, birth: "_Birth", runs: bool, text: str) -> int:
        os.environ[links.VARIABLE] = text

        def make() -> Agent:
            try:
                agent = self.base(
                    name=self.name, host=self._host, serializer=self._serializer, transport=self._transport,
                    attributes=self._attributes,
                )  # fmt: skip
            except BaseException:
                birth.report.write(format_exception())
                raise
            birth.report.close()
            return agent

        core = Core(self.name, make, runs)
        birth.line.sendall(str(os.getpid()).encode())
        threading.Thread(target=_end_with, args=(birth.line, core), daemon=True).start()
        return core._live(begin._told(told), Signals())


def _wait_until_free(ns: NameServer, name: str) -> None:
    """An agent of that name that ends just now has said goodbye, and its process is still there for a moment."""
    try:
        there = ns.info(name)
    except Fault:
        return  # there was none
    if there["state"] not in ENDED or _is_over(there):
        return

    def reached(told: Dict[str, Any]) -> Optional[bool]:
        agents = told.get("agents") or ([told["agent"]] if isinstance(told.get("agent"), dict) else [])
        return True if any(it["name"] == name and _is_over(it) for it in agents) else None

    with ns.watch() as watch:
        watch.wait_until(f"the end of the former {name}", START, reached)


def _is_over(info: Dict[str, Any]) -> bool:
    return info["host"] is None or info.get("exit") is not None


class _Failed(OsbError):
    """The agent could not be made."""


def _said(text: str) -> str:
    return f"An error occurred while creating the daemon!\n===============\n{text}\n===============\n"


class _Birth:
    """By what a forked process comes to its line to the host daemon: `door` is where that is handed in, `report` by
    what it says that it cannot be made, `off` by what it hears that nobody will come."""

    def __init__(self, door: socket.socket, report: "_Pipe", off: "_Pipe") -> None:
        self._door, self.report, self._off = door, report, off
        self._line: Optional[socket.socket] = None

    @property
    def line(self) -> socket.socket:
        """The connection of what stands for the agent at the host daemon."""
        if self._line is None:
            raise OsbError("the host daemon does not start the agent")
        return self._line

    def wait(self) -> bytes:
        """Waits for it. Returns what the host daemon tells the agent. Raises OsbError if nobody comes."""
        self._off.keep_reading()
        ready, _, _ = select.select([self._door.fileno(), self._off.reading], [], [])
        if self._door.fileno() not in ready:
            raise OsbError("the host daemon does not start the agent")
        self._line = self._door.accept()[0]
        self._door.close()
        self._off.close_all()
        return self._read(int.from_bytes(self._read(8), "big"))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.line.recv(count - len(data))
            if not part:
                raise OsbError("what stands for the agent at the host daemon has ended")
            data += part
        return data

    def close(self) -> None:
        """What is forked from the agent does not keep it alive for the host daemon."""
        if self._line is not None:
            self._line.close()

    def tell_end(self, status: int) -> None:
        """The last word."""
        if self._line is not None:
            self._line.sendall(str(status).encode())


class _Pipe:
    """By which a process says something once, or, with its end, that there is nothing to say."""

    def __init__(self) -> None:
        self.reading, self._write = os.pipe()
        self._lock = threading.Lock()

    def read(self) -> str:
        """All that the other says."""
        self.close()
        with os.fdopen(self.reading, "rb") as file:
            self.reading = -1
            return file.read().decode(errors="replace")

    def keep_reading(self) -> None:
        """This process is the one that reads."""
        self.close()

    def write(self, text: str) -> None:
        """Says it, if this end is there still."""
        with self._lock:
            if self._write >= 0:
                os.write(self._write, text.encode(errors="replace"))
        self.close()

    def close(self) -> None:
        """There is nothing more to say."""
        with self._lock:
            if self._write >= 0:
                os.close(self._write)
                self._write = -1

    def close_all(self) -> None:
        """Both ends."""
        self.close()
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1

    def __enter__(self) -> "_Pipe":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()


def _live(birth: _Birth, run: Callable[[bytes], int]) -> None:
    """All that a forked process does. Never returns: what stands above it on the stack is the parent's."""
    status = 1
    try:
        os.register_at_fork(after_in_child=birth.close)
        LOOPS.clear()
        _children.clear()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        status = run(birth.wait())
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        if birth._line is not None:
            sys.stderr.write(format_exception() + "\n")
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            birth.tell_end(status)
        except (OSError, ValueError):
            pass
        os._exit(status)


def _end_with(line: socket.socket, core: Core) -> None:
    """In the agent: what stands for it at the host daemon was killed, and so it ends."""
    try:
        while line.recv(64):
            pass
    except OSError:
        pass
    run = core._run
    if run is not None:
        run.asked_to_end = True
        run.end(0)
        if run.thread is not None:
            run.thread.join(_LAST_WORD)
    os._exit(1)


def run_agent(
    name: str = "",
    nsaddr: Any = None,
    addr: Any = None,
    base: Type[Agent] = Agent,
    serializer: Optional[str] = None,
    transport: Optional[str] = None,
    safe: Optional[bool] = None,
    attributes: Optional[Dict[str, Any]] = None,
) -> Proxy:
    """Begins an agent in a process of its own, and returns a proxy of it when it runs.

    Without `nsaddr` it is registered at the name server that this process has begun last, or of the variable
    `OSBRAIN_NAMESERVER_ADDRESS`. `safe` is for the calls of the proxy. Raises RuntimeError with the traceback of an
    agent that cannot begin.
    """
    process = AgentProcess(name, nsaddr, addr, serializer, transport, base, attributes)
    agent = process.start(runs=True)
    return _again(agent, links.text_of(nsaddr), config["SAFE"] if safe is None else safe).wait_for_running(START)


def _wait_for_children() -> None:
    """At its end, a script waits for its agents, as it does in osBrain. Ctrl-C ends them."""
    waiting: List[AgentProcess] = list(_children.values())
    for child in waiting:
        try:
            child.join()
        except KeyboardInterrupt:
            for each in waiting:
                each.kill()


atexit.register(_wait_for_children)
