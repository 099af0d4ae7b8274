"""Signals of a process whose only agent it is: SIGTERM and SIGINT ask it to end; the second one is final."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from .run import Run


class Signals:
    """Taken while an agent runs in the main thread; in any other they are left alone."""

    def __init__(self) -> None:
        self._former: Dict[int, Any] = {}
        self._count = 0

    def take(self, run: "Run") -> None:
        """From now on."""
        if threading.current_thread() is not threading.main_thread():
            return

        def on_signal(number: int, _: Any) -> None:
            self._count += 1
            if self._count > 1:
                os._exit(128 + number)
            run.asked_to_end = True
            run.end(0)

        for number in (signal.SIGTERM, signal.SIGINT):
            self._former[number] = signal.signal(number, on_signal)

    def give_back(self) -> None:
        """They are what they were."""
        for number, former in self._former.items():
            signal.signal(number, former)
