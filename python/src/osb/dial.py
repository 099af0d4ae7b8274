"""How a name server is dialled: its address, and in a closed system the keys. Where both are found on this machine."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from .errors import NotFound, OsbError


@dataclass(frozen=True)
class Keys:
    """A member's own pair, and the name server's public key: 40 characters of Z85 each.

    `file` has them, if there is one: another key of the name server is written down there.
    """

    public: str
    secret: str
    server: str
    file: Optional[str] = None

    def __repr__(self) -> str:
        return f"Keys(public={self.public!r})"

    @classmethod
    def of_json(cls, value: Dict[str, Any]) -> "Keys":
        """Credentials, as a host daemon gives them to an agent, and as a key's file has them."""
        return cls(value["own"]["public"], value["own"]["secret"], value["server"], value.get("file"))


@dataclass(frozen=True)
class Dial:
    """`address` is `tcp://HOST:PORT`. Without keys the name server is dialled in the clear."""

    address: str
    keys: Optional[Keys] = None


def tcp(address: str) -> str:
    """An address with or without `tcp://`, with it."""
    return address if "://" in address else f"tcp://{address}"


def state_folder() -> Path:
    """Where osb remembers systems: under `OSB_STATE_DIR`, `XDG_STATE_HOME` or `~/.local/state`."""
    for name in ("OSB_STATE_DIR", "XDG_STATE_HOME"):
        folder = os.environ.get(name)
        if folder:
            return Path(folder).absolute() / "osb"
    return Path.home() / ".local" / "state" / "osb"


@dataclass(frozen=True)
class Group:
    """A name server of a system that is up on this machine."""

    system: str
    name: str
    address: str
    key: Optional[str]


def groups(system: Optional[str] = None) -> List[Group]:
    """The name servers of the systems that are up, or of that one; the first of a system is its main one."""
    return list(_groups(system))


def _groups(system: Optional[str]) -> Iterator[Group]:
    folder = state_folder()
    if not folder.is_dir():
        return
    for record in sorted(folder.glob("*/system.json")):
        try:
            read = json.loads(record.read_bytes())
            name, all = str(read["name"]), list(read["groups"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it is being written, or is of another release: the command line says what is wrong with it
        if system in (None, name):
            for it in all:
                if it.get("phase") != "down":
                    yield Group(name, it["name"], it["nameserver"], it.get("key"))


def read_key(path: str) -> Dict[str, Any]:
    """The key in a file, which no other user may read. Raises OsbError."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise OsbError(f"others can read {path}: a key is for its owner alone (chmod 600)")
            key = json.loads(file.read())
    except OSError as error:
        raise OsbError(f"cannot read the key {path}: {error.strerror}") from None
    except ValueError:
        raise OsbError(f"{path} is no key of osb's") from None
    if not isinstance(key, dict) or not {"own", "server", "holder"} <= key.keys():
        raise OsbError(f"{path} is no key of osb's")
    return {**key, "file": os.path.abspath(path)}


def find_key(address: str, named: Optional[str] = None) -> Optional[Dict[str, Any]]:
    """The key for that name server: the one named, else that of `OSB_KEY`, else of a system of this machine."""
    path = named or os.environ.get("OSB_KEY")
    if path:
        return read_key(path)
    for group in groups():
        if group.key and tcp(group.address) == tcp(address):
            return read_key(group.key)
    return None


def find(address: Optional[str] = None, system: Optional[str] = None, key: Optional[str] = None) -> Dial:
    """How to dial the name server at `address`, else of `system`, else of `OSB_NAMESERVER`, else of the only system."""
    if address is None and system is None:
        address = os.environ.get("OSB_NAMESERVER") or None
    if address is None:
        address = _only(system).address
    found = find_key(address, key)
    return Dial(tcp(address), Keys.of_json(found) if found else None)


def _only(system: Optional[str]) -> Group:
    there = groups(system)
    names = sorted({group.system for group in there})
    if len(names) == 1:
        return there[0]
    if system is not None:
        raise NotFound(f"no system {system} is up on this machine")
    if not names:
        raise NotFound("no system is up on this machine: bring one up, or say where its name server is")
    raise NotFound(f"several systems are up: say which, by system=. There are {', '.join(names)}")
