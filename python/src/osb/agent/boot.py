"""How an agent begins: as the host daemon says that starts it, by standard input; or as the environment and the code do."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional

import zmq

from ..dial import Dial, Keys, find, find_key, state_folder, tcp
from ..errors import OsbError
from ..link import Link

#: The longest word of a host daemon, in bytes.
_LONGEST = 16 << 20


@dataclass
class Boot:
    """What an agent has to know before it can be one.

    `spec` is the agent's own (specs/protocol.md), `version` its number; None: it was started by hand, and has none yet.
    `works` says how far it goes alone. `ports` are those of its former life. `go`: it may work at once.
    """

    name: str
    dial: Dial
    incarnation: int
    spec: Dict[str, Any] = field(default_factory=dict)
    version: Optional[int] = None
    works: Optional[Dict[str, Any]] = None
    ports: Dict[str, int] = field(default_factory=dict)
    successor_of: Optional[int] = None
    host: Optional[str] = None
    advertise: str = "127.0.0.1"
    ipc_dir: Optional[str] = None
    log: Optional[str] = None
    dir: Optional[str] = None
    former_lives: int = 0
    go: bool = False
    made: Optional[str] = None
    began: float = field(default_factory=time.monotonic)

    def remove_folder(self) -> None:
        """That one, if it was made here."""
        if self.made is not None:
            shutil.rmtree(self.made, ignore_errors=True)

    def folder_for_sockets(self) -> str:
        """Where ipc sockets without a path lie; made if it is needed and not there."""
        if self.ipc_dir is None:
            self.ipc_dir = self.made = tempfile.mkdtemp(prefix="osb-")
        return self.ipc_dir


def of_process(name: Optional[str], nameserver: Optional[str], waits_for_go: bool) -> Boot:
    """The beginning of a process whose only agent it is: a host daemon may have started it."""
    if os.environ.get("OSB_BOOT") == "stdin":
        # Its own children are not started by a daemon.
        del os.environ["OSB_BOOT"]
        return _told(sys.stdin.buffer.read(_LONGEST))
    return by_hand(os.environ.get("OSB_AGENT") or name, nameserver, waits_for_go)


def by_hand(name: Optional[str], nameserver: Optional[str], waits_for_go: bool) -> Boot:
    """The beginning of an agent that no daemon starts. Raises OsbError if no name server answers."""
    if not name:
        raise OsbError('the agent has no name: osb.Agent("Bob"), or OSB_AGENT')
    found = find(nameserver)
    dial = _admitted(found, name)
    # Better an error now than an agent that is never registered.
    link = Link(dial)
    try:
        link.ask("", "ping")
    finally:
        link.close()
    return Boot(name, dial, random.getrandbits(63) | 1, go=not waits_for_go)


def _told(text: bytes) -> Boot:
    try:
        told = json.loads(text)
        keys = Keys.of_json(told["keys"]) if told.get("keys") else None
        spec = told["spec"]
        return Boot(
            name=spec["name"].partition("@")[0],
            dial=Dial(tcp(told["nameserver"]), keys),
            incarnation=told["incarnation"],
            spec=spec,
            version=told.get("version"),
            works=told.get("works"),
            ports=dict(told.get("ports") or {}),
            successor_of=told.get("successor_of"),
            host=told.get("host"),
            advertise=told["advertise"],
            ipc_dir=told["ipc_dir"],
            log=told.get("log"),
            dir=told.get("dir"),
            former_lives=told.get("former_lives", 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OsbError(f"standard input does not tell how to begin: {error!r}") from None


def _admitted(dial: Dial, name: str) -> Dial:
    """In a closed system: the keys of the agent itself. An operator's admit it; its own are its own; those of a join
    file are exchanged, once."""
    if dial.keys is None:
        return dial
    key = find_key(dial.address)
    if key is None:
        return dial
    holder = key["holder"]
    if "operator" in holder:
        return _admit(dial, name)
    if holder != {"agent": name}:
        raise OsbError(f"the key is that of {holder}, and this is the agent {name}")
    return _join(dial, key) if key.get("expires") is not None else dial


def _draw(dial: Dial) -> Keys:
    assert dial.keys is not None
    public, secret = (part.decode() for part in zmq.curve_keypair())
    return Keys(public, secret, dial.keys.server, dial.keys.file)


def _admit(dial: Dial, name: str) -> Dial:
    own = _draw(dial)
    link = Link(dial)
    try:
        link.ask("", "admit", {"key": own.public, "holder": {"agent": name}, "term": "run"})
    finally:
        link.close()
    return Dial(dial.address, own)


def _join(dial: Dial, key: Dict[str, Any]) -> Dial:
    """The key that was got for this join file before, or a new one, which is written down before it is of use."""
    path = state_folder() / ".joined" / f"{_hex(key['own']['public'])}.python.key"
    if path.exists():
        kept = json.loads(path.read_text())
        return Dial(dial.address, Keys.of_json({**kept, "file": str(path)}))
    own = _draw(dial)
    _write(path, {**key, "own": {"public": own.public, "secret": own.secret}, "expires": None})
    link = Link(dial)
    try:
        link.ask("", "join", {"key": own.public})
    except BaseException:
        path.unlink()
        raise
    finally:
        link.close()
    return Dial(dial.address, Keys(own.public, own.secret, own.server, str(path)))


def _hex(public: str) -> str:
    return public.encode().hex()


def _write(path: Path, key: Dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {name: value for name, value in key.items() if name != "file" and value is not None}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)


