"""What an agent does with messages: it sends, asks, and takes answers."""

from __future__ import annotations

from collections import deque
from typing import Any, Deque, Dict, Optional

from ..agent.messages import answer_in
from ..agent.exchange import read_answer
from ..agent.slot import Slot
from ..durations import text_of
from ..errors import OsbError
from . import handlers as forms
from .common import Topic, topic_to_text, unique_identifier
from .core import check_core
from .sockets import Alias, Sockets

#: How long `recv` waits for an answer, in seconds.
REPLY_TIMEOUT = 3600.0
#: How long an answer that is late is still told of, in seconds.
_LATE = 60.0


class Requests(Sockets):
    """The part of an agent that is for messages."""

    #: Requests by channels whose answers are to come: their identifiers and handlers.
    _pending_requests: Dict[bytes, Any]
    #: Of each REQ socket, the answers that are to be taken by `recv`: the frame, and why there is none.
    _replies: "Dict[str, Deque[Dict[str, Any]]]"

    def send(
        self,
        address: Alias,
        message: Any,
        topic: Optional[Topic] = None,
        handler: Any = None,
        wait: Optional[float] = None,
        on_error: Any = None,
    ) -> None:
        """Sends a message by a socket; `topic` is for publishers.

        By a channel it is a request: `handler` gets the answer; if none has come after `wait` seconds, `on_error` is
        called with the agent, or a warning is logged. Raises KeyError for an unknown socket.
        """
        core, slot = check_core(self._core), self._slot(address)
        kind = slot.kind.value
        if kind == "REQ":
            return core.r.in_loop(lambda: self._ask(slot, message))
        if kind in ("ASYNC_REQ", "SYNC_SUB"):
            return self._request(slot, message, handler, wait, on_error)
        text = topic_to_text(topic) if topic is not None and kind in ("PUB", "SYNC_PUB") else None
        core.send(slot.alias, message, text)

    # REQ: `send`, and then `recv`.

    def _ask(self, slot: Slot, message: Any) -> None:
        run = check_core(self._core).r
        reply: Dict[str, Any] = {}
        _, body = run.verbs.question(slot.alias, message)

        def then(frame: Any, reason: Optional[str]) -> None:
            reply["answer"] = (frame, reason)

        run.exchange.begin(slot, body, then, REPLY_TIMEOUT, run.now())
        if slot.outbox:
            run.sockets.poll(slot)
        self._replies.setdefault(slot.alias, deque()).append(reply)

    def recv(self, address: Alias) -> Any:
        """Waits for the answer to the request that was sent first of those that `recv` has not answered yet.

        Raises CallFailed if it is an error, and OsbError if nothing was sent.
        """
        core, slot = check_core(self._core), self._slot(address)

        def wait() -> Any:
            replies = self._replies.get(slot.alias)
            if not replies:
                raise OsbError(f"nothing was sent by {slot.alias}: there is no answer to wait for")
            reply = replies.popleft()
            core.r.wait_for(lambda: "answer" in reply, REPLY_TIMEOUT, f"the answer to a request by {slot.alias}")
            return answer_in(slot, slot.alias, *reply["answer"])

        return core.r.in_loop(wait)

    def send_recv(self, address: Alias, message: Any) -> Any:
        """Asks by a REQ socket, and returns the answer."""
        self.send(address, message)
        return self.recv(address)

    # Channels.

    def _request(self, slot: Slot, message: Any, handler: Any, wait: Optional[float], on_error: Any) -> None:
        core = check_core(self._core)
        chosen = handler if handler is not None else self._answers.get(slot.alias)
        if chosen is None:
            raise ValueError(f"No handler for {slot.kind.twin.value} request")
        forms.bound(self._me, chosen)  # what cannot be called is an error now
        uuid = unique_identifier()
        self._pending_requests[uuid] = chosen

        def then(frame: Any, reason: Optional[str]) -> None:
            core.r.when_free(lambda: self._answered(slot, uuid, frame, reason))

        def ask() -> None:
            _, body = core.r.verbs.question(slot.alias, message)
            limit = None if wait is None else wait + _LATE
            core.r.exchange.begin(slot, body, then, limit, core.r.now())
            if slot.outbox:
                core.r.sockets.poll(slot)

        core.r.in_loop(ask)
        if wait:
            self._me.after(wait, "_check_received", uuid, wait, on_error)

    def _answered(self, slot: Slot, uuid: bytes, frame: Any, reason: Optional[str]) -> None:
        run = check_core(self._core).r
        handler = self._pending_requests.pop(uuid, None)
        value = None
        if reason is None:
            value, reason = read_answer(frame, slot)
        if handler is None:
            if frame is not None:
                self._me.log_warning(f"Received response for an unknown request! {uuid.decode()}")
        elif reason is not None:
            self._me.log_error(f"No answer to a request by {slot.alias}: {reason}")
        else:
            run.execute(slot.alias, lambda: forms.bound(self._me, handler)(value))

    def _check_received(self, uuid: bytes, wait: float, on_error: Any) -> None:
        """An answer is to have come by now."""
        if self._pending_requests.pop(uuid, None) is None:
            return
        if on_error is None:
            waited = text_of(round(wait * 1000))
            return self._me.log_warning(f"Did not receive request {uuid.decode()} after {waited}")
        forms.bound(self._me, on_error)()
