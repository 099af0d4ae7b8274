"""Who drives an agent's line to its name server.

The work loop does while it waits: so a call is taken, carried out and answered in one thread. While code of the agent
runs, nobody does at first, for most code is short; a second thread, which looks now and then as long as there is any
code at all, takes the line when the loop has not come back to it, and gives it back when the loop wants to wait again.
"""

from __future__ import annotations

import threading
from typing import Callable

#: How long the work loop may be away before the other thread takes the line, in seconds.
AWAY = 0.005
#: So many looks in a row at a loop that waits, and the other thread looks no more.
_STILL = 10


class Turns:
    """Shared by the two threads."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` wakes a thread that waits at the line."""
        self._wake = wake
        self._lock = threading.Lock()
        self._owner = 0
        self._count = 0
        self._still = 0
        self._watched = True
        self._wanted = self.over = False
        self._parked = threading.Event()

    def is_here(self) -> bool:
        """Whether this thread drives the line just now."""
        return self._owner == threading.get_ident()

    def give(self) -> None:
        """It is driven no longer by the one that has taken it."""
        self._owner = 0
        self._lock.release()

    def try_take(self) -> bool:
        """Takes it for a moment, if nobody drives it. By any thread."""
        if not self._lock.acquire(blocking=False):
            return False
        self._owner = threading.get_ident()
        return True

    # For the work loop.

    def take_back(self) -> None:
        """Takes it, to wait."""
        if not self._lock.acquire(blocking=False):
            self._wanted = True
            self._wake()
            self._lock.acquire()
            self._wanted = False
        self._owner = threading.get_ident()
        self._count += 1

    def leave(self) -> None:
        """Code begins: it may be long."""
        if not self._watched:
            self._watched = True
            self._parked.set()

    # For the other thread.

    @property
    def is_wanted(self) -> bool:
        """The loop wants it back."""
        return self._wanted or self.over

    def wait_and_take(self, has_code: Callable[[], bool]) -> bool:
        """Waits until the loop stays away, and takes it. False: it is to be tried again, if it is not over."""
        seen = self._count
        self._parked.wait(AWAY if self._watched else None)
        self._parked.clear()
        if self.over:
            return False
        if self._count != seen:
            self._still = 0
            return False
        if self._watched and self.try_take():
            self._still = 0
            return True
        self._still += 1
        if self._still >= _STILL:
            self._still, self._watched = 0, False
            # In this order: code that begins just now sees the one, or is seen by the other.
            self._watched = has_code()
        return False

    def end(self) -> None:
        """The other thread ends."""
        self.over = True
        self._parked.set()
        self._wake()
