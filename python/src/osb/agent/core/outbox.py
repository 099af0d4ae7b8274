"""The events of one agent, until its name server has them. It holds the last thousand: of what happens while no name server
takes them, the oldest go first, and their numbers tell that they are missing. specs/events.md.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, Optional

#: So many are held at most, and told at once.
MOST, BATCH = 1_000, 200


class Outbox:
    """Events that are yet to be taken."""

    def __init__(self, life: int) -> None:
        self._life = life
        self._held: Deque[Dict[str, Any]] = deque(maxlen=MOST)
        self._last = 0
        self._kept = 0
        #: What was told is not answered yet.
        self._is_told = False

    def note(self, what: Dict[str, Any], at: int) -> None:
        """It has happened at `at`, in milliseconds since 1970."""
        self._last += 1
        self._held.append({"own": self._last, "at": at, **what})

    def tell(self) -> Optional[Dict[str, Any]]:
        """What is to be told now. None: nothing has happened, or what was told is not answered yet."""
        if self._is_told or not self._held:
            return None
        self._is_told = True
        events = [self._held[at] for at in range(min(BATCH, len(self._held)))]
        return {"life": self._life, "kept": self._kept, "events": events}

    def on_kept(self, upto: int) -> None:
        """The name server has those up to that number."""
        self._is_told = False
        self._kept = max(self._kept, min(upto, self._last))
        while self._held and self._held[0]["own"] <= self._kept:
            self._held.popleft()

    def on_unanswered(self) -> None:
        """No answer comes any more: what was told is told again."""
        self._is_told = False
