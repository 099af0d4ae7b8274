"""What others ask of an agent that concerns messages: sent, and asked with. In the work loop."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from ..durations import text_of
from ..errors import Fault
from ..proxy import of_json, to_json
from ..values import ValueProblem, encode
from .asked import LATER, Asked
from .control import Request
from .exchange import actions_of, read_answer
from .handling import wait_of
from .slot import Slot


class MessageVerbs(Asked):
    """Those."""

    # Messages.

    def send_by(
        self,
        alias: str,
        message: Any,
        topic: Optional[str],
        wait: bool,
        taken: Optional[Callable[[], None]] = None,
    ) -> bool:
        """Sends by any kind of socket; what is answered goes to its handlers. False if it waits to leave.

        Raises a fault; `not_sent` if it would have to wait and may not.
        """
        run = self._run
        slot = run.sockets.find(alias)
        kind = slot.kind
        if not kind.does("sends"):
            raise Fault("wrong_kind", alias=alias, kind=kind.value, verb="send")
        if topic is not None and not kind.does("publishes"):
            raise Fault("wrong_kind", alias=alias, kind=kind.value, verb="have topics")
        try:
            body = encode(message, slot.serializer)
        except ValueProblem as problem:
            raise Fault("not_sent", alias=alias, reason=str(problem)) from None
        if kind.does("asks"):
            self._ask_by(slot, body, run.handling.on_answer(slot, slot.replies), wait_of(slot))
            return True
        if kind.does("publishes"):
            return slot.offer([slot.publication(body, topic or "")], taken)
        if not slot.has_room() and not wait:
            raise Fault("not_sent", alias=alias, reason="its queue is full")
        is_sent = slot.offer([body], taken)
        if not is_sent:
            run.sockets.poll(slot)
        return is_sent

    def _ask_by(self, slot: Slot, body: bytes, then: Any, limit: Optional[float]) -> None:
        self._run.exchange.begin(slot, body, then, limit, self._run.now())
        if slot.outbox:
            self._run.sockets.poll(slot)

    def send(self, request: Request) -> Any:
        """Sends, and answers when the socket has taken it."""
        params = request.params
        slot = self._run.sockets.find(params["alias"])
        done: List[bool] = []
        message = of_json(params["message"])
        if self.send_by(params["alias"], message, params.get("topic"), True, lambda: done.append(True)):
            return None
        parcel = slot.outbox[-1]

        def check() -> bool:
            if done:
                request.answer(None)
            return bool(done)

        def late() -> None:
            if parcel in slot.outbox:
                slot.outbox.remove(parcel)
            reason = f"nobody took the message within {text_of(round(request.limit * 1000))}"
            request.answer(Fault("not_sent", alias=slot.alias, reason=reason))

        self._run.wait(check, request.until, late)
        return LATER

    def question(self, alias: str, message: Any) -> "tuple[Slot, bytes]":
        """A request as bytes, and the socket that is to send it. Raises a fault."""
        slot = self._run.sockets.find_for(alias, "asks", "ask")
        try:
            return slot, encode(message, slot.serializer)
        except ValueProblem as problem:
            raise Fault("not_sent", alias=alias, reason=str(problem)) from None

    def send_recv(self, request: Request) -> Any:
        """Sends a request, and answers with its answer."""
        slot, body = self.question(request.params["alias"], of_json(request.params["message"]))

        def then(frame: Any, reason: Optional[str]) -> None:
            value = None
            if reason is None:
                value, reason = read_answer(frame, slot)
            request.answer(Fault("handler", reason=reason) if reason is not None else to_json(value))

        self._ask_by(slot, body, then, max(0.01, request.until - self._run.now()))
        return LATER

    def ask(self, request: Request) -> None:
        """Sends a request whose answer goes to handlers of its own."""
        slot, body = self.question(request.params["alias"], of_json(request.params["message"]))
        replies = {**slot.replies, **(request.params.get("replies") or {})}
        actions_of(replies)
        wait = replies.get("wait")
        limit = wait / 1000 if wait is not None else wait_of(slot)
        self._ask_by(slot, body, self._run.handling.on_answer(slot, replies), limit)

    def wait(self, request: Request) -> Any:
        """How long the connection waits for answers, in milliseconds, or None."""
        return self._run.sockets.find_for(request.params["alias"], "asks", "ask").replies.get("wait")
