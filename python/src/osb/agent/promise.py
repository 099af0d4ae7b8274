"""The right to answer a request or a call, once: at once, later, or from another thread."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..errors import Fault, with_traceback
from ..proxy import to_json
from ..values import ValueProblem, encode, error_answer

if TYPE_CHECKING:
    from .control import Request
    from .run import Run
    from .slot import Slot


class Promise:
    """Made by the agent for each request and call; `agent.promise()` takes it out of the handler's hands."""

    def __init__(
        self, run: "Run", give: Callable[[Any, Optional[BaseException]], None], anywhere: bool = False
    ) -> None:
        """`give` answers; `anywhere`: by any thread, and not in the loop alone."""
        self._run, self._give, self._anywhere = run, give, anywhere
        self.kept = False

    def keep(self, answer: Any = None) -> None:
        """Answers. By any thread; what was answered before stays so."""
        self._do(lambda: self._once(answer, None))

    def fail(self, error: BaseException) -> None:
        """Answers with an error."""
        self._do(lambda: self._once(None, error))

    def _do(self, what: Callable[[], None]) -> None:
        if self._anywhere:
            what()
        else:
            self._run.in_loop(what)

    def _once(self, answer: Any, error: Optional[BaseException]) -> None:
        if not self.kept:
            self.kept = True
            self._give(answer, error)


def reason_of(error: BaseException) -> str:
    """An error in a line."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def to_member(run: "Run", request: "Request") -> Promise:
    """The answer to a call by the control connection."""

    def give(answer: Any, error: Optional[BaseException]) -> None:
        if error is None:
            try:
                return request.answer(to_json(answer))
            except ValueProblem as problem:
                return request.answer(Fault("handler", reason=f"the answer cannot be sent: {problem}"))
        if isinstance(error, Fault):
            return request.answer(error)
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        request.answer(Fault("handler", reason=with_traceback(reason_of(error), trace)))

    return Promise(run, give, anywhere=True)


def to_peer(run: "Run", slot: "Slot", path: Any) -> Promise:
    """The answer to a request by a data socket."""

    slot.owed += 1

    def give(answer: Any, error: Optional[BaseException]) -> None:
        slot.owed -= 1
        if error is not None:
            return slot.answer(path, error_answer(reason_of(error), slot.serializer))
        try:
            body = encode(answer, slot.serializer)
        except ValueProblem as problem:
            body = error_answer(f"the answer cannot be sent: {problem}", slot.serializer)
            run.log.error(f"{slot.alias}: the answer cannot be sent: {problem}")
        slot.answer(path, body)

    return Promise(run, give)
