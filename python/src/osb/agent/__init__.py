"""Agents in Python. `agent.py` is what their authors see; `run.py` is the loop, `control.py` the thread beside it."""

from .agent import Agent
from .code import after, default_handler, every, handler, method
from .log import Log
from .promise import Promise

__all__ = ["Agent", "Log", "Promise", "after", "default_handler", "every", "handler", "method"]
