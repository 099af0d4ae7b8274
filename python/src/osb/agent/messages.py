"""What an agent's author does with messages: sends, asks, answers."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List, Optional

from ..durations import Duration, seconds
from ..errors import Fault, OsbError
from .base import Base
from .exchange import Then, read_answer
from .promise import Promise
from .run import Run
from .slot import Slot

#: How long an answer is waited for if nothing else is said, in seconds.
REQUEST_TIMEOUT = 30.0


class Messages(Base):
    """The part of an agent that is for messages."""

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
            return answer_in(run.sockets.get(alias), alias, *done[0])

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
        return answer_in(run.sockets.get(alias), alias, frame, reason)

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


def answer_in(slot: Optional[Slot], alias: str, frame: Any, reason: Optional[str]) -> Any:
    """The answer in a frame. Raises CallFailed with the reason of an error."""
    value = None
    if reason is None and slot is not None:
        value, reason = read_answer(frame, slot)
    if reason is not None:
        raise Fault.of_body({"code": "handler", "reason": reason if reason else f"no answer by {alias}"})
    return value
