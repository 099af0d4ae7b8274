"""The member of osb's that an agent of osBrain's form is: its sockets, calls and life. Agents do not see it."""

from __future__ import annotations

import re
import threading
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, cast

from ..agent import Agent as Base
from ..agent.run import Run
from ..errors import OsbError
from ..proxy import of_json, to_json
from . import calls

if TYPE_CHECKING:
    from .agent import Agent

#: The core in which an agent is being made, by threads.
BIRTH = threading.local()
#: The work loops of this process: what a loop's own code asks, it waits for while the loop turns.
LOOPS: Dict[int, Run] = {}

SAFE, UNSAFE = "osbrain.safe", "osbrain.unsafe"


class Attributes(MutableMapping[str, Any]):
    """The attributes of the agent's object, as osb has attributes: for `osb get` and `osb set`."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    def __getitem__(self, name: str) -> Any:
        return to_json(vars(self._agent)[name])

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._agent, name, of_json(value))

    def __delitem__(self, name: str) -> None:
        delattr(self._agent, name)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in list(vars(self._agent)) if self._is_shown(name)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_shown(self, name: str) -> bool:
        if name.startswith("_"):
            return False
        try:
            to_json(vars(self._agent)[name])
        except (ValueError, KeyError):
            return False
        return True


class Core(Base):
    """Makes the agent when it begins, and has it run."""

    def __init__(self, name: str, make: Callable[[], "Agent"], runs: bool) -> None:
        """`make` makes the agent; `runs`: its main loop begins by itself."""
        super().__init__(name)
        self._make, self._runs = make, runs
        self.agent: Optional["Agent"] = None
        self.failure: Optional[BaseException] = None
        self.code.methods[SAFE] = self._safe
        self.code.beside[UNSAFE] = self._unsafe
        self._handlers_made = 0
        self.log.sinks.append(self._told)
        self._silent = threading.local()

    @property
    def r(self) -> Run:
        """What it does now. Raises OsbError before it begins."""
        return self._r

    # Hooks.

    def on_init(self) -> None:
        """Makes the agent, which may bind sockets as it is made."""
        LOOPS[threading.get_ident()] = self.r
        BIRTH.core = self
        try:
            self.agent = self._make()
        except BaseException as error:
            self.failure = error
            raise
        finally:
            BIRTH.core = None
        self.r.attributes = cast(Dict[str, Any], Attributes(self.agent))

    def on_start(self) -> None:
        """It is a member. Its messages wait until its main loop begins."""
        self.r.life = "preparing"
        if self._runs and self.agent is not None:
            threading.Thread(target=self._run_agent, daemon=True).start()

    def _run_agent(self) -> None:
        assert self.agent is not None
        try:
            self.agent.run()
        except Exception as error:
            self.r.failed("run", error)

    def on_stop(self) -> None:
        """Nothing of the agent's runs any more."""
        if self.agent is not None:
            self.agent._end_running()

    def find_method(self, name: str) -> Optional[Callable[..., Any]]:
        """For `osb call`: what the agent has that can be called."""
        found = None if name.startswith("_") else getattr(self.agent, name, None)
        return found if callable(found) else None

    # Its main loop.

    def begin_running(self, before_loop: Callable[[], None]) -> None:
        """Messages are handled and timers fire from now on."""

        def begin() -> None:
            if self.r.life == "preparing":
                self.r.life = "working"
                self.r.timers.start(self.r.now())
            self.r.execute("before_loop", before_loop)

        if threading.current_thread() is self.r.thread:
            return begin()
        self.r.when_free(begin)

    def execute_when_free(self, what: str, code: Callable[[], Any]) -> None:
        """Has the loop run code of the agent's, when no other code of it runs."""

        def run() -> None:
            self.r.execute(what, code)

        self.r.when_free(run)

    def rest(self) -> None:
        """Messages wait, and timers do not fire, until its main loop begins again."""

        def rest() -> None:
            if self.r.life in ("working", "quiet"):
                self.r.life = "preparing"

        self.r.post(rest)

    # Calls.

    def _safe(self, call: Any) -> Any:
        return calls.carry_out(call, self._call_safely)

    def _call_safely(self, name: str, args: Any, kwargs: Any) -> Any:
        assert self.agent is not None
        self.agent._check_running()
        try:
            return getattr(self.agent, name)(*args, **kwargs)
        except Exception as error:
            self.r.failed(name, error)
            raise

    def _unsafe(self, call: Any) -> Any:
        assert self.agent is not None
        agent = self.agent
        return calls.carry_out(call, lambda name, args, kwargs: getattr(agent, name)(*args, **kwargs))

    # Handlers.

    def name_handler(self, function: Callable[[Any], Any]) -> str:
        """A function as an action of a socket."""
        self._handlers_made += 1
        name = f"{getattr(function, '__name__', 'handler').strip('<>_') or 'handler'}-{self._handlers_made}"
        self.code.handlers[name] = function
        return f"call:{name}"

    def free_alias(self, wanted: str) -> str:
        """An alias that osb takes, as like to the one that is wanted as can be."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", wanted).lstrip("-._")[:50] or "socket"
        alias, number = plain, 1
        while alias in self.r.sockets.aliases():
            number += 1
            alias = f"{plain}-{number}"
        return alias

    # Its log.

    def log_quietly(self, level: str, text: str) -> None:
        """An entry of the log that the agent has told its logger already."""
        self._silent.on = True
        try:
            self.log.write(level, text)
        finally:
            self._silent.on = False

    def _told(self, _: str, level: str, text: str) -> None:
        """What osb writes of the agent's code, its logger hears, too."""
        if getattr(self._silent, "on", False) or level not in ("error", "warning") or self.agent is None:
            return
        if self._run is not None and self._run.status is None:
            agent = self.agent
            self._run.post(lambda: agent._tell(level.upper(), text))


def loop_of_this_thread() -> Optional[Run]:
    """The work loop that runs in this thread, if there is one."""
    run = LOOPS.get(threading.get_ident())
    return run if run is not None and run.status is None and run.thread is threading.current_thread() else None


def check_core(core: Optional[Core]) -> Core:
    """Raises OsbError if the agent is no member: it was made, and not run."""
    if core is None:
        raise OsbError("this agent was made, and does not run: run_agent makes one that does")
    return core
