"""A client's link to a name server: requests to any member, and events.

It is a client by specs/protocol.md: it announces nothing, and is forgotten when it goes. Who asks and waits drives the
connection itself meanwhile, for a change of threads would cost more than the answer. A thread of the link's own drives
it while there are watchers, or answers that come by futures.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import wire
from .dial import Dial, Keys
from .durations import Duration, milliseconds, seconds, text_of
from .errors import Fault, NotFound, OsbError, Timeout
from .lanes import Ended, Lane, Lanes
from .line import Line, Seen

#: How long an answer may take if nothing else is said, in seconds.
CONTROL_TIMEOUT = 10.0
#: The member that is asked keeps the deadline, and is left so much longer, to be the first to speak.
MARGIN = 1.0
_WATCH = 0
#: An agent of which nothing was heard for so long is unreachable, in seconds (specs/reliability.md).
_SILENT = 10.0

Answer = "Future[Any]"


class Link:
    """Questions may be asked by all threads."""

    def __init__(self, dial: Dial, patience: float = 3.0) -> None:
        """Dials. Raises NotFound within `patience` seconds if no name server answers there, or it lets nobody in."""
        self._line = Line(dial)
        self.dial = dial
        #: Guards what is shared; and whoever has the other one drives the line.
        self._lock, self._driving = threading.Lock(), threading.Lock()
        self._last = 0
        self._pending: Dict[int, Tuple[Future[Any], float, str]] = {}
        self._watchers: List["queue.SimpleQueue[Any]"] = []
        self._closing = self._is_shut = False
        self._failure: Optional[OsbError] = None
        self._was_open = False
        self._thread: Optional[threading.Thread] = None
        self._needed = threading.Event()
        self._lanes = Lanes(self.ask)
        with self._driving:
            until = time.monotonic() + patience
            while not self._was_open and self._failure is None and time.monotonic() < until:
                self._turn(until - time.monotonic())
        if not self._was_open:
            self.close()
            late = NotFound(f"no name server answers at {self._shown} within {text_of(int(patience * 1000))}")
            raise self._failure or late

    @property
    def _shown(self) -> str:
        return self.dial.address.replace("tcp://", "", 1)

    def ask(
        self, peer: str, method: str, params: Optional[Dict[str, Any]] = None, timeout: Duration = CONTROL_TIMEOUT
    ) -> Any:
        """Asks a member (`""`: the name server) and waits for the answer. Raises Fault or Timeout."""
        patience = seconds(timeout)
        until = time.monotonic() + patience + 2 * MARGIN
        if method == "call" and self.dial.keys is None:
            lane = self._free_lane(peer)
            if lane is not None:
                try:
                    return self._ask_by(lane, method, params, timeout, until)
                except Ended:
                    pass  # the agent has another life by now
        drives = self._driving.acquire(blocking=False)
        try:
            answer = self._begin(peer, method, params, timeout, self._line.keep if drives else self._line.post)
        except BaseException:
            if drives:
                self._driving.release()
            raise
        if drives:
            try:
                while not answer.done() and not self._closing and time.monotonic() < until:
                    self._turn(min(self._until_next(), until - time.monotonic()))
            finally:
                self._driving.release()
            self._see_to_driver()
        try:
            outcome = answer.result(max(0.0, until - time.monotonic()))
            self._lanes.told.discard(peer)
            return outcome
        except Late:
            self._see_to_driver()
            raise self._late(peer, method, patience) from None

    # Lanes.

    def _free_lane(self, peer: str) -> Optional[Lane]:
        """One to that agent that nobody uses, held. What was sent by the name server before is not to be overtaken."""
        self._check()
        if not peer or ":" in peer or peer in self._lanes.told:
            return None
        with self._lock:
            if any(what.startswith(f"{peer}: ") for _, _, what in self._pending.values()):
                return None
        lane = self._lanes.find(peer)
        return lane if lane is not None and lane.lock.acquire(blocking=False) else None

    def _ask_by(
        self, lane: Lane, method: str, params: Optional[Dict[str, Any]], timeout: Duration, until: float
    ) -> Any:
        try:
            body = wire.request_body(method, params)
        except BaseException:
            lane.lock.release()
            raise
        is_whole = False
        try:
            deadline = min(milliseconds(timeout), 2**32 - 1)
            answer = lane.ask(body, deadline, until, lambda: self._doubt(lane.agent))
            is_whole = True
            return answer
        except Fault as fault:
            is_whole = fault.code not in ("gone", "unreachable")
            if fault.code == "gone":
                self._wait_until_known(lane.agent)
            raise
        except TimeoutError:
            raise self._late(lane.agent, method, seconds(timeout)) from None
        finally:
            if not is_whole:
                self._lanes.drop(lane)
            lane.lock.release()

    def _wait_until_known(self, agent: str) -> None:
        """An end shows here first. Who is told of it finds that the name server knows of it, too: it answers in the place
        of an agent that has gone."""
        try:
            self.ask(agent, "is_running", {}, _SILENT)
        except OsbError:
            pass

    def _doubt(self, agent: str) -> None:
        """An agent does not answer: whether it is there, the name server knows. Raises Fault."""
        try:
            told = self.ask("", "agents", {"name": agent})
        except OsbError as error:
            if isinstance(error, Fault) and error.code == "unknown_agent":
                raise Fault("gone", peer=agent) from None
            return  # the name server is away: the agent may be there all the same
        state = told[0].get("state") if told else None
        if state == "unreachable":
            raise Fault("unreachable", agent=agent, silent=round(_SILENT * 1000))
        if state in (None, "stopped", "failed", "ended"):
            raise Fault("gone", peer=agent)

    def begin(
        self, peer: str, method: str, params: Optional[Dict[str, Any]] = None, timeout: Duration = CONTROL_TIMEOUT
    ) -> Future[Any]:
        """Asks a member. The answer, or why there is none, comes by the future."""
        answer = self._begin(peer, method, params, timeout, self._line.post)
        self._see_to_driver()
        return answer

    def _begin(
        self,
        peer: str,
        method: str,
        params: Optional[Dict[str, Any]],
        timeout: Duration,
        post: Callable[[List[bytes]], None],
    ) -> Future[Any]:
        self._check()
        answer: Future[Any] = Future()
        until = time.monotonic() + seconds(timeout) + MARGIN
        body = wire.request_body(method, params)
        with self._lock:
            self._last += 1
            id = self._last
            self._pending[id] = (answer, until, f"{peer or 'the name server'}: {method}")
        header = wire.Envelope(wire.Kind.REQUEST, id, min(milliseconds(timeout), 2**32 - 1), peer=peer).encode()
        post([header, body])
        return answer

    def tell(self, peer: str, method: str, params: Optional[Dict[str, Any]] = None) -> None:
        """Says something that is not answered."""
        self._check()
        self._lanes.told.add(peer)
        header = wire.Envelope(wire.Kind.ONEWAY, peer=peer).encode()
        self._line.post([header, wire.request_body(method, params)])
        if self._driving.acquire(blocking=False):
            try:
                self._line.flush()
            finally:
                self._driving.release()

    def watch(self) -> "queue.SimpleQueue[Any]":
        """What happens from now on: first `{"agents", "hosts", "reached"}`, and that again when the name server was
        away; then events. None at the end."""
        self._check()
        told: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        with self._lock:
            self._watchers.append(told)
        self._line.post(self._watch_frames())
        self._see_to_driver()
        return told

    def unwatch(self, told: "queue.SimpleQueue[Any]") -> None:
        """No more is told there."""
        with self._lock:
            if told in self._watchers:
                self._watchers.remove(told)
        self._line.waker.wake()

    def close(self) -> None:
        """Ends the link. Those who wait for answers are told."""
        self._closing = True
        if self._line.pid != os.getpid():
            return  # the parent's
        self._needed.set()
        self._line.waker.wake()
        if threading.current_thread() is self._thread:
            return  # it sees to the rest when it is done
        with self._driving:
            self._shut()

    def _shut(self) -> None:
        """By whoever drives it."""
        if not self._is_shut:
            self._is_shut = True
            self._lanes.close()
            self._line.close()
            self._give_up(self._failure or OsbError(f"the connection to the name server at {self._shown} is closed"))

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closing

    def _check(self) -> None:
        if self._line.pid != os.getpid():
            raise OsbError("this connection was made before a fork, and is the parent's: call osb.connect() again")
        if self._closing:
            raise OsbError(f"the connection to the name server at {self._shown} is closed")

    @staticmethod
    def _watch_frames() -> List[bytes]:
        return [wire.Envelope(wire.Kind.REQUEST, _WATCH).encode(), wire.request_body("watch")]

    def _late(self, peer: str, method: str, patience: float) -> Timeout:
        who = peer or f"the name server at {self._shown}"
        return Timeout(f"{who} has not answered {method} within {text_of(round(patience * 1000))}")

    # Who drives.

    def _see_to_driver(self) -> None:
        """There may be something to wait for that nobody drives the line for."""
        if not self._is_awaited() or self._closing:
            return
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._drive, name="osb link", daemon=True)
                    self._thread.start()
        self._needed.set()

    def _is_awaited(self) -> bool:
        return bool(self._pending or self._watchers)

    def _drive(self) -> None:
        """The thread: while anything is waited for."""
        while not self._closing:
            self._needed.wait()
            self._needed.clear()
            with self._driving:
                while self._is_awaited() and not self._closing:
                    self._turn(self._until_next())
        with self._driving:
            self._shut()

    def _turn(self, timeout: float) -> None:
        """Sends, waits until something has come, and takes it in."""
        self._line.wait(timeout)
        self._look()
        self._receive()
        self._expire()

    def _until_next(self) -> float:
        with self._lock:
            nearest = min((until for _, until, _ in self._pending.values()), default=None)
        return 60.0 if nearest is None else nearest - time.monotonic()

    def _look(self) -> None:
        seen = self._line.look()
        while seen is not None:
            self._note(seen)
            seen = self._line.look()

    def _note(self, seen: Seen) -> None:
        if seen is Seen.PROVEN:
            if self._was_open and self._watchers:
                self._line.post(self._watch_frames())
            self._was_open = True
            return
        reason = _refusal(seen, self._was_open, self.dial.keys is not None)
        if reason is None or self._failure is not None:
            return
        if seen is Seen.RETRIED:
            self._failure = NotFound(f"no name server listens at {self._shown}")
            return
        self._failure = NotFound(f"the name server at {self._shown}: {reason}")
        if self._was_open:
            self._closing = True
            self._give_up(self._failure)

    def _receive(self) -> None:
        frames = self._line.receive()
        while frames is not None:
            try:
                self._take(wire.read(frames))
            except OsbError as error:
                self._give_up(error)
            frames = self._line.receive()

    def _take(self, message: wire.Message) -> None:
        envelope, body = message.envelope, message.body
        if envelope.kind is wire.Kind.EVENT:
            self._on_event(body)
        elif envelope.kind is wire.Kind.REPLY and envelope.id == _WATCH:
            self._tell_watchers(body)
        elif envelope.kind in (wire.Kind.REPLY, wire.Kind.ERROR):
            with self._lock:
                found = self._pending.pop(envelope.id, None)
            if found is not None and envelope.kind is wire.Kind.REPLY:
                found[0].set_result(body)
            elif found is not None:
                found[0].set_exception(Fault.of_body(body))

    def _on_event(self, event: Dict[str, Any]) -> None:
        if event.get("event") == "nameserver_key" and self.dial.keys is not None:
            keys = self.dial.keys
            self.dial = Dial(self.dial.address, Keys(keys.public, keys.secret, event["key"], keys.file))
        self._tell_watchers(event)

    def _tell_watchers(self, what: Any) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for told in watchers:
            told.put(what)

    def _expire(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [(id, it) for id, it in self._pending.items() if it[1] <= now]
            for id, _ in late:
                del self._pending[id]
        for _, (answer, _, what) in late:
            answer.set_exception(Timeout(f"no answer from {what}"))

    def _give_up(self, error: Exception) -> None:
        with self._lock:
            pending, self._pending = list(self._pending.values()), {}
        for answer, _, _ in pending:
            answer.set_exception(error)
        if self._closing:
            self._tell_watchers(None)


def _refusal(seen: Seen, was_open: bool, has_keys: bool) -> Optional[str]:
    """Why a member is not let in, in words; None if what was seen does not say so."""
    if seen is Seen.REFUSED:
        return "this key is admitted no more" if was_open else "it does not know this key"
    if seen is Seen.NO_WIRE:
        return "it has another key by now: get another file from whoever keeps its keys"
    if seen is Seen.RETRIED:
        return None if was_open else "nothing listens there"
    if was_open or seen in (Seen.CONNECTED, Seen.LOST):
        return None
    if has_keys:
        return "it does not answer to the key that it is to have: it is another name server, or is not a closed one"
    return "it wants a key, or is no name server"
