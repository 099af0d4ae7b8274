"""An agent at work: one loop over its data sockets, what it is asked, its timers and its own code.

The control thread hands over what others ask (`on_request`, `post`). Everything else here is the work loop's, which
runs in the thread that called `Agent.run`. While code of the agent waits for something, the loop turns all the same
(`wait_for`): it proves wires and takes answers then, and runs no other code.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional, Tuple, TypeVar

import zmq

from ..durations import text_of
from ..errors import OsbError, Timeout
from ..line import Waker
from . import beside
from .boot import Boot
from .control import Control, Request
from .crew import Crew
from .core.steps import Steps
from .core.timers import Timers
from .exchange import Exchange
from .executing import Executing
from .draining import tell_at_the_end, tell_what_has_come
from .farewell import leave_behind
from .handling import Handling
from .log import Log
from .sockets import Sockets
from .taps import Taps
from .tasks import Tasks
from .verbs import Verbs
from .wiring import Wiring

if TYPE_CHECKING:
    from .agent import Agent
    from .slot import Slot

T = TypeVar("T")
#: How long messages that are under way may still leave at the end, in milliseconds.
LINGER_MS = 1000
_FOREVER = 60.0


class Waiting:
    """What waits until `check` is true, or its time is up: then `late` says what."""

    def __init__(self, check: Callable[[], bool], until: float, late: Callable[[], None]) -> None:
        self.check, self.until, self.late = check, until, late


class Run(Executing):
    """One life of an agent."""

    def __init__(self, agent: "Agent", boot: Boot) -> None:
        self.agent, self.boot, self.name = agent, boot, boot.name
        self.log: Log = agent.log
        self.code = agent.code
        self.attributes: Dict[str, Any] = {}
        self.waker = Waker()
        self._inbox: Deque[Callable[[], None]] = deque()
        self._code_box: Deque[Callable[[], None]] = deque()
        self.thread: Optional[threading.Thread] = None
        self.steps: Steps = Steps()
        self.timers: Timers = Timers()
        self.exchange: Exchange = Exchange()
        self.control = Control(self)
        self.sockets, self.wiring, self.handling = Sockets(self), Wiring(self), Handling(self)
        self.verbs, self.tasks, self.crew = Verbs(self), Tasks(self), Crew()
        self.taps = Taps(self)
        for poller in (self.sockets.quiet, self.sockets.whole):
            poller.register(self.waker.fileno(), zmq.POLLIN)
        self.waiting: List[Waiting] = []
        #: `preparing`, `working`, `quiet` or `ending`.
        self.life = "preparing"
        self.status: Optional[int] = None
        #: Somebody has asked it to end; and it was a member, so that it stays down.
        self.asked_to_end = self.stays_down = False
        self.failed_init = False
        #: How many things of the agent's code have ended, and what runs now.
        self.count, self.doing = 0, None  # type: Tuple[int, Optional[str]]
        self._depth = 0
        self._changed = True
        self._told: Dict[str, Any] = {}
        #: Something has come that is not a message: a batch of those is broken off.
        self.must_turn = False

    # For all threads.

    def post(self, what: Callable[[], None]) -> None:
        """Has the loop do it, between two things of the agent's code or while that waits."""
        self._inbox.append(what)
        self._wake()

    def _wake(self) -> None:
        """The loop looks at what has been posted. It does so anyway, if it drives the line itself."""
        self.must_turn = True
        if not self.control.turns.is_here():
            self.waker.wake()

    def when_free(self, what: Callable[[], None]) -> None:
        """Has the loop do it when no other code of the agent runs."""
        if self._depth == 0 and threading.current_thread() is self.thread and not self.control.turns.is_here():
            return what()
        self._code_box.append(what)
        self._wake()

    def in_loop(self, what: Callable[[], T]) -> T:
        """Does it in the loop, and waits for that if this is another thread."""
        if self.thread is None or threading.current_thread() is self.thread:
            return what()
        done: "threading.Event" = threading.Event()
        result: List[Any] = [None, None]

        def do() -> None:
            try:
                result[0] = what()
            except BaseException as error:
                result[1] = error
            done.set()

        self.post(do)
        while not done.wait(1.0):
            if self.status is not None and not self.thread.is_alive():
                raise OsbError(f"{self.name} has ended")
        if result[1] is not None:
            raise result[1]
        return result[0]  # type: ignore[no-any-return]

    def on_request(self, request: Request) -> None:
        """By whoever drives the line: another member asks."""
        outcome = beside.answer(self, request)
        if outcome is not beside.NOT_HERE:
            return request.answer(outcome)
        if request.method == "call":
            name = request.params.get("name")
            code = self.code.beside.get(name) if isinstance(name, str) else None
            if code is not None:
                self.crew.run(lambda: self._call(request, code))
            else:
                self.when_free(lambda: self._call_if_open(request))
        else:
            self.post(lambda: self.verbs.serve(request))

    def beat(self) -> Tuple[Optional[str], int]:
        """By whoever drives the line, once a second: what the agent's code does, and how many things it has done."""
        if self.doing is None and self.thread is not None:
            self.post(lambda: tell_what_has_come(self))
        return self.doing, self.count

    def owes(self) -> bool:
        """Whether its code has something to do still that has come."""
        return bool(self._code_box) or self._depth > 0 or self.tasks.under_way

    def excuse(self, request: Request) -> str:
        """What has taken too long."""
        what = {"call": f"{self.name}.{request.params.get('name')}"}.get(request.method, f"{request.method} of {self.name}")
        doing = self.doing
        return f"{what} ({self.name} is busy with {doing})" if doing is not None else what

    def announcement(self, busy_for: Optional[float]) -> Dict[str, Any]:
        """By whoever drives the line: all that others are to know."""
        told: Dict[str, Any] = {
            "role": "agent", "name": self.name, "incarnation": self.boot.incarnation, "host": self.boot.host,
            "pid": os.getpid(), "state": "running", "uptime_ms": round((self.now() - self.boot.began) * 1000),
            "addresses": {}, "connections": [], **self._told,
        }  # fmt: skip
        if busy_for is not None:
            told["busy_ms"] = round(busy_for * 1000)
            most = self.agent.max_busy_seconds
            if most is not None and busy_for > most:
                told["state"] = "suspect"
                told["why"] = f"{self.doing} has not returned for {text_of(round(busy_for) * 1000)}"
        if self.boot.former_lives:
            told["former_lives"] = self.boot.former_lives
        if self.boot.successor_of is not None:
            told["successor_of"] = self.boot.successor_of
        return told

    def keep_attributes(self, attributes: Dict[str, Any]) -> None:
        """These attributes have these values from now on. By any thread."""
        self.control.happened.on_attributes(attributes)
        self.attributes.update(attributes)

    def admits(self, alias: str, holder: Dict[str, str]) -> bool:
        """By whoever drives the line: whether the holder of a good key may come to that socket."""
        return self.sockets.may_connect(alias, holder)

    def end(self, status: int) -> None:
        """The end begins. By any thread, and by a handler of signals."""
        if self.status is None:
            self.status = status
        self.must_turn = True
        self.waker.wake()

    # The life.

    def run(self) -> int:
        """To the end. Returns the exit status."""
        self.thread = threading.current_thread()
        self.control.start()
        try:
            self._begin()
            while self.status is None:
                self._turn()
        except SystemExit as exit:
            # Code of the agent ends it, by `sys.exit`.
            self.end(_status(exit.code))
        finally:
            if self.status is None:
                self.status = 1
            self._farewell()
        return self.status

    def _begin(self) -> None:
        for spec, code in self.code.timers:
            self.timers.add(spec, self.now(), code)
        if not self.hook("on_init", self.agent.on_init):
            self.failed_init = True
            return self.end(1)
        self.verbs.leading.carry_out_spec()
        self.tell_changes()
        self.control.show()
        if self.boot.works is not None:
            if self.verbs.leading.given.fault is not None:
                return self.end(1)
            step = "wire" if self.boot.works.get("waits") else "go"
            (self.steps.lead if self.boot.works.get("strict") else self.steps.lead_alone)(step)
        self.wait_for(self.control.registered.is_set, _FOREVER, None)
        if self.status is not None:
            return
        if self.boot.host is None:
            tell = self.log.debug if self.agent.is_in_thread else self.log.info
            tell(f"{self.name} is registered at {self.boot.dial.address}")
        self.agent._begun.set()
        self.hook("before_loop", self.agent.before_loop)
        if self.boot.go:
            self.work()
            self.timers.start(self.now())
        self.verbs.leading.take_steps()
        # The loop sleeps first: nothing else may come for long.
        self.tell_changes()

    def work(self) -> None:
        """All is wired, and messages may leave: the agent's code begins."""
        if self.life == "preparing":
            self.life = "working"
            self.hook("on_start", self.agent.on_start)

    def quiet(self) -> None:
        """Nothing more of its own accord."""
        if self.life in ("preparing", "working"):
            self.life = "quiet"
            self.timers.stop()

    def _farewell(self) -> None:
        was_there, self.life = self.life != "ending", "ending"
        self.timers.stop()
        if was_there and not self.failed_init:
            self.hook("on_stop", self.agent.on_stop)
        self.tasks.close()
        self.crew.close()
        tell_at_the_end(self)
        unsent = {}
        for slot in self.sockets:
            slot.flush()
            if slot.outbox:
                count = unsent[slot.alias] = len(slot.outbox)
                what = "1 message was" if count == 1 else f"{count} messages were"
                self.log.warning(f"{what} not sent by {slot.alias}")
        leave_behind(self, unsent)
        self.control.leave(self.status or 0, self.asked_to_end)
        for slot in self.sockets:
            slot.close(LINGER_MS)
        self.control.close()
        self.waker.close()
        self.boot.remove_folder()

    # The loop.

    def _turn(self) -> None:
        self.must_turn = False
        self.tasks.run(self._sleep)
        self._take(self._inbox)
        if self.status is None:
            self._take(self._code_box)
        # After all that may have changed what is waited for, and before the next sleep.
        self._see_to_clock()
        if self.life == "working" and self.status is None:
            self._fire_timers()
        self.tell_changes()

    def _take(self, box: Deque[Callable[[], None]]) -> None:
        while box and self.status is None:
            what = box.popleft()
            try:
                what()
            except Exception as error:
                # Not the agent's code: that is caught where it runs.
                self.log.error("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def takes_in(self) -> bool:
        """Whether messages are handled now: until the agent works, they wait at their sockets."""
        return self.life in ("working", "quiet") and self._depth == 0

    def _poller(self) -> Any:
        return self.sockets.whole if self.takes_in() else self.sockets.quiet

    def _sleep(self, most: float = _FOREVER) -> None:
        """Waits until something comes, and reads it."""
        timeout = 0.0 if self._inbox or (self._code_box and self._depth == 0) else min(most, self._until_next())
        if self.status is not None:
            timeout = 0.0
        self.attend(self.control.poll(self._poller().sockets, timeout))

    def attend(self, ready: List[Tuple[Any, int]]) -> None:
        """Reads what has come."""
        for it, events in ready:
            if it == self.waker.fileno():
                self.waker.clear()
                continue
            if it is self.taps.socket:
                self.taps.read_grants()
                continue
            slot, is_monitor = self.sockets.polled.get(it, (None, False))
            if slot is None:
                continue
            if is_monitor:
                self._see_connections(slot)
                continue
            if events & zmq.POLLOUT:
                slot.flush()
                self.sockets.poll(slot)
            if events & zmq.POLLIN:
                self._read(slot, it)
        self.see_to_waiting()

    def _read(self, slot: "Slot", it: Any) -> None:
        if it is slot.socket and slot.kind.does("publishes"):
            self.handling.read(slot)
        elif slot.kind.does("asks") or self.takes_in():
            self.handling.read_messages(slot)

    def _see_connections(self, slot: "Slot") -> None:
        changed, lost = slot.read_monitors(self.now())
        if lost and slot.kind.does("asks"):
            self.handling.read_messages(slot)
            self.exchange.give_up(slot, "the other side went away before it answered")
        if changed:
            self.note_change()
        self.wiring.follow(slot)

    def _until_next(self) -> float:
        times = [self.timers.wakes_at() if self.life == "working" and self._depth == 0 else None]
        times += [self.exchange.wakes_at(), self.wiring.wakes_at(), self.taps.wakes_at()]
        times += [it.until for it in self.waiting]
        if self._depth == 0:
            times.append(self.agent.idle_at)
        nearest = min([at for at in times if at is not None], default=None)
        return _FOREVER if nearest is None else max(0.0, nearest - self.now())

    def _see_to_clock(self) -> None:
        now = self.now()
        self.exchange.expire(now)
        self.wiring.on_time(now)
        self.see_to_waiting()
        self.taps.see_to()

    def see_to_waiting(self) -> None:
        """What waits, and has what it waits for, or waits no longer."""
        now = self.now()
        for it in list(self.waiting):
            if it not in self.waiting:
                continue
            if it.check():
                if it in self.waiting:
                    self.waiting.remove(it)
            elif it.until <= now:
                self.waiting.remove(it)
                it.late()

    def wait(self, check: Callable[[], bool], until: float, late: Callable[[], None]) -> None:
        """Has `check` called whenever something has changed, until it is true."""
        if not check():
            self.waiting.append(Waiting(check, until, late))

    def wait_for(self, check: Callable[[], bool], patience: float, what: Optional[str]) -> None:
        """In code of the agent: the loop turns until `check` is true, without running other code.

        Raises Timeout, which names `what`; None: it only ends. Raises OsbError if the agent ends meanwhile.
        """
        until = self.now() + patience
        self._depth += 1
        try:
            while not check():
                left = until - self.now()
                if self.status is not None and what is not None:
                    raise OsbError(f"{self.name} ends, while {what} was waited for")
                if left <= 0 or self.status is not None:
                    if what is None:
                        return
                    raise Timeout(f"{what} took longer than {text_of(round(patience * 1000))}")
                self._sleep(left)
                self._take(self._inbox)
                self._see_to_clock()
                self.tell_changes()
        finally:
            self._depth -= 1

    def note_change(self) -> None:
        """Sockets or connections have changed: others are told at the end of the turn."""
        self._changed = True

    def tell_changes(self) -> None:
        """Tells the name server, if anything has changed."""
        if not self._changed:
            return
        self._changed = False
        given = self.verbs.leading.given
        fault = given.fault if given.fault is not None else self.steps.fault
        reached = {**({"done": self.steps.done()} if self.steps.done() else {}), **({"fault": fault} if fault else {})}
        told: Dict[str, Any] = {"addresses": self.sockets.addresses(), "connections": self.sockets.connections(self.now())}
        if given.version is not None:
            told["spec_version"] = given.version
        if reached:
            told["reached"] = reached
        self._told = told
        self.control.announce()

    def expect_to_collect(self, actions: List[str]) -> None:
        """What is collected is an empty list until something comes."""
        if "collect" in actions:
            self.attributes.setdefault("received", [])

    def on_event(self, event: Dict[str, Any]) -> None:
        """The name server tells something."""
        if event["event"] == "presence":
            self.wiring.on_presence(event)
        else:
            self.boot.successor_of = None
            self.note_change()


def _status(code: Any) -> int:
    """The exit status of a SystemExit."""
    return code if isinstance(code, int) else 0 if code is None else 1
