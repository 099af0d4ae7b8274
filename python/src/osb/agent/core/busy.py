"""Whether an agent's code is busy with one thing for long: what another thread sees of it, now and then."""

from __future__ import annotations

from typing import Optional

#: One that is busy for so long is shown as that, in seconds.
NOTICE = 2.0
#: How often it is told meanwhile for how long.
AGAIN = 0.9


class Busy:
    """Told by `look` what the code does; tells when that is news for others."""

    def __init__(self) -> None:
        self._count = -1
        self._since: Optional[float] = None
        self._told: Optional[float] = None
        self.busy_for: Optional[float] = None

    def look(self, doing: Optional[str], count: int, now: float) -> bool:
        """`doing` is what runs now, `count` how many things have ended. True if others are to be told.

        `busy_for` is then how long it has been busy, in seconds, or None if that is not long.
        """
        if doing is None:
            self._since = None
        elif self._since is None or count != self._count:
            self._since = now
        self._count = count
        long = None if self._since is None else now - self._since
        self.busy_for = long if long is not None and long >= NOTICE else None
        if self.busy_for is None:
            news, self._told = self._told is not None, None
            return news
        if self._told is None or now - self._told >= AGAIN:
            self._told = now
            return True
        return False
