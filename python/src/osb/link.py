"""A client's link to a name server: requests to any member, and events. One thread of its own drives it.

It is a client by specs/protocol.md: it announces nothing, and is forgotten when it goes.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from typing import Any, Dict, List, Optional, Tuple

from . import wire
from .dial import Dial, Keys
from .durations import Duration, milliseconds, seconds, text_of
from .errors import Fault, NotFound, OsbError, Timeout
from .line import Line, Seen

#: How long an answer may take if nothing else is said, in seconds.
CONTROL_TIMEOUT = 10.0
#: The member that is asked keeps the deadline, and is left so much longer, to be the first to speak.
MARGIN = 1.0
_WATCH = 0

Answer = "Future[Any]"


class Link:
    """Questions may be asked by all threads."""

    def __init__(self, dial: Dial, patience: float = 3.0) -> None:
        """Dials. Raises NotFound within `patience` seconds if no name server answers there, or it lets nobody in."""
        self._line = Line(dial)
        self.dial = dial
        self._lock = threading.Lock()
        self._last = 0
        self._pending: Dict[int, Tuple[Future[Any], float, str]] = {}
        self._watchers: List["queue.SimpleQueue[Any]"] = []
        self._closing = False
        self._ready: Future[None] = Future()
        self._was_open = False
        self._thread = threading.Thread(target=self._drive, name="osb link", daemon=True)
        self._thread.start()
        try:
            self._ready.result(patience)
        except Late:
            self.close()
            raise NotFound(f"no name server answers at {self._shown} within {text_of(int(patience * 1000))}") from None
        except BaseException:
            self.close()
            raise

    @property
    def _shown(self) -> str:
        return self.dial.address.replace("tcp://", "", 1)

    def ask(
        self, peer: str, method: str, params: Optional[Dict[str, Any]] = None, timeout: Duration = CONTROL_TIMEOUT
    ) -> Any:
        """Asks a member (`""`: the name server) and waits for the answer. Raises Fault or Timeout."""
        patience = seconds(timeout)
        answer = self.begin(peer, method, params, timeout)
        try:
            return answer.result(patience + 2 * MARGIN)
        except Late:
            raise self._late(peer, method, patience) from None

    def begin(
        self, peer: str, method: str, params: Optional[Dict[str, Any]] = None, timeout: Duration = CONTROL_TIMEOUT
    ) -> Future[Any]:
        """Asks a member. The answer, or why there is none, comes by the future."""
        self._check()
        answer: Future[Any] = Future()
        until = time.monotonic() + seconds(timeout) + MARGIN
        body = wire.request_body(method, params)
        with self._lock:
            self._last += 1
            id = self._last
            self._pending[id] = (answer, until, f"{peer or 'the name server'}: {method}")
        header = wire.Envelope(wire.Kind.REQUEST, id, min(milliseconds(timeout), 2**32 - 1), peer=peer).encode()
        self._line.post([header, body])
        return answer

    def tell(self, peer: str, method: str, params: Optional[Dict[str, Any]] = None) -> None:
        """Says something that is not answered."""
        self._check()
        header = wire.Envelope(wire.Kind.ONEWAY, peer=peer).encode()
        self._line.post([header, wire.request_body(method, params)])

    def watch(self) -> "queue.SimpleQueue[Any]":
        """What happens from now on: first `{"agents", "hosts", "reached"}`, and that again when the name server was
        away; then events. None at the end."""
        self._check()
        told: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        with self._lock:
            self._watchers.append(told)
        self._line.post(self._watch_frames())
        return told

    def unwatch(self, told: "queue.SimpleQueue[Any]") -> None:
        """No more is told there."""
        with self._lock:
            if told in self._watchers:
                self._watchers.remove(told)

    def close(self) -> None:
        """Ends the link. Those who wait for answers are told."""
        if self._closing:
            return
        self._closing = True
        if self._line.pid == os.getpid():
            self._line.waker.wake()
            if threading.current_thread() is not self._thread:
                self._thread.join()

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

    # What the thread does.

    def _drive(self) -> None:
        try:
            while not self._closing:
                self._line.wait(self._until_next())
                self._look()
                self._receive()
                self._expire()
        finally:
            self._closing = True
            self._line.close()
            self._give_up(OsbError(f"the connection to the name server at {self._shown} is closed"))

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
            if not self._ready.done():
                self._ready.set_result(None)
            if self._was_open and self._watchers:
                self._line.post(self._watch_frames())
            self._was_open = True
            return
        reason = _refusal(seen, self._was_open, self.dial.keys is not None)
        if reason is None:
            return
        error = NotFound(f"the name server at {self._shown}: {reason}") if seen is not Seen.RETRIED else NotFound(
            f"no name server listens at {self._shown}"
        )
        if not self._ready.done():
            self._ready.set_exception(error)
        elif seen is not Seen.RETRIED:
            self._give_up(error)
            self._closing = True

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
