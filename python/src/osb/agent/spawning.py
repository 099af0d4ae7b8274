"""The spec of an agent that is asked for at run time. Pure."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from ..durations import Duration, milliseconds
from ..errors import OsbError
from ..proxy import to_json

_KEYS = {"speaks", "attributes", "env", "cwd"}


def spec(name: str, command: Optional[Sequence[str]], timeout: Duration, more: Dict[str, Any]) -> Dict[str, Any]:
    """As specs/protocol.md has it, of an agent without sockets and wires of the spec's own."""
    unknown = more.keys() - _KEYS
    if unknown:
        raise OsbError(f"an agent is not spawned with {', '.join(sorted(unknown))}: there are {', '.join(sorted(_KEYS))}")
    program = None
    if command is not None:
        program = {
            "argv": list(command), "env": dict(more.get("env", {})), "cwd": more.get("cwd"),
            "speaks": more.get("speaks", "lines"), "ready": "started", "timeout": milliseconds(timeout), "after": [],
        }  # fmt: skip
    return {
        "name": name, "host": "local", "attach": False, "program": program,
        "attributes": {key: to_json(value) for key, value in more.get("attributes", {}).items()},
        "bind": [], "wires": [], "timers": [], "start_timeout": milliseconds(timeout), "settle": 500,
        "spawned": "ephemeral",
    }  # fmt: skip
