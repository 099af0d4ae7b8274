"""Timers: when each is due, and its outcome.

None piles up: one that is late fires once, and then an interval from now; one whose last call is still under way does
not fire, and that is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional

#: The shortest interval, in seconds.
SHORTEST = 0.001


@dataclass
class Timer:
    """One timer. `code` is a function of the agent's own; without it, `action` says what it does.

    `due` is None while it stands still, and after it has fired for the last time.
    """

    alias: str
    every: Optional[float]
    after: Optional[float]
    action: Dict[str, Any]
    code: Optional[Callable[[], Any]] = None
    due: Optional[float] = None
    over: bool = False
    busy: bool = False
    counts: Dict[str, int] = field(default_factory=lambda: {"fired": 0, "skipped": 0, "failed": 0})

    @property
    def first(self) -> float:
        """How long until it fires first, in seconds."""
        return max(self.every, SHORTEST) if self.every is not None else (self.after or 0.0)


class Timers:
    """All timers of an agent. They stand still until they are started."""

    def __init__(self) -> None:
        self._all: List[Timer] = []
        self._started = False
        self._last = 0

    def aliases(self) -> List[str]:
        """In the order in which they were added."""
        return [timer.alias for timer in self._all]

    def add(
        self, spec: Dict[str, Any], now: float, code: Optional[Callable[[], Any]] = None
    ) -> str:
        """Adds a timer whose alias is free; `spec` is as on the wire. Tells its alias."""
        self._last += 1
        alias = spec.get("alias") or self._free_alias()
        when = spec["when"]
        every = when["every"] / 1000 if "every" in when else None
        after = when["after"] / 1000 if "after" in when else None
        timer = Timer(alias, every, after, spec["action"], code)
        if self._started:
            timer.due = now + timer.first
        self._all.append(timer)
        return str(alias)

    def _free_alias(self) -> str:
        number = self._last
        while f"timer-{number}" in self.aliases():
            number += 1
        return f"timer-{number}"

    def like(self, spec: Dict[str, Any]) -> Optional[str]:
        """The alias of a timer that was added by that spec."""
        if spec.get("alias"):
            return str(spec["alias"])
        same = (it for it in self._all if _when(it) == spec["when"] and it.action == spec["action"])
        found = next(same, None)
        return found.alias if found else None

    def start(self, now: float) -> None:
        """Lets them run, if they do not yet."""
        if self._started:
            return
        self._started = True
        for timer in self._all:
            timer.due = now + timer.first

    def rest(self) -> None:
        """They stand still again, until they are started."""
        self._started = False
        for timer in self._all:
            timer.due = None

    def stop(self) -> None:
        """None fires any more, and none is left."""
        self._started = False
        self._all.clear()

    def clear(self) -> None:
        """Removes them; those that are added later run."""
        self._all.clear()

    def keep(self, aliases: List[str]) -> None:
        """Removes all but these."""
        self._all = [timer for timer in self._all if timer.alias in aliases]

    def remove(self, alias: str) -> bool:
        """False if there is none of that name."""
        before = len(self._all)
        self._all = [timer for timer in self._all if timer.alias != alias]
        return len(self._all) < before

    def wakes_at(self) -> Optional[float]:
        """When the next one is due."""
        return min((timer.due for timer in self._all if timer.due is not None), default=None)

    def due(self, now: float) -> List[Timer]:
        """Those that fire now; each is set to its next time. What comes of each is told by `end`."""
        firing = []
        for timer in list(self._all):
            if timer.due is None or timer.due > now:
                continue
            planned, timer.due = timer.due, None
            if timer.every is None:
                timer.over = True
            else:
                following = planned + timer.first
                timer.due = following if following > now else now + timer.first
            if timer.busy:
                timer.counts["skipped"] += 1
            else:
                timer.busy = True
                firing.append(timer)
        return firing

    def end(self, timer: Timer, outcome: str) -> None:
        """What came of it: `fired`, `skipped` or `failed`. One that was to fire once is gone then."""
        timer.busy = False
        timer.counts[outcome] += 1
        if timer.over and timer in self._all:
            self._all.remove(timer)

    def list(self, now: float) -> List[Dict[str, Any]]:
        """As `osb timers -o json` has them."""
        return [
            {
                "alias": timer.alias,
                "when": _when(timer),
                "action": timer.action,
                "due_ms": None if timer.due is None else max(0, round((timer.due - now) * 1000)),
                **timer.counts,
            }
            for timer in list(self._all)
        ]


def _when(timer: Timer) -> Dict[str, int]:
    if timer.every is not None:
        return {"every": round(timer.every * 1000)}
    return {"after": round((timer.after or 0) * 1000)}
