"""What an agent leaves behind for its host daemon, which finds it when the process has ended: files in the system's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from .run import Run


def leave_behind(run: "Run", unsent: Dict[str, int]) -> None:
    """Its attributes, if it ends by itself; that a member has asked it to end, so that it stays down; what was not sent."""
    if run.boot.dir is None:
        return
    files: Dict[str, Any] = {}
    if not run.asked_to_end and run.attributes:
        files[""] = dict(run.attributes)
    if run.stays_down and (run.boot.spec.get("restart") or {}).get("policy", "never") != "never":
        files[".asked"] = True
    if unsent:
        files[".unsent"] = unsent
    for kind, content in files.items():
        try:
            _write(Path(run.boot.dir) / "left" / f"{run.boot.incarnation}{kind}.json", content)
        except (OSError, ValueError) as error:
            run.log.warning(f"what its host is to know of its end cannot be written down: {error}")


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
