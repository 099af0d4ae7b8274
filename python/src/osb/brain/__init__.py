"""osBrain's programming interface on osb: `import osb.brain as osbrain`.

Names, arguments and meaning are those of osBrain 0.6.5; specs/osbrain.md says where they differ. Agents are ordinary
members of osb: its commands list, address and call them.
"""

from . import calls as _calls
from . import wire as _wire
from .address import AgentAddress, AgentChannel, SocketAddress
from .agent import Agent
from .logging import Logger, run_logger
from .nameserver import NameServer, run_nameserver
from .process import AgentProcess, run_agent
from .proxy import NSProxy, Proxy, _again
from .settings import config

__version__ = "0.6.5"

_wire.register()
_calls.WRITERS[Proxy] = lambda proxy: ("proxy", [proxy._name, proxy._nsaddr, proxy._default_safe])
_calls.WRITERS[NSProxy] = lambda proxy: ("nsproxy", proxy._nsaddr)
# An agent that gives itself is called back while it waits: such calls are not safe ones.
_calls.WRITERS[Agent] = lambda agent: ("proxy", [agent._wire_name(), agent._nsaddr(), False])
_calls.READERS["proxy"] = lambda parts: _again(*parts)
_calls.READERS["nsproxy"] = NSProxy

__all__ = [
    "Agent", "AgentAddress", "AgentChannel", "AgentProcess", "Logger", "NSProxy", "NameServer", "Proxy",
    "SocketAddress", "config", "run_agent", "run_logger", "run_nameserver",
]  # fmt: skip
