"""What has happened to the agent is told its name server, until that says that it has it."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, List

from ..errors import Fault
from .core.history import History
from .core.outbox import Outbox

if TYPE_CHECKING:
    from .control import Control
    from .run import Run

_LIMIT = 10.0
#: Attributes are told of no longer than so many seconds, and values no longer than so many characters.
_LONGEST, _LONGEST_VALUE = 600.0, 300


class Happened:
    """The events of one agent. Any thread may tell of some."""

    def __init__(self, run: "Run", control: "Control") -> None:
        self._run, self._control = run, control
        self._lock = threading.Lock()
        self._history = History(run.name)
        self._outbox = Outbox(run.boot.incarnation)
        self._followed = 0.0

    def on_announcing(self, announcement: Dict[str, Any]) -> None:
        """The agent says of itself that this is so now."""
        with self._lock:
            self._note(self._history.on_announced(announcement))

    def on_beat(self) -> None:
        """A second is over: what was lost meanwhile is told."""
        self._note_losses()
        self.tell()

    def on_leaving(self) -> None:
        """It goes: what is not told yet is told."""
        self._note_losses(is_last=True)
        self.tell_again()

    def _note_losses(self, is_last: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            for slot in list(self._run.sockets):
                stats = slot.stats()
                counts = (stats["dropped"], stats["garbled"])
                self._note(self._history.on_losses(slot.alias, counts, now, is_last))

    def follow_attributes(self, for_ms: int) -> None:
        """For so long, each attribute that gets another value is an event."""
        self._followed = max(self._followed, time.monotonic() + min(for_ms / 1000, _LONGEST))

    def on_attributes(self, attributes: Dict[str, Any]) -> None:
        """These attributes are about to have these values."""
        if time.monotonic() >= self._followed:
            return
        with self._lock:
            for name, value in attributes.items():
                if name not in self._run.attributes or self._run.attributes[name] != value:
                    event = {"kind": "attribute", "of": self._run.name, "name": name}
                    self._note([{**event, "value": json.dumps(value)[:_LONGEST_VALUE]}])
        self.tell()

    def tell(self) -> None:
        """Tells it, unless an answer to what was told is still to come."""
        with self._lock:
            told = self._outbox.tell() if self._control.registered.is_set() else None
        if told is not None:
            self._control.ask("", "happened", told, _LIMIT, self._on_kept, here=True)

    def tell_again(self) -> None:
        """The name server is there again: what it may not have got is told again."""
        with self._lock:
            self._outbox.on_unanswered()
        self.tell()

    def _on_kept(self, outcome: Any) -> None:
        if isinstance(outcome, Fault) or not isinstance(outcome, int):
            return
        with self._lock:
            self._outbox.on_kept(outcome)
        self.tell()

    def _note(self, events: List[Dict[str, Any]]) -> None:
        at = round(time.time() * 1000)
        for event in events:
            self._outbox.note(event, at)
