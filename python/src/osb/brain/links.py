"""Connections of this process to name servers, one for each address; and the daemons that it has started."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
from typing import Any, Dict, List, Optional, Tuple

from ..dial import find
from ..errors import NotFound, OsbError
from ..nameserver import NameServer, connect
from ..system import program
from .address import SocketAddress, address_to_host_port
from .core import loop_of_this_thread

VARIABLE = "OSBRAIN_NAMESERVER_ADDRESS"
#: How long an answer to a call may take, in seconds: an agent that goes away is noticed long before.
CALL_TIMEOUT = 7 * 24 * 3600.0

#: How long a daemon may take to begin, in seconds.
_START = 10.0
#: How often a host daemon is started that does not begin.
_ATTEMPTS = 3

#: Of a daemon: it ends with its standard input, with the process at the other end.
_TETHERED = (
    'exec 3<&0; "$@" </dev/null 3<&- & p=$!; (cat <&3; kill $p) >/dev/null 2>&1 & exec 3<&-; wait $p'
)

_lock = threading.RLock()
_links: Dict[Tuple[int, str], NameServer] = {}
_daemons: Dict[str, "List[subprocess.Popen[bytes]]"] = {}


def text_of(nsaddr: Any) -> str:
    """An address as text; None is the one of `OSBRAIN_NAMESERVER_ADDRESS`, else of osb's own ways to find one."""
    if nsaddr is None or nsaddr == "":
        nsaddr = os.environ.get(VARIABLE) or find().address
    host, port = address_to_host_port(nsaddr)
    if host is None or port is None:
        raise ValueError(f"the address of a name server has a host and a port, and {nsaddr} has not")
    return f"{host}:{port}"


def socket_address(text: str) -> SocketAddress:
    """The same with its parts."""
    host, port = address_to_host_port(text)
    return SocketAddress(host, int(port or 0))


def link(nsaddr: Any) -> NameServer:
    """The connection to a name server, made if it is not there. Raises NotFound at once if none listens."""
    text = text_of(nsaddr)
    key = (os.getpid(), text)
    with _lock:
        there = _links.get(key)
        if there is None or there.link.closed:
            there = _links[key] = connect(text)
        return there


def drop(text: str) -> None:
    """Ends a connection, whose name server has ended."""
    with _lock:
        there = _links.pop((os.getpid(), text), None)
    if there is not None:
        there.close()


def ask(ns: NameServer, peer: str, method: str, params: Dict[str, Any], timeout: float = CALL_TIMEOUT) -> Any:
    """Asks a member. The code of an agent waits while its loop turns: others can ask it meanwhile."""
    run = loop_of_this_thread()
    if run is None:
        return ns.link.ask(peer, method, params, timeout)
    answer = ns.link.begin(peer, method, params, timeout)
    answer.add_done_callback(lambda _: run.post(lambda: None))
    run.wait_for(answer.done, timeout + 5.0, f"{method} of {peer or 'the name server'}")
    return answer.result()


# Daemons.


def check_free(host: Optional[str], port: Optional[int]) -> None:
    """Raises OSError if nothing can be bound there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host or "127.0.0.1", port or 0))


def _start(arguments: List[str], ready: str) -> "Tuple[subprocess.Popen[bytes], str]":
    """A daemon that ends with this process, and the line that tells that it is ready. Raises OsbError with what it says."""
    command = ["/bin/sh", "-c", _TETHERED, "osb", program(), *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None and process.stdin is not None
    said: List[str] = []
    # One that is never ready, because its name server has ended say, is ended: what it prints ends then.
    late = threading.Timer(_START, process.stdin.close)
    late.daemon = True
    late.start()
    for line in process.stdout:
        said.append(line.decode(errors="replace").strip())
        if said[-1].startswith(ready):
            late.cancel()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, said[-1]
    _end([process])
    raise OsbError(f"{shlex.join(['osb', *arguments])}: {' '.join(said)}")


def start_nameserver(host: Optional[str], port: Optional[int]) -> str:
    """Starts a name server and a host daemon. Returns the address. Raises OSError, or OsbError with what it says."""
    check_free(host, port)
    at = f"{host or '127.0.0.1'}:{port or 0}"
    wide = [] if (host or "127.0.0.1").startswith("127.") else ["--insecure"]
    process, said = _start(["ns", "--bind", at, *wide], "tcp://")
    text = said.replace("tcp://", "", 1)
    _daemons[text] = [process]
    for attempt in range(_ATTEMPTS):
        try:
            start_host(text, "local")
            return text
        except OsbError:
            # Daemons of one name share a folder, which one that ends removes.
            if attempt == _ATTEMPTS - 1 or text not in _daemons:
                stop_nameserver(text)
                raise
    return text


def start_host(text: str, name: str) -> None:
    """Starts a host daemon for a name server, and returns when that knows it. Raises OsbError."""
    # What the name server tells is too early: the daemon ends agents that were begun before it says that it is ready.
    process, _ = _start(["--ns", text, "host", "--name", name], "registered at")
    _daemons.setdefault(text, []).append(process)


def host_for(text: str) -> Tuple[str, str]:
    """The host daemon by which agents of this machine are started: as a member, and its name there.

    One is begun if there is none.
    """
    with _lock:
        here = _hosts_here(text)
        if not here:
            start_host(text, "local" if text.startswith("127.") else f"{_machine()}-{os.getpid()}")
            here = _hosts_here(text)
        if not here:
            raise OsbError("a host daemon was started for this machine, and the name server shows none")
        host = next((it for it in here if it["name"] == "local"), here[0])
        system = f"{host['system']}/" if host.get("system") else ""
        return f"host:{system}{host['name']}", host["name"]


def _hosts_here(text: str) -> List[Dict[str, Any]]:
    return [it for it in link(text).hosts() if it["state"] == "running" and _is_own(it["address"])]


def _machine() -> str:
    plain = "".join(it for it in socket.gethostname().partition(".")[0] if it.isascii() and (it.isalnum() or it in "-_"))
    return plain.lstrip("-_") or "script"


def _is_own(address: str) -> bool:
    """Whether an address is one of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
        return True
    except OSError:
        return False


def stop_nameserver(text: str) -> bool:
    """Ends a name server and its host daemon; whether this process had started them."""
    daemons = _daemons.pop(text, [])
    drop(text)
    # The host first: it says goodbye.
    _end(daemons[::-1])
    return bool(daemons)


def _end(daemons: "List[subprocess.Popen[bytes]]") -> None:
    for process in daemons:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def is_alive(text: str) -> bool:
    """Whether the name server that this process has started still runs."""
    return any(process.poll() is None for process in _daemons.get(text, [])[:1])


def after_fork() -> None:
    """In a child: the connections and the daemons are the parent's. Its ends of their input are closed, or the daemons
    would not notice the end of the parent."""
    global _lock
    _lock = threading.RLock()
    for processes in _daemons.values():
        for process in processes:
            if process.stdin is not None:
                os.close(process.stdin.fileno())
    _kept.append((dict(_links), dict(_daemons)))
    _links.clear()
    _daemons.clear()


#: What is not to be collected in a child: its end would be that of the parent's.
_kept: List[Any] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)

__all__ = ["NotFound", "ask", "host_for", "link", "start_nameserver", "stop_nameserver", "text_of"]
