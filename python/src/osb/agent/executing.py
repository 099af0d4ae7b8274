"""How code of the agent runs: handlers, methods, timers and hooks, one at a time, and what becomes of what they return."""

from __future__ import annotations

import inspect
import time
import traceback
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, cast

from ..errors import Fault, OsbError
from . import beside
from .code import Code, arguments
from .control import Control, Request
from .core.timers import Timer, Timers
from .log import Log
from .promise import Promise, to_member
from .tasks import Tasks
from .verbs import Verbs

if TYPE_CHECKING:
    from .agent import Agent
    from .run import Run
    from .slot import Slot

#: So many names are listed in a fault.
LISTED = 20


class Current:
    """What is handled now: the socket and the topic by which it came, and the right to answer it."""

    __slots__ = ("alias", "topic", "promise")

    def __init__(self, alias: Optional[str], topic: Optional[str], promise: Optional[Promise]) -> None:
        self.alias, self.topic, self.promise = alias, topic, promise


NOTHING = Current(None, None, None)


class Executing:
    """The part of a life that runs the agent's code."""

    agent: "Agent"
    name: str
    log: Log
    code: Code
    attributes: Dict[str, Any]
    keep_attributes: Callable[[Dict[str, Any]], None]
    control: Control
    timers: Timers
    verbs: Verbs
    tasks: Tasks
    status: Optional[int]
    #: How many things of the agent's code have ended, and what runs now.
    count: int
    doing: Optional[str]
    _depth: int
    end: Callable[[int], None]

    @property
    def _whole(self) -> "Run":
        return cast("Run", self)

    def now(self) -> float:
        """Seconds of the clock that all times here are of."""
        return time.monotonic()

    # The agent's own code.

    def begin(self, what: str) -> None:
        """Code of the agent begins."""
        self._depth += 1
        self.doing = what
        self.control.turns.leave()

    def rest(self) -> None:
        """It has ended."""
        self._depth -= 1
        self.count += 1
        if self._depth == 0:
            self.doing = None
            self.agent._current = NOTHING
            self.agent._set_idle()

    def current_of(self, slot: "Slot") -> Current:
        """What is handled now, of a socket whose messages need no answer."""
        return Current(slot.alias, None, None)

    def handler(self, slot: "Slot", action: str) -> Optional[Callable[[Any], Any]]:
        """The function for messages with the handler `command` or `call:NAME`."""
        name = action[5:].strip() if action.startswith("call:") else slot.alias
        found = self.code.handlers.get(name)
        if found is None and action.startswith("call:"):
            found = self.code.methods.get(name)
        return found or self.agent.find_handler(name) or self.code.default

    def handle(
        self, slot: "Slot", action: str, message: Any, topic: Optional[str], promise: Optional[Promise]
    ) -> None:
        """Runs the agent's own handler for a message. What it returns answers a request."""
        code = self.handler(slot, action)
        name = action[5:].strip() if action.startswith("call:") else slot.alias
        if code is None:
            return self.failed(name, OsbError(f"there is no handler {name}"), promise)
        self.execute(name, lambda: code(message), promise, Current(slot.alias, topic, promise))

    def execute(
        self, what: str, code: Callable[[], Any], promise: Optional[Promise] = None, current: Optional[Current] = None
    ) -> bool:
        """Runs code, and sees to what comes of it. False if it has failed."""
        before = self.agent._current
        self.begin(what)
        self.agent._current = current or Current(None, None, promise)
        try:
            self.finish(what, code(), promise)
        except Exception as error:
            self.failed(what, error, None if promise is None else self.agent._current.promise)
            return False
        finally:
            self.rest()
            self.agent._current = before
        return True

    def finish(self, what: str, outcome: Any, promise: Optional[Promise]) -> None:
        """What code has returned: an answer; a generator, which answers first and works on; or a coroutine."""
        if inspect.iscoroutine(outcome):
            return self.tasks.add(what, outcome, promise, self.agent._current)
        if promise is not None:
            promise = self.agent._current.promise
        if inspect.isgenerator(outcome):
            for early in outcome:
                if promise is not None:
                    promise.keep(early)
            outcome = None
        if promise is not None:
            promise.keep(outcome)

    def failed(self, what: str, error: BaseException, promise: Optional[Promise] = None) -> None:
        """Code has raised an error: the requester is told, and the log. The agent goes on, unless it says otherwise."""
        if promise is not None:
            promise.fail(error)
        if isinstance(error, OsbError):
            self.log.error(f"{what}: {error}")
        else:
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self.log.error(f"{what}: {trace}")
        if self.agent.ends_on_error:
            self.end(1)

    def hook(self, name: str, code: Callable[[], Any]) -> bool:
        """Runs a hook."""
        return self.execute(name, code)

    def _call_if_open(self, request: Request) -> None:
        """A call whose requester waits no longer is not begun."""
        if request.is_open or request.envelope.id == 0:
            self._call(request, None)

    def _call(self, request: Request, code: Optional[Callable[..., Any]]) -> None:
        name, params = request.params.get("name"), request.params.get("params")
        promise = to_member(self._whole, request)
        if not isinstance(name, str):
            return request.answer(Fault("bad_request", reason="a call has a name"))
        if code is not None:
            return self._call_beside(name, code, params, promise)
        self.execute(name, lambda: self.call_method(name, params), promise)

    def call_method(self, name: str, params: Any) -> Any:
        """Calls one of the agent's methods. Raises the fault `unknown_method`."""
        code = self.code.methods.get(name) or self.agent.find_method(name)
        if code is None:
            known = sorted({**self.code.methods, **self.code.beside})[:LISTED]
            raise Fault("unknown_method", agent=self.name, method=name, known=known)
        args, kwargs = arguments(beside.of_wire(params))
        return code(*args, **kwargs)

    def _call_beside(self, name: str, code: Callable[..., Any], params: Any, promise: Promise) -> None:
        """In a thread of its own."""
        try:
            args, kwargs = arguments(beside.of_wire(params))
            answer = code(*args, **kwargs)
        except Exception as error:
            promise.fail(error)
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self.log.error(f"{name}: {trace}")
        else:
            promise.keep(answer)

    # Timers.

    def _fire_timers(self) -> None:
        now = self.now()
        for timer in self.timers.due(now):
            if self.status is None:
                self._fire(timer)
        if self.agent.idle_at is not None and self.agent.idle_at <= self.now():
            self.agent.idle_at = None
            self.hook("idle", self.agent.idle)
            self.agent._set_idle()

    def _fire(self, timer: Timer) -> None:
        action, code = timer.action, timer.code
        if code is None and "call" not in action:
            outcome = self._act(timer.alias, action)
            return self.timers.end(timer, outcome)
        if code is not None:
            run: Callable[[], Any] = code
        else:
            call = action["call"]
            run = lambda: self.call_method(call["method"], call["params"])  # noqa: E731
        promise = Promise(self._whole, lambda _, error: self.timers.end(timer, "failed" if error else "fired"))
        self.execute(timer.alias if code is None else action["call"]["method"], run, promise)

    def _act(self, alias: str, action: Dict[str, Any]) -> str:
        if "set" in action:
            self.keep_attributes(action["set"]["attributes"])
            return "fired"
        send = action["send"]
        try:
            self.verbs.send_by(send["alias"], beside.of_wire(send["message"]), send.get("topic"), wait=False)
            return "fired"
        except OsbError as error:
            self.log.warning(f"a tick of the timer {alias} is skipped: {error}")
            return "skipped"
