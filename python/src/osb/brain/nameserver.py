"""Name servers, by the names of osBrain. The name server is osb's own program, with a host daemon for its agents."""

from __future__ import annotations

import os
import random
import time
from typing import Any, Dict, List, Type

from ..errors import OsbError
from . import links
from .address import SocketAddress, address_to_host_port
from .common import format_exception
from .proxy import NSProxy, end_nameserver


class NameServer:
    """What may be inherited from, to give a name server methods: they run in the process that called `run_nameserver`."""

    def __init__(self, nsaddr: Any = None) -> None:
        self._ns = NSProxy(nsaddr)

    def ping(self) -> str:
        """Tells that it is there."""
        return self._ns.ping()

    def agents(self) -> List[str]:
        """The names of the agents that are there."""
        return self._ns.agents()

    def list(self) -> Dict[str, str]:
        """The names of all that is registered."""
        return self._ns.list()

    def async_shutdown_agents(self, nsaddr: Any = None) -> None:
        """Asks all agents to end."""
        self._ns._tell_all(self._ns.agents(), "_end_for_name_server")

    def async_kill_agents(self, nsaddr: Any = None) -> None:
        """Ends all agents at once."""
        self._ns._tell_all(self._ns.agents(), "kill")

    def daemon_shutdown(self) -> None:
        """Ends the name server."""
        end_nameserver(self._ns._nsaddr)


class NameServerProcess:
    """One name server with its process. `run_nameserver` is what starts one."""

    def __init__(self, addr: Any = None, base: Type[NameServer] = NameServer) -> None:
        """`addr` is an address, or a port of this machine."""
        if isinstance(addr, int):
            addr = SocketAddress("127.0.0.1", addr)
        self.addr, self._base = addr, base
        self.host, self.port = address_to_host_port(addr)

    def start(self) -> None:
        """Starts it. Raises RuntimeError with the reason if that cannot be."""
        try:
            text = links.start_nameserver(self.host, self.port)
        except (OSError, OsbError):
            raise RuntimeError(f"An error occurred while creating the daemon!\n{format_exception()}") from None
        self.addr = links.socket_address(text)
        self.host, self.port = self.addr.host, self.addr.port
        os.environ[links.VARIABLE] = text

    def agents(self) -> List[str]:
        """The names of the agents that are there."""
        return NSProxy(self.addr).agents()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return links.is_alive(str(self.addr))

    def shutdown_all(self) -> None:
        """Asks all agents to end."""
        self._base(self.addr).async_shutdown_agents(self.addr)

    def shutdown(self) -> None:
        """Ends all agents, and then the name server."""
        NSProxy(self.addr).shutdown()


def random_nameserver_process(
    host: str = "127.0.0.1",
    port_start: int = 10000,
    port_stop: int = 20000,
    timeout: float = 3.0,
    base: Type[NameServer] = NameServer,
) -> NameServerProcess:
    """Starts a name server at a port of that range. Raises RuntimeError if there is none within `timeout` seconds."""
    until = time.monotonic() + timeout
    while True:
        port = random.randrange(port_start, port_stop + 1)
        process = NameServerProcess(SocketAddress(host, port), base)
        try:
            process.start()
            return process
        except RuntimeError:
            if time.monotonic() >= until:
                raise


def run_nameserver(addr: Any = None, base: Type[NameServer] = NameServer) -> NSProxy:
    """Starts a name server, and returns a proxy of it. Without `addr` it has any free port of this machine.

    It is the one of `OSBRAIN_NAMESERVER_ADDRESS` for what this process does from now on, and ends with the process.
    Raises RuntimeError if it cannot be started.
    """
    process = NameServerProcess(addr if addr is not None else SocketAddress("127.0.0.1", 0), base)
    process.start()
    proxy = NSProxy(process.addr)
    if base is not NameServer:
        proxy._served = base(process.addr)
    return proxy


__all__ = ["NameServer", "NameServerProcess", "random_nameserver_process", "run_nameserver"]
