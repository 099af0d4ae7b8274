"""Proxies of agents and of name servers, by the names of osBrain."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from ..errors import Fault, NotFound, OsbError, Timeout
from ..nameserver import ENDED
from ..nameserver import NameServer as Link
from . import calls, links
from .address import SocketAddress
from .agent import Agent
from .core import SAFE, UNSAFE
from .errors import ConnectionClosedError, NamingError
from .settings import config
from .wire import AnyAddress, of_osb

if TYPE_CHECKING:
    from .nameserver import NameServer

#: How long to wait between two attempts to find a name server, in seconds: nothing tells when one begins to listen.
_AGAIN = 0.05
#: Faults by which an agent is not there.
_ABSENT = ("unknown_agent", "unknown_member", "not_running", "gone", "unreachable")
_OWN = ("_name", "_nsaddr", "_default_safe", "_safe", "_next_oneway", "_methods", "_local")
#: What is never a safe call: it is for an agent that is busy, or does not run.
_NEVER_SAFE = frozenset({"run", "get_attr", "kill", "safe_call", "is_running"})


def locate_ns(nsaddr: Any, timeout: float = 3.0) -> Any:
    """Waits until a name server listens at an address, and returns that. Raises TimeoutError."""
    until = time.monotonic() + timeout
    text = links.text_of(nsaddr)
    while True:
        try:
            links.link(text)
            return nsaddr
        except NotFound:
            if time.monotonic() >= until:
                raise TimeoutError("Could not locate the name server!") from None
            time.sleep(_AGAIN)


class Proxy:
    """What stands for an agent: its methods are called, and its attributes are read and set, as if it were here.

    Calls are safe if nothing else is said: they are carried out between messages. `safe`, `unsafe` and `oneway` are for
    the next call. An error of the agent is raised here; its cause has the traceback of the other process.
    """

    _name: str
    _nsaddr: str
    _default_safe: bool
    _safe: bool
    _next_oneway: bool
    _methods: Dict[str, None]

    def __init__(self, name: str, nsaddr: Any = None, timeout: float = 3.0, safe: Optional[bool] = None) -> None:
        """Raises NamingError if there is no such agent within `timeout` seconds, TimeoutError without name server."""
        locate_ns(nsaddr)
        self._become(name, links.text_of(nsaddr), config["SAFE"] if safe is None else safe)
        self._wait_until_there(timeout)

    def _become(self, name: str, nsaddr: str, safe: bool) -> None:
        self._name, self._nsaddr = name, nsaddr
        self._default_safe = self._safe = safe
        self._next_oneway = False
        self._methods = {}

    def _wait_until_there(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        try:
            with links.link(self._nsaddr).watch() as watch:
                watch.wait_until(f"{self._name} being there", max(0.05, timeout), self._is_in)
        except Timeout:
            raise NamingError(f"unknown name: {self._name}") from None
        while True:
            try:
                self.unsafe.ping()
                return
            except Exception:
                if time.monotonic() >= until:
                    raise
                time.sleep(_AGAIN)

    def _is_in(self, told: Dict[str, Any]) -> Optional[bool]:
        agents = told.get("agents") or ([told["agent"]] if isinstance(told.get("agent"), dict) else [])
        return True if any(it["name"] == self._name and it["state"] not in ENDED for it in agents) else None

    def __reduce__(self) -> Tuple[Any, ...]:
        return _again, (self._name, self._nsaddr, self._default_safe)

    def __repr__(self) -> str:
        return f"<Proxy {self._name} at {self._nsaddr}>"

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    # How the next call is made.

    @property
    def safe(self) -> "Proxy":
        """The next call is safe."""
        self._safe = True
        return self

    @property
    def unsafe(self) -> "Proxy":
        """The next call is carried out at once, also while the agent's code runs."""
        self._safe = False
        return self

    @property
    def oneway(self) -> "Proxy":
        """The next call is not waited for."""
        self._next_oneway = True
        return self

    def _call(self, name: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
        safe = self._safe and not name.startswith("_") and name not in _NEVER_SAFE
        # `run` returns at the end of the main loop.
        oneway = self._next_oneway or name == "run"
        self._safe, self._next_oneway = self._default_safe, False
        params = calls.call_params(SAFE if safe and not oneway else UNSAFE, name, args, kwargs)
        ns = links.link(self._nsaddr)
        if oneway:
            return ns.link.tell(self._name, "call", params)
        try:
            answer = links.ask(ns, self._name, "call", params)
        except Fault as fault:
            if fault.code == "gone":
                raise ConnectionClosedError(str(fault)) from None
            raise NamingError(str(fault)) if fault.code in _ABSENT else fault from None
        result = calls.outcome(answer)
        if name in ("set_method", "set_attr"):
            self._methods.clear()
        return result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _OWN:
            raise AttributeError(name)
        if name not in self._methods and not hasattr(Agent, name):
            is_method, value = self._ask_of(name)
            if not is_method:
                return value
        self._methods[name] = None
        return self._method(name)

    def _ask_of(self, name: str) -> Tuple[bool, Any]:
        """A word such as `unsafe` is for the call that comes next: this one does not use it up."""
        said = self._safe, self._next_oneway
        self._next_oneway = False
        try:
            found: Tuple[bool, Any] = self._call("_look_up", (name,), {})
            return found
        finally:
            self._safe, self._next_oneway = said

    def _method(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        call.__name__ = name
        return call

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            self._call("set_attr", (), {name: value})

    # What is not the agent's.

    def wait_for_running(self, timeout: float = 3.0) -> "Proxy":
        """Waits until its main loop runs; a negative timeout waits for ever. Raises TimeoutError. Returns itself."""
        self._safe = False
        if not self._call("_wait_running", (timeout,), {}):
            raise TimeoutError("Timed out while waiting for the agent to be running")
        return self

    def nsaddr(self) -> SocketAddress:
        """Where its name server is."""
        return links.socket_address(self._nsaddr)

    def release(self) -> None:
        """Nothing: proxies of one process share a connection, which ends with the process."""


def _again(name: str, nsaddr: str, safe: bool) -> Proxy:
    """A proxy without a look whether its agent is there."""
    proxy = Proxy.__new__(Proxy)
    proxy._become(name, nsaddr, safe)
    return proxy


class NSProxy:
    """What stands for a name server. Methods of a class of one's own (`run_nameserver(base=…)`) run in this process."""

    def __init__(self, nsaddr: Any = None, timeout: float = 3.0) -> None:
        """Raises TimeoutError if none listens within `timeout` seconds."""
        locate_ns(nsaddr, timeout)
        self._nsaddr = links.text_of(nsaddr)
        self._served: "Optional[NameServer]" = None

    @property
    def _link(self) -> Link:
        return links.link(self._nsaddr)

    def __reduce__(self) -> Tuple[Any, ...]:
        return NSProxy, (self._nsaddr,)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_served", "_nsaddr"):
            raise AttributeError(name)
        from .nameserver import NameServer

        if self._served is None:
            self._served = NameServer(self._nsaddr)
        return getattr(self._served, name)

    def __enter__(self) -> "NSProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Nothing: see `Proxy.release`."""

    def ping(self) -> str:
        """Tells that it is there."""
        self._link.ping()
        return "pong"

    def agents(self) -> List[str]:
        """The names of the agents that are there."""
        return [it["name"] for it in self._link.infos() if it["state"] not in ENDED]

    def list(self) -> Dict[str, str]:
        """The names of all that is registered, and where it is, in the form of osBrain."""
        own = "Pyro.NameServer"
        return {own: f"PYRO:{own}@{self._nsaddr}", **{name: f"PYRO:{name}@{self._nsaddr}" for name in self.agents()}}

    def proxy(self, name: str, timeout: float = 3.0) -> Proxy:
        """A proxy of an agent. Raises NamingError if it is not there within `timeout` seconds."""
        return Proxy(name, nsaddr=self._nsaddr, timeout=timeout)

    def addr(self, agent_alias: Optional[str] = None, address_alias: Optional[str] = None) -> Any:
        """Where the name server is; or where a socket of an agent is."""
        if not agent_alias and not address_alias:
            return links.socket_address(self._nsaddr)
        try:
            return self.proxy(str(agent_alias)).addr(address_alias)
        except Fault as fault:
            if fault.code != "unknown_method":
                raise
            # An agent of another kind: the name server knows.
            address: AnyAddress = of_osb(self._link.addr(str(agent_alias), str(address_alias)))
            return address

    # The end.

    def shutdown_agents(self, timeout: float = 10.0) -> None:
        """Ends all agents: by their `shutdown`, and what is left after half of the time at once. Raises TimeoutError."""
        until, names = time.monotonic() + timeout, self.agents()
        self._tell_all(names, "_end_for_name_server")
        if self._wait_for_end(names, timeout / 2):
            return
        left = self.agents()
        if timeout > 0:
            self._tell_all(left, "kill")
            if self._wait_for_end(left, until - time.monotonic()):
                return
        raise TimeoutError(f"Chances are {self.agents()} were not shutdown after {timeout} s!")

    def _tell_all(self, names: List[str], method: str) -> None:
        link = self._link.link
        params = calls.call_params(UNSAFE, method, (), {})
        asked = [(name, link.begin(name, "call", params)) for name in names]
        for name, answer in asked:
            # Agents of another kind end by osb's own word.
            answer.add_done_callback(lambda it, name=name: _end_other(link, name, it.exception()))  # type: ignore[misc]

    def _wait_for_end(self, names: List[str], timeout: float) -> bool:
        if not names:
            return True
        if timeout <= 0:
            return False
        try:
            self._link.wait_for_end(names, timeout)
        except Timeout:
            return False
        return True

    def shutdown(self, timeout: float = 10.0) -> None:
        """Ends all agents, and then the name server. Raises TimeoutError."""
        self.shutdown_agents(timeout)
        try:
            self.daemon_shutdown()
        except ConnectionClosedError:
            pass

    def daemon_shutdown(self) -> None:
        """Ends the name server."""
        if self._served is not None:
            return self._served.daemon_shutdown()
        end_nameserver(self._nsaddr)


def _end_other(link: Any, name: str, error: Optional[BaseException]) -> None:
    if isinstance(error, Fault) and error.code == "unknown_method":
        # Not in the thread of the connection, which would wait for itself.
        threading.Thread(target=link.tell, args=(name, "shutdown", {}), daemon=True).start()


def end_nameserver(text: str) -> None:
    """Ends a name server, and the host daemons of this machine that serve it."""
    if links.stop_nameserver(text):
        return
    try:
        ns = links.link(text)
        for host in ns.hosts():
            # Those of a system go on until `osb down`.
            if host.get("system") is None:
                ns.link.tell(f"host:{host['name']}", "shutdown", {"grace": 1000})
        ns.ask("shutdown")
    except OsbError:
        pass  # it has ended
    links.drop(text)
