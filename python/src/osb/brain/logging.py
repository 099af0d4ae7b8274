"""Loggers: agents that keep what others log."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Type

from .agent import Agent
from .process import run_agent
from .proxy import Proxy

_LEVELS = ("INFO", "WARNING", "ERROR", "DEBUG")


def pyro_log() -> None:
    """Sets the variables by which Pyro logs, for programs that look at them: there is no Pyro in osb."""
    os.environ["PYRO_LOGFILE"] = "pyro_osbrain.log"
    os.environ["PYRO_LOGLEVEL"] = "DEBUG"


class Logger(Agent):
    """Keeps entries in `log_history` and, by their levels, in `log_history_info`, `…_warning`, `…_error`, `…_debug`."""

    log_history: List[str]

    def on_init(self) -> None:
        """Listens."""
        self.log_history = []
        self._by_level: Dict[str, List[str]] = {level: [] for level in _LEVELS}
        for level, entries in self._by_level.items():
            setattr(self, f"log_history_{level.lower()}", entries)
        self.bind("SUB", "sub", {level: self.log_handler for level in _LEVELS})

    def log_handler(self, message: str, topic: bytes) -> None:
        """Keeps an entry; its topic is its level."""
        self._by_level[topic.decode()].append(message)
        self.log_history.append(message)


def run_logger(name: str, nsaddr: Any = None, addr: Any = None, base: Type[Agent] = Logger) -> Proxy:
    """Begins a logger, as `run_agent` begins an agent."""
    return run_agent(name, nsaddr, addr, base)
