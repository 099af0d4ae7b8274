"""An agent's line to its name server: announcements, heartbeats, what others ask.

The work loop drives it while it waits, and a thread of the line's own while the agent's code is busy (`turns.py`). What
concerns sockets and the agent's code is handed to the work loop; the rest is answered at once, by whoever drives. It
keeps the deadlines: who asks is told in time that there is no answer.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple, Union

import zmq

from .. import wire
from ..dial import Dial, Keys
from ..errors import Fault, OsbError
from ..line import Line, Seen
from .admission import Admission
from .core import access
from .core.busy import Busy
from .happened import Happened
from .lane import Lane, Lanes
from .turns import Turns

if TYPE_CHECKING:
    from .run import Run

#: How often the name server hears that the agent works, in seconds.
BEAT = 1.0
#: How long a request waits that names no limit, in seconds.
REQUEST_TIMEOUT = 30.0
_ANNOUNCE_MS = 10_000
#: How long the name server may take to hear that the agent leaves, in seconds.
_LAST_WORD = 0.5

OnAnswer = Callable[[Any], None]


class Request:
    """What another member has asked. It is answered once, by whichever thread is first."""

    def __init__(self, control: "Control", envelope: wire.Envelope, method: str, params: Dict[str, Any]) -> None:
        self.envelope, self.method, self.params = envelope, method, params
        limit = envelope.deadline_ms / 1000 if envelope.deadline_ms else REQUEST_TIMEOUT
        #: How long the requester waits, in seconds, and until when it is answered.
        self.limit = limit
        self.until = time.monotonic() + limit - min(limit / 20, 0.1)
        self._control = control
        #: By which it has come, if that is not the name server.
        self.lane: Optional[Lane] = None
        self.is_open = envelope.kind is wire.Kind.REQUEST

    def answer(self, outcome: Any) -> None:
        """A result, or a Fault."""
        self._control.answer(self, outcome)


class Control:
    """The membership of one agent, from its first announcement to its leave."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._line = Line(run.boot.dial)
        self._lock = threading.Lock()
        self._last = 0
        self._announcement = 0
        self._lookups: Dict[int, Tuple[OnAnswer, bool]] = {}
        self._requests: List[Request] = []
        self._busy = Busy()
        self._next_beat = time.monotonic()
        self._announcing = False
        #: The name server knows all that there is to know.
        self.settled = True
        self.shown = False
        self.lanes = Lanes(self._take_by_lane)
        #: Answers that wait until the name server knows what has changed before.
        self._held: List[Tuple[Lane, List[bytes]]] = []
        self.turns = Turns(self._line.waker.wake)
        self.registered = threading.Event()
        self._was_open = False
        self.happened = Happened(run, self)
        self._thread = threading.Thread(target=self._drive, name=f"osb {run.name}", daemon=True)
        keys = run.boot.dial.keys
        self.admission = Admission(run, self, self._line.context) if keys else None
        if self.admission is not None:
            self._line.watch_too(self.admission.socket)

    @property
    def context(self) -> Any:
        """The ZeroMQ context, which the data sockets share: keys are asked for in it."""
        return self._line.context

    def start(self) -> None:
        """The thread begins. The agent is not announced yet."""
        self._thread.start()

    def show(self) -> None:
        """From now on the agent is there for all."""
        self.shown = True
        self.announce()

    def announce(self) -> None:
        """Something has changed: the name server is told all, before what is said after this. By any thread."""
        with self._lock:
            self.settled = False
            if self._announcing or not self.shown:
                return
            self._announcing = True
        self._post(self._announcement_frames)

    def _post(self, frames: Union[List[bytes], Callable[[], List[bytes]]]) -> None:
        """Sends at once, if nobody drives the line; else whoever does sends it."""
        self._line.keep(frames)
        if self.turns.is_here():
            return
        if not self.turns.try_take():
            return self._line.waker.wake()
        try:
            self._line.flush()
        finally:
            self.turns.give()

    # Asking others.

    def ask(
        self, peer: str, method: str, params: Dict[str, Any], limit: float, then: OnAnswer, here: bool = False
    ) -> None:
        """Asks a member; `then` is called with a result or a Fault: in the work loop, or `here`, in the control thread."""
        with self._lock:
            self._last += 1
            id = self._last
            self._lookups[id] = (then, here)
        header = wire.Envelope(wire.Kind.REQUEST, id, max(1, int(limit * 1000)), peer=peer).encode()
        self._post([header, wire.request_body(method, params)])

    def tell(self, peer: str, method: str, params: Dict[str, Any]) -> None:
        """The same without an answer."""
        header = wire.Envelope(wire.Kind.ONEWAY, peer=peer).encode()
        self._post([header, wire.request_body(method, params)])

    def answer(self, request: Request, outcome: Any) -> None:
        """Answers a request that is not answered yet."""
        with self._lock:
            if request in self._requests:
                self._requests.remove(request)
            if not request.is_open:
                return
            request.is_open = False
        try:
            frames = wire.answer(request.envelope, outcome)
        except (OsbError, TypeError, ValueError) as error:
            frames = wire.answer(request.envelope, Fault("handler", reason=f"the answer cannot be sent: {error}"))
        if request.lane is not None:
            self._answer_by(request.lane, frames)
        else:
            self._post(frames)

    def _answer_by(self, lane: Lane, frames: List[bytes]) -> None:
        """Whoever is answered finds at the name server what was done: by a lane, the answer would be there first."""
        with self._lock:
            if not self.settled:
                self._held.append((lane, frames))
                return
        lane.send(frames)

    def open_lane(self) -> Any:
        """Where a process of this machine finds a lane. Raises a fault where there is none."""
        if self._run.boot.dial.keys is not None or not hasattr(socket, "AF_UNIX"):
            raise Fault("refused", reason="lanes are for open systems, on machines that have Unix sockets")
        return self.lanes.open(self._run.boot.folder_for_sockets(), self._run.name)

    def leave(self, status: int, asked: bool) -> None:
        """Says goodbye, and ends the thread."""
        if self.shown:
            self.happened.on_leaving()
            end = {"exit": {"status": status, "signal": None, "log": []}, "asked": asked}
            heard = threading.Event()
            # Nothing is announced after that.
            self.shown = False
            self.ask("", "leave", {"end": end}, 2.0, lambda _: heard.set(), here=True)
            self.turns.leave()
            # So that who looks after this knows that it has ended; a name server may be away.
            heard.wait(_LAST_WORD)
        self.turns.end()
        self._thread.join()

    def close(self) -> None:
        """Ends all, after the data sockets have ended."""
        self.lanes.close()
        if self.admission is not None:
            self.admission.socket.close(0)
        self._line.close()

    # What whoever drives it does.

    def _drive(self) -> None:
        """The thread."""
        while not self.turns.over:
            if not self.turns.wait_and_take(lambda: self._run.doing is not None):
                continue
            try:
                while not self.turns.is_wanted:
                    self._wait([])
            finally:
                self.turns.give()
        self._post([])

    def poll(self, others: List[Tuple[Any, int]], timeout: float) -> List[Tuple[Any, int]]:
        """By the work loop: waits until one of these is ready, and drives the line meanwhile."""
        self.turns.take_back()
        try:
            return self._wait(others, timeout)
        finally:
            self.turns.give()

    def _wait(self, others: List[Tuple[Any, int]], timeout: float = 60.0) -> List[Tuple[Any, int]]:
        line = self._line
        line.flush()
        now = time.monotonic()
        most = max(0.0, min(timeout, self._next_beat - now, self._until_late(now)))
        ready: List[Tuple[Any, int]] = zmq.zmq_poll(others + line.polled + self.lanes.polled, math.ceil(most * 1000))
        for it, _ in ready:
            if it is line.dealer:
                self._receive()
            elif it is line.monitor:
                self._look()
            elif it == line.waker.fileno():
                line.waker.clear()
            elif type(it) is int:
                self.lanes.attend(it)
        if self.admission is not None:
            self.admission.attend()
        self._see_to_clock(time.monotonic())
        line.flush()
        return ready

    def _until_late(self, now: float) -> float:
        with self._lock:
            return min([request.until - now for request in self._requests], default=60.0)

    def _see_to_clock(self, now: float) -> None:
        if now >= self._next_beat:
            self._next_beat = max(self._next_beat + BEAT, now + BEAT / 2)
            doing, count = self._run.beat()
            if self._busy.look(doing, count, now):
                self.announce()
            if self.shown:
                header = wire.Envelope(wire.Kind.ONEWAY).encode()
                self._line.send_now([header, wire.request_body("heartbeat")])
                self.happened.on_beat()
        if not self._requests:
            return
        with self._lock:
            late = [request for request in self._requests if request.until <= now]
        for request in late:
            limit = round(request.limit * 1000)
            self.answer(request, Fault("deadline", what=self._run.excuse(request), limit=limit))

    def _announcement_frames(self) -> List[bytes]:
        with self._lock:
            self._announcing = False
            self._last += 1
            self._announcement = self._last
        announcement = self._run.announcement(self._busy.busy_for)
        self.happened.on_announcing(announcement)
        header = wire.Envelope(wire.Kind.REQUEST, self._announcement, _ANNOUNCE_MS).encode()
        return [header, wire.request_body("announce", announcement)]

    def _look(self) -> None:
        seen = self._line.look()
        while seen is not None:
            if seen is Seen.PROVEN and self.shown:
                # A name server that may know nothing of this agent.
                self._line.send_now(self._announcement_frames())
                self._line.flush()
            self._note_refusal(seen)
            seen = self._line.look()

    def _note_refusal(self, seen: Seen) -> None:
        if seen in (Seen.REFUSED, Seen.NO_WIRE):
            self._run.log.error(f"the name server at {self._line.address} does not let this agent in: its key is not good")
            if not self._was_open:
                self._run.end(1)
        self._was_open = self._was_open or seen is Seen.PROVEN

    def _receive(self) -> None:
        frames = self._line.receive()
        while frames is not None:
            try:
                self._take(wire.read(frames))
            except OsbError as error:
                self._run.log.warning(f"a word of the name server cannot be read: {error}")
            frames = self._line.receive()

    def _take(self, message: wire.Message) -> None:
        envelope, body = message.envelope, message.body
        if envelope.kind in (wire.Kind.REQUEST, wire.Kind.ONEWAY):
            self._on_request(envelope, body)
        elif envelope.kind is wire.Kind.EVENT:
            self._on_event(body)
        elif envelope.id == self._announcement:
            self._on_announced(envelope.kind, body)
        else:
            with self._lock:
                found = self._lookups.pop(envelope.id, None)
            if found is not None:
                self._give(found, body if envelope.kind is wire.Kind.REPLY else Fault.of_body(body))

    def _give(self, found: Tuple[OnAnswer, bool], outcome: Any) -> None:
        then, here = found
        if here:
            then(outcome)
        else:
            self._run.post(lambda: then(outcome))

    def _take_by_lane(self, lane: Lane, message: wire.Message) -> None:
        if message.envelope.kind is wire.Kind.REQUEST:
            self._on_request(message.envelope, message.body, lane)

    def _on_request(self, envelope: wire.Envelope, body: Any, lane: Optional[Lane] = None) -> None:
        method = body.get("method") if isinstance(body, dict) else None
        params = body.get("params", {}) if isinstance(body, dict) else None
        request = Request(self, envelope, str(method), params if isinstance(params, dict) else {})
        request.lane = lane
        try:
            if not isinstance(method, str) or not isinstance(params, dict):
                raise Fault("bad_request", reason="a request has a method and params")
            if self._run.boot.dial.keys is not None:
                access.check(method, envelope.level)
        except Fault as fault:
            return self.answer(request, fault)
        if request.is_open:
            with self._lock:
                self._requests.append(request)
        self._run.on_request(request)

    def _on_announced(self, kind: wire.Kind, body: Any) -> None:
        if kind is wire.Kind.REPLY:
            with self._lock:
                self.settled = not self._announcing
                held, self._held = (self._held, []) if self.settled else ([], self._held)
            for lane, frames in held:
                lane.send(frames)
            self.registered.set()
            self.happened.tell_again()
            self._run.waker.wake()
            return
        fault = Fault.of_body(body)
        if fault.code == "name_taken":
            self._run.log.error(f"the name server refuses this agent: {fault}")
            self._run.end(1)
        else:
            self._run.log.warning(f"the name server does not register this agent: {fault}")

    def _on_event(self, event: Any) -> None:
        what = event.get("event") if isinstance(event, dict) else None
        if what == "unregistered":
            self.announce()
        elif what == "unguarded":
            self._run.log.debug(f"its libzmq lacks {', '.join(event['lacks'])}: see {event['see']}")
        elif what == "nameserver_key":
            self._expect_key(event["key"])
        elif what == "revoked" and self.admission is not None:
            self.admission.revoke(event["keys"])
        elif what in ("presence", "took_over"):
            self._run.post(lambda: self._run.on_event(event))

    def _expect_key(self, key: str) -> None:
        """The name server has another key: it is written down, and dialled by when the connection has ended."""
        keys = self._line.keys
        if keys is None:
            return
        new = Keys(keys.public, keys.secret, key, keys.file)
        if keys.file is not None:
            try:
                with open(keys.file, "rb") as file:
                    content = json.load(file)
                temporary = f"{keys.file}.{os.getpid()}"
                with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file_out:
                    json.dump({**content, "server": key}, file_out)
                os.replace(temporary, keys.file)
            except (OSError, ValueError) as error:
                self._run.log.warning(f"the new key of the name server cannot be written down: {error}")
        # libzmq's own new tries go on with the former key.
        self._line.redial(Dial(self._line.address, new))
        self._was_open = False
