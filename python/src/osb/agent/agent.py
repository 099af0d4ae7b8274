"""An agent of one's own: its code, and all that it can do."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, TypeVar, Union

from ..address import Address
from ..durations import Duration, milliseconds, seconds
from ..errors import Fault, OsbError
from ..handlers import Handler, actions
from ..nameserver import NameServer
from ..proxy import Proxy, endpoint, of_json, timer_action, to_json
from . import boot as begin
from .code import Code, timer
from .exchange import Then, read_answer
from .log import Log
from .promise import Promise
from .run import NOTHING, Run
from .signals import Signals
from .slot import Slot

F = TypeVar("F", bound=Callable[..., Any])
#: Handlers in code: a function, an action such as `"log"`, several of these, or for subscribers a map by topics.
CodeHandler = Union[Callable[[Any], Any], Handler, Sequence[Any], Dict[str, Any], None]

#: How long an answer is waited for if nothing else is said, in seconds.
REQUEST_TIMEOUT = 30.0


class Agent:
    """An agent. Its code is given by decorators, or by a class that is made from this one:

        agent = osb.Agent("Bob")

        @agent.handler("inbox")
        def inbox(message):
            agent.send("out", message * 2)

        agent.run()

    One thing runs at a time: handlers, methods, timers and hooks; those that are `async def` run while others await.
    Threads of one's own may call everything here; what they ask is done between two such things.
    """

    #: An error of the agent's code ends it, with status 1.
    ends_on_error = False
    #: Code that has not returned for so long makes the agent `suspect`: `"60s"`. None: it is busy for as long as it likes.
    max_busy: Optional[Duration] = None
    #: Its sockets may read pickles, in a closed system: whoever writes them can have this agent run any code.
    allow_pickle = False
    #: `idle` runs whenever nothing has happened for so long.
    idle_timeout: Optional[Duration] = None

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        nameserver: Optional[str] = None,
        waits_for_go: bool = False,
        allow_pickle: Optional[bool] = None,
    ) -> None:
        """`name` and `nameserver` count if osb does not say them, nor `OSB_AGENT` and `OSB_NAMESERVER`.

        `waits_for_go`: started by hand, it sends nothing until `osb up` has wired it (`attach: true` in the topology).
        """
        self._name, self._nameserver, self._waits_for_go = name, nameserver, waits_for_go
        if allow_pickle is not None:
            self.allow_pickle = allow_pickle
        self.code = Code.of(self)
        self.log = Log()
        self._run: Optional[Run] = None
        self._begun = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._status: Optional[int] = None
        self._failure: Optional[BaseException] = None
        self._link: Optional[NameServer] = None
        self._current = NOTHING
        self.idle_at: Optional[float] = None

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

    # Hooks, for classes made from this one.

    def on_init(self) -> Any:
        """Runs before the agent is registered: for attributes and sockets of its own. An error ends it."""

    def before_loop(self) -> Any:
        """Runs once when the agent is registered, before the first message."""

    def on_start(self) -> Any:
        """Runs when the system is wired and messages may be sent; at once, if no `up` wires it."""

    def on_stop(self) -> Any:
        """Runs when the agent is to end."""

    def idle(self) -> Any:
        """Runs whenever nothing has happened for `idle_timeout`."""

    def find_method(self, name: str) -> Optional[Callable[..., Any]]:
        """The method of that name that no decorator has named; None: there is none."""
        return None

    def find_handler(self, name: str) -> Optional[Callable[[Any], Any]]:
        """The handler of that name that no decorator has named; None: there is none."""
        return None

    # Its life.

    @property
    def name(self) -> str:
        """Its name; what the code says, until it runs."""
        return self._run.name if self._run is not None else self._name or ""

    @property
    def is_in_thread(self) -> bool:
        """Whether it was begun by `start`."""
        return self._thread is not None

    @property
    def running(self) -> bool:
        """Whether it is there and is not about to end."""
        return self._run is not None and self._run.status is None

    def run(self) -> None:
        """Runs the agent in this thread, to its end. Ends the process by SystemExit if that is not well.

        If osb has started the process, it says by standard input what the agent is.
        """
        status = self._live(begin.of_process(self._name, self._nameserver, self._waits_for_go), Signals())
        if status != 0:
            raise SystemExit(status)

    def start(self, timeout: Duration = 10.0) -> "Agent":
        """Runs the agent in a thread of its own, and returns when it is registered: for scripts and notebooks.

        As a context manager, it ends with the block.
        """
        boot = begin.by_hand(self._name, self._nameserver, self._waits_for_go)

        def live() -> None:
            try:
                self._status = self._live(boot, None)
            except BaseException as error:
                self._failure, self._status = error, 1
            self._begun.set()

        self._thread = threading.Thread(target=live, name=f"osb agent {boot.name}", daemon=True)
        self._thread.start()
        if not self._begun.wait(seconds(timeout)):
            self.shutdown()
            raise OsbError(f"{boot.name} is not registered within {timeout}")
        if self._failure is not None:
            raise self._failure
        if self._status:
            raise OsbError(f"{boot.name} has ended with status {self._status}: its log says why")
        return self

    def _live(self, boot: begin.Boot, signals: Optional[Signals]) -> int:
        if self._run is not None and self._run.status is None:
            raise OsbError(f"{self.name} runs already")
        self.log.open(boot.log)
        self._run = run = Run(self, boot)
        self._set_idle()
        if signals is not None:
            signals.take(run)
        try:
            return run.run()
        finally:
            if signals is not None:
                signals.give_back()
            if self._link is not None:
                self._link.close()
                self._link = None

    def shutdown(self) -> None:
        """Has the agent end, when what runs now has ended. From the thread that started it, waits for that."""
        if self._run is not None:
            self._run.asked_to_end = True
            self._run.end(0)
        self.join()

    def join(self, timeout: Optional[Duration] = None) -> None:
        """Waits until an agent has ended that was begun by `start`."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(None if timeout is None else seconds(timeout))

    def __enter__(self) -> "Agent":
        return self if self._thread is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _set_idle(self) -> None:
        if self.idle_timeout is not None:
            self.idle_at = time.monotonic() + seconds(self.idle_timeout)

    @property
    def max_busy_seconds(self) -> Optional[float]:
        """`max_busy` in seconds."""
        return None if self.max_busy is None else seconds(self.max_busy)

    @property
    def _r(self) -> Run:
        if self._run is None:
            raise OsbError("the agent does not run yet: do this in on_init, or when it has started")
        return self._run

    # What is handled now.

    @property
    def alias(self) -> Optional[str]:
        """The socket at which the message has arrived that is handled now. None in methods, timers and hooks."""
        return self._current.alias

    @property
    def topic(self) -> Optional[str]:
        """The topic of the publication that is handled now."""
        return self._current.topic

    def reply(self, answer: Any = None) -> None:
        """Answers the request or call that is handled now, at once: the handler may work on."""
        self.promise().keep(answer)

    def promise(self) -> Promise:
        """Takes the request or call that is handled now, to answer it after the handler has returned."""
        promise, self._current.promise = self._current.promise, None
        if promise is None:
            raise OsbError("no request is being handled")
        return promise

    # Messages.

    def send(self, alias: str, message: Any, topic: Optional[str] = None) -> None:
        """Sends a message by a socket; under a topic, by a PUB or SYNC_PUB. Waits while there is no room.

        By a socket that asks, it is a request whose answer goes to the socket's handlers. Raises Fault.
        """
        run = self._r

        def do() -> None:
            slot = run.sockets.get(alias)
            if slot is not None and not slot.has_room():
                run.wait_for(slot.has_room, 3600.0, f"room at {alias}")
            run.verbs.send_by(alias, message, topic, wait=True)

        run.in_loop(do)

    def request(self, alias: str, message: Any, timeout: Optional[Duration] = None) -> Any:
        """Asks by a REQ, an ASYNC_REQ or a SYNC_SUB, and waits for the answer: for `timeout`, else as long as the
        connection says, else 30 s. Meanwhile the agent runs no other code. Raises CallFailed if the answer is an error.
        """
        run = self._r
        done: List[Any] = []

        def do() -> Any:
            id, limit = self._ask(run, alias, message, timeout, lambda frame, reason: done.append((frame, reason)))
            try:
                run.wait_for(lambda: bool(done), limit + 1.0, f"the answer to a request by {alias}")
            except BaseException:
                run.exchange.forget(id)
                raise
            return _answer(run.sockets.get(alias), alias, *done[0])

        return run.in_loop(do)

    async def request_async(self, alias: str, message: Any, timeout: Optional[Duration] = None) -> Any:
        """The same in an `async def` of the agent: other handlers run while it is awaited."""
        run = self._r
        answer: "asyncio.Future[Any]" = run.tasks.future()

        def then(frame: Any, reason: Optional[str]) -> None:
            if not answer.done():
                answer.set_result((frame, reason))

        self._ask(run, alias, message, timeout, then)
        frame, reason = await answer
        return _answer(run.sockets.get(alias), alias, frame, reason)

    def ask(
        self,
        alias: str,
        message: Any,
        on_reply: Optional[Callable[[Any], Any]] = None,
        on_error: Optional[Callable[[str], Any]] = None,
        wait: Optional[Duration] = None,
    ) -> None:
        """Asks and goes on: `on_reply` is called with the answer, `on_error` with the reason why there is none.

        Without them the socket's handlers get the answer.
        """
        run = self._r
        if on_reply is None and on_error is None and wait is None:
            return self.send(alias, message)

        def then(frame: Any, reason: Optional[str]) -> None:
            run.when_free(lambda: self._on_answer(run, alias, frame, reason, on_reply, on_error))

        run.in_loop(lambda: self._ask(run, alias, message, wait, then))

    def _on_answer(
        self,
        run: Run,
        alias: str,
        frame: Any,
        reason: Optional[str],
        on_reply: Optional[Callable[[Any], Any]],
        on_error: Optional[Callable[[str], Any]],
    ) -> None:
        value, slot = None, run.sockets.get(alias)
        if reason is None and slot is not None:
            value, reason = read_answer(frame, slot)
        if reason is not None and on_error is not None:
            why = reason
            run.execute(alias, lambda: on_error(why))
        elif reason is not None and slot is not None:
            run.handling.lost(slot, reason)
        elif reason is None and on_reply is not None:
            run.execute(alias, lambda: on_reply(value))

    @staticmethod
    def _ask(run: Run, alias: str, message: Any, timeout: Optional[Duration], then: Then) -> Any:
        slot, body = run.verbs.question(alias, message)
        wait = slot.replies.get("wait")
        limit = seconds(timeout) if timeout is not None else REQUEST_TIMEOUT if wait is None else wait / 1000
        id = run.exchange.begin(slot, body, then, limit, run.now())
        if slot.outbox:
            run.sockets.poll(slot)
        return id, limit

    # Attributes.

    def get(self, name: str) -> Any:
        """The value of an attribute. Raises Fault `unknown_attribute`."""
        attributes = self._r.attributes
        if name not in attributes:
            raise Fault("unknown_attribute", agent=self.name, attribute=name, known=sorted(attributes)[:20])
        return of_json(attributes[name])

    def set(self, **attributes: Any) -> None:
        """Sets attributes, for all to see: `osb get`, proxies."""
        self._r.attributes.update({name: to_json(value) for name, value in attributes.items()})

    @property
    def attributes(self) -> Dict[str, Any]:
        """All attributes, as they are now."""
        return {name: of_json(value) for name, value in dict(self._r.attributes).items()}

    # Sockets.

    def bind(
        self,
        kind: str,
        alias: str,
        handler: CodeHandler = None,
        *,
        addr: Optional[str] = None,
        transport: str = "tcp",
        serializer: str = "json",
    ) -> Address:
        """Binds a socket. `handler` is a function, or as in a topology; None: the handler of that alias.

        One that the topology has bound just so is not bound again.
        """
        run = self._r
        at = endpoint(transport, addr)

        def do() -> Address:
            there = run.sockets.get(alias)
            if there is not None and there.bound is not None and not there.by_hand:
                if (there.kind.value, there.serializer, there.asked) == (kind, serializer, at):
                    return there.bound
            request = {"alias": alias, "kind": kind, "endpoint": at, "serializer": serializer}
            slot = run.sockets.bind({**request, "handlers": self._handlers(alias, handler)})
            slot.by_hand = True
            run.tell_changes()
            if run.control.shown:
                # Whoever hears of it now can ask the name server for it.
                run.wait_for(lambda: run.control.settled, 2.0, None)
            assert slot.bound is not None
            return slot.bound

        return run.in_loop(do)

    def connect(
        self, to: Union[str, Address], alias: str, handler: CodeHandler = None, timeout: Duration = 10.0
    ) -> None:
        """Connects a socket to `"Alice.main"` or to an address, and waits until that is proven. Raises Fault."""
        run, limit = self._r, seconds(timeout)
        handlers = self._handlers(alias, handler)

        def do() -> None:
            if isinstance(to, Address):
                slot, link = run.sockets.connect(alias, to, None, handlers, {})
                self._wait_proven(run, lambda: link.proven, link.failure, limit, alias, to.address)
                return
            kept = run.wiring.declare(alias, to, handlers=handlers)
            self._wait_proven(run, lambda: kept.is_proven, kept.failure, limit, alias, to)

        run.in_loop(do)

    @staticmethod
    def _wait_proven(
        run: Run, proven: Callable[[], bool], failure: Callable[[], Optional[str]], limit: float, alias: str, to: str
    ) -> None:
        run.wait_for(lambda: proven() or failure() is not None, limit, f"the proof of {alias} → {to}")
        reason = None if proven() else failure()
        if reason is not None:
            raise Fault("unproven", alias=alias, to=to if "://" not in to else None, address=to, reason=reason)

    def _handlers(self, alias: str, handler: CodeHandler) -> Optional[Dict[str, Any]]:
        """Handlers in code in the form of the wire: functions get names."""
        if handler is None:
            return None
        if isinstance(handler, dict):
            return {"by_topic": {topic: self._actions(f"{alias}-{topic}", each) for topic, each in handler.items()}}
        return {"all": self._actions(alias, handler)}

    def _actions(self, name: str, handler: Any) -> List[str]:
        if isinstance(handler, str):
            return actions(handler)
        if callable(handler):
            return [self._named(name, handler)]
        return [it if isinstance(it, str) else self._named(f"{name}-{n}", it) for n, it in enumerate(handler)]

    def _named(self, name: str, function: Callable[[Any], Any]) -> str:
        plain = "".join(it if it.isascii() and (it.isalnum() or it in "._-") else "-" for it in name)[:60].strip("-.")
        self.code.handlers[plain or "handler"] = function
        return f"call:{plain or 'handler'}"

    def addr(self, alias: str) -> Address:
        """Where one of its sockets can be reached. Raises Fault."""
        slot = self._r.sockets.find(alias)
        if slot.bound is None:
            raise Fault("refused", reason=f"{self.name}.{alias} connects: it has no address")
        return slot.bound

    def close(self, alias: str, linger: Duration = 1.0) -> int:
        """Closes a socket. Returns how many messages never left."""
        run = self._r

        def do() -> int:
            return run.sockets.close(run.sockets.find(alias).alias, milliseconds(linger))

        return run.in_loop(do)

    def subscribe(self, alias: str, handler: Dict[str, Any]) -> None:
        """Adds topics to a SUB socket of its own: topic → handler. Publishers see it a moment later."""
        run = self._r
        added = self._handlers(alias, handler) or {}

        def do() -> None:
            slot = run.sockets.find_for(alias, "subscribes", "subscribe")
            there = slot.handlers.get("by_topic") or {"": slot.handlers.get("all", [])}
            run.sockets.set_handlers(slot, {"by_topic": {**there, **added["by_topic"]}})

        run.in_loop(do)

    def unsubscribe(self, alias: str, *topics: str) -> None:
        """Takes topics back."""
        run = self._r

        def do() -> None:
            slot = run.sockets.find_for(alias, "subscribes", "unsubscribe")
            there = slot.handlers.get("by_topic") or {"": slot.handlers.get("all", [])}
            run.sockets.set_handlers(slot, {"by_topic": {it: there[it] for it in there if it not in topics}})

        run.in_loop(do)

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

    # Other agents.

    @property
    def nameserver(self) -> NameServer:
        """The name server, for all that concerns other agents, by a connection of its own."""
        if self._link is None or self._link.link.closed:
            self._link = NameServer(self._r.boot.dial)
        return self._link

    def proxy(self, agent: str, timeout: Duration = 10.0) -> Proxy:
        """What asks another agent. While it waits, this agent runs no other code, but answers what concerns it."""
        return self.nameserver.proxy(agent, timeout)

    def spawn(self, name: str, command: Optional[Sequence[str]] = None, timeout: Duration = 60.0, **more: Any) -> None:
        """Has the host that has started this agent start another one, and waits until that does its work.

        `more` are `speaks`, `attributes`, `env` and `cwd`, as in a topology.
        """
        from .spawning import spec

        host = self._r.boot.host
        if host is None:
            raise OsbError(f"no host has started {self.name}: it cannot have one start others")
        self.nameserver.link.ask(f"host:{host}", "spawn", {"spec": spec(name, command, timeout, more)}, timeout)

    def remove(self, agent: str, timeout: Duration = 10.0) -> None:
        """Has that host end an agent for good that was spawned."""
        params = {"agent": agent, "grace": milliseconds(timeout)}
        self.nameserver.link.ask(f"host:{self._r.boot.host}", "remove", params, seconds(timeout) + 10)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def _answer(slot: Optional[Slot], alias: str, frame: Any, reason: Optional[str]) -> Any:
    """The answer in a frame. Raises CallFailed with the reason of an error."""
    value = None
    if reason is None and slot is not None:
        value, reason = read_answer(frame, slot)
    if reason is not None:
        raise Fault.of_body({"code": "handler", "reason": reason if reason else f"no answer by {alias}"})
    return value
