"""Durations: text such as `500ms`, `1.5s` or `1m`, seconds in Python, milliseconds on the wire."""

from __future__ import annotations

import re
from typing import Union

#: Seconds as a number, or text with a unit.
Duration = Union[int, float, str]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*\Z")


def seconds(duration: Duration) -> float:
    """The duration in seconds. Raises ValueError if it is none."""
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        if not 0 <= duration < float("inf"):
            raise ValueError(f"{duration!r} is no duration: it is negative, or has no end")
        return float(duration)
    found = _FORM.match(duration) if isinstance(duration, str) else None
    if found is None:
        raise ValueError(f"{duration!r} is no duration: write a number of seconds, or text such as '500ms' or '1.5s'")
    return float(found.group(1)) * _UNITS[found.group(2)]


def milliseconds(duration: Duration) -> int:
    """The same in whole milliseconds; what is not nothing is one at least."""
    exact = seconds(duration) * 1000
    return max(1, round(exact)) if exact > 0 else 0


def text_of(ms: int) -> str:
    """Milliseconds as people write them."""
    for unit, size in (("m", 60_000), ("s", 1000)):
        if ms and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"
