"""What an agent is to do, said by decorators and by calls: handlers, methods, timers."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from ..durations import Duration, milliseconds
from ..errors import Fault, OsbError
from ..proxy import timer_action
from .base import Base, F
from .code import timer


class Declaring(Base):
    """The part of an agent by which its author says what it does."""

    # What it does, by decorators.

    def handler(self, name: str) -> Callable[[F], F]:
        """Handles the messages of the socket of that alias, and those with the handler `call:NAME` of a topology.

        What it returns answers a request; one that yields answers with what it yields, and works on.
        """
        return self._role("handler", name)

    def default_handler(self, function: F) -> F:
        """Handles the messages that no other handler is for."""
        return self._role("default")(function)

    def method(self, function: Optional[F] = None, *, name: Optional[str] = None, beside: bool = False) -> Any:
        """Answers calls by `osb call AGENT NAME`, by proxies and by timers.

        `beside`: it runs in a thread of its own, at once, also while a handler works.
        """
        if function is None:
            return lambda function: self.method(function, name=name, beside=beside)
        return self._role("method", name or function.__name__, beside)(function)

    def every(self, interval: Duration, function: Optional[F] = None, alias: Optional[str] = None) -> Any:
        """Runs a function again and again; decorates one, if none is given. Returns the timer's alias otherwise."""
        return self._timer({"every": milliseconds(interval)}, function, alias)

    def after(self, delay: Duration, function: Optional[F] = None, alias: Optional[str] = None) -> Any:
        """Runs a function once. As `every`."""
        return self._timer({"after": milliseconds(delay)}, function, alias)

    def _role(self, *role: Any) -> Callable[[F], F]:
        def decorate(function: F) -> F:
            self.code.add(function, *role)
            return function

        return decorate

    def _timer(self, when: Dict[str, int], function: Optional[F], alias: Optional[str]) -> Any:
        def add(code: Callable[..., Any]) -> str:
            spec = timer(code, when, alias)
            run = self._run
            if run is None:
                self.code.timers.append((spec, code))
                return alias or ""

            def do() -> str:
                run.verbs.leading.check_timers([spec])
                return run.timers.add(spec, run.now(), code)

            return run.in_loop(do)

        if function is not None:
            return add(function)

        def decorate(function: F) -> F:
            add(function)
            return function

        return decorate

    # Timers that do what one of a topology can.

    def timer(
        self,
        *,
        every: Optional[Duration] = None,
        after: Optional[Duration] = None,
        alias: Optional[str] = None,
        **what: Any,
    ) -> str:
        """Adds one: `send="alias", message=…, topic=…`, `call="method", params=…` or `set={…}`. Returns its alias."""
        if (every is None) == (after is None):
            raise OsbError("a timer has an interval (every=) or a delay (after=)")
        when = {"every": milliseconds(every)} if every is not None else {"after": milliseconds(after or 0)}
        spec = {"alias": alias, "when": when, "action": timer_action(what)}
        run = self._r

        def do() -> str:
            run.verbs.leading.check_timers([spec])
            return run.timers.add(spec, run.now())

        return run.in_loop(do)

    def timers(self) -> List[Dict[str, Any]]:
        """Those that run."""
        run = self._r
        return run.timers.list(run.now())

    def stop_timer(self, alias: str) -> None:
        """Stops one. Raises Fault `unknown_timer`."""
        run = self._r
        if not run.in_loop(lambda: run.timers.remove(alias)):
            raise Fault("unknown_timer", agent=self.name, alias=alias, known=run.timers.aliases())

    def stop_timers(self) -> None:
        """Stops all."""
        run = self._r
        run.in_loop(run.timers.clear)
