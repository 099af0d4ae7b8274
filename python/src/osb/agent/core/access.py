"""What each level may ask of an agent: specs/security.md, "Levels"."""

from __future__ import annotations

from ...errors import Fault
from ...wire import LEVELS

_READ = frozenset({"addr", "sockets", "timers", "is_running", "status", "rate"})
_TAP = _READ | {"tap", "keep_tap", "tapped", "untap"}
_AGENT = frozenset(
    {"addr", "probe", "prove", "unprobe", "confirm", "arrived", "leave_out", "left", "is_running"}
)
_HOST = frozenset({"addr", "configure", "alter", "adopt", "lead", "launch", "is_running"})


def check(verb: str, level: int) -> None:
    """Raises the fault `not_permitted`. The number is of the header: the name server says it."""
    allowed = {"read": _READ, "tap": _TAP, "agent": _AGENT, "host": _HOST}
    name = LEVELS[level] if 0 < level < len(LEVELS) else "join"
    if name in ("control", "admin") or verb in allowed.get(name, frozenset()):
        return
    raise Fault("not_permitted", verb=verb, level=name)
