"""osb for Python: systems of ZeroMQ agents, driven from a script and written in Python."""

from .address import Address
from .errors import CallFailed, Fault, NotFound, OsbError, Timeout
from .kinds import Kind
from .nameserver import NameServer, Watch, connect
from .proxy import Proxy
from .system import System, UpFailed, down, up
from .values import RawArray, ValueProblem, register_type

__all__ = [
    "Address", "CallFailed", "Fault", "Kind", "NameServer", "NotFound", "OsbError", "Proxy", "RawArray", "System",
    "Timeout", "UpFailed", "ValueProblem", "Watch", "connect", "down", "register_type", "up",
]  # fmt: skip
