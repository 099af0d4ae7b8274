"""What holds where nothing else is said, by the names of osBrain: `osb.brain.config`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict


def _folder() -> Path:
    """Where ipc sockets lie, for this user alone."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home()) / ".osb_brain_ipc"


def _read() -> Dict[str, Any]:
    posix = os.name == "posix"
    return {
        "SAFE": os.environ.get("OSBRAIN_DEFAULT_SAFE", "true") != "false",
        "SERIALIZER": os.environ.get("OSBRAIN_DEFAULT_SERIALIZER", "msgpack"),
        "LINGER": float(os.environ.get("OSBRAIN_DEFAULT_LINGER", "1")),
        "TRANSPORT": os.environ.get("OSBRAIN_DEFAULT_TRANSPORT", "ipc" if posix else "tcp"),
        "IPC_DIR": _folder() if posix else Path(),
    }


config: Dict[str, Any] = _read()


def ipc_folder() -> Path:
    """The folder of `config["IPC_DIR"]`, which is made if it is not there."""
    folder = Path(config["IPC_DIR"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
