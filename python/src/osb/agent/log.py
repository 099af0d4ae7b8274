"""An agent's log: an entry is a line with its time, or several, of which the others are set in. It is written at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Callable, List, Optional

_WORDS = {"debug": "DEBUG", "info": "INFO ", "warning": "WARN ", "error": "ERROR"}
#: What controls a terminal is written in letters.
_HARMLESS = {code: f"\\u{code:04x}" for code in [*range(32), *range(127, 160)] if chr(code) not in "\n\t"}

Sink = Callable[[str, str, str], None]


class Log:
    """Writes to the file that the host daemon names, else to standard error. All threads may write.

    It is called with a text, for an entry of the level `info`: `agent.log("done")`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: Optional[int] = None
        #: Told of each entry: its time, level and text.
        self.sinks: List[Sink] = []

    def open(self, path: Optional[str]) -> None:
        """Writes to the end of that file from now on; None: to standard error."""
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, text: object) -> None:
        self.write("info", text)

    def debug(self, text: object) -> None:
        """An entry of the level `debug`."""
        self.write("debug", text)

    def info(self, text: object) -> None:
        """An entry of the level `info`."""
        self.write("info", text)

    def warning(self, text: object) -> None:
        """An entry of the level `warning`."""
        self.write("warning", text)

    def error(self, text: object) -> None:
        """An entry of the level `error`."""
        self.write("error", text)

    def write(self, level: str, text: object) -> None:
        """An entry. That it cannot be written, because the disk is full say, stops nothing."""
        if level == "debug" and self._file is None:
            return  # nobody who looks at a terminal wants these
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        clean = str(text).rstrip("\r\n").translate(_HARMLESS)
        entry = f"{stamp} {_WORDS[level]} ".encode() + clean.replace("\n", "\n  ").encode(errors="replace") + b"\n"
        with self._lock:
            try:
                if self._file is not None:
                    os.write(self._file, entry)
                else:
                    sys.stderr.buffer.write(entry)
                    sys.stderr.buffer.flush()
            except (OSError, ValueError, AttributeError):
                pass
        for sink in self.sinks:
            sink(stamp, level, clean)
