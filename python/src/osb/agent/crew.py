"""Threads for what runs beside the work loop. One that is done waits for more: to begin one takes as long as a call."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Callable, List, Optional

#: So many threads wait for more at most.
_WAITING = 8

Work = Callable[[], None]


class Crew:
    """As many as are needed at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: "List[SimpleQueue[Optional[Work]]]" = []
        self._over = False

    def run(self, what: Work) -> None:
        """Does it at once, in some thread; it raises nothing."""
        with self._lock:
            box = self._waiting.pop() if self._waiting else None
        if box is None:
            threading.Thread(target=self._work, args=(what,), name="osb beside", daemon=True).start()
        else:
            box.put(what)

    def _work(self, first: Work) -> None:
        box: "SimpleQueue[Optional[Work]]" = SimpleQueue()
        what: Optional[Work] = first
        while what is not None:
            what()
            with self._lock:
                if self._over or len(self._waiting) >= _WAITING:
                    return
                self._waiting.append(box)
            what = box.get()

    def close(self) -> None:
        """No thread waits any more; what runs, runs on."""
        with self._lock:
            self._over = True
            waiting, self._waiting = self._waiting, []
        for box in waiting:
            box.put(None)
