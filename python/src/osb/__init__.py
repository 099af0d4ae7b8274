"""osb for Python: systems of ZeroMQ agents, driven from a script and written in Python."""

from .address import Address
from .agent import Agent, Log, Promise, after, default_handler, every, handler, method
from .errors import CallFailed, Fault, NotFound, OsbError, Timeout
from .kinds import Kind
from .nameserver import NameServer, Watch, connect
from .proxy import Proxy
from .system import System, UpFailed, down, up
from .values import RawArray, ValueProblem, register_type

__all__ = [
    "Address", "Agent", "CallFailed", "Fault", "Kind", "Log", "NameServer", "NotFound", "OsbError", "Promise", "Proxy",
    "RawArray", "System", "Timeout", "UpFailed", "ValueProblem", "Watch", "after", "connect", "default_handler", "down",
    "every", "handler", "method", "register_type", "up",
]  # fmt: skip
