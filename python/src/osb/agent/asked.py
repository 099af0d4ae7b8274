"""What all that others ask has in common: connections that are waited for until they are proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List

from ..errors import Fault
from .control import Request
from .leading import Leading
from .wiring import Kept

if TYPE_CHECKING:
    from .run import Run

#: The answer comes later.
LATER = object()


class Asked:
    """Of one agent."""

    _run: "Run"
    leading: Leading

    def _await(self, request: Request, kept: List[Kept], limit: float, answer: Callable[[], Any]) -> Any:
        """Answers when all are proven, or one cannot be."""

        def check() -> bool:
            failed = next((it for it in kept if it.fault is not None or self._has_failed(it)), None)
            if failed is not None:
                request.answer(failed.fault or self._unproven_now(failed))
                self._give_up(failed)
                return True
            if all(it.is_proven for it in kept):
                self._run.steps.wired = True
                self._run.tell_changes()
                request.answer(answer())
                return True
            return False

        def late() -> None:
            slow = next((it for it in kept if not it.is_proven), None)
            if slow is not None:
                request.answer(self.leading.unproven(slow, limit))
                self._give_up(slow)

        self._run.wait(check, min(request.until, self._run.now() + limit), late)
        return LATER

    @staticmethod
    def _has_failed(kept: Kept) -> bool:
        return kept.located and kept.link is not None and kept.link.failure() is not None

    def _unproven_now(self, kept: Kept) -> Fault:
        assert kept.link is not None
        reason = kept.link.failure() or ""
        return Fault("unproven", alias=kept.alias, to=kept.to, address=kept.link.server.address, reason=reason)

    def _give_up(self, kept: Kept) -> None:
        """One connection that was asked for and came to nothing is not kept, nor is a socket that was made for it."""
        if kept.kind is not None:
            return
        self._run.wiring.forget(kept)
        slot = self._run.sockets.get(kept.alias)
        if slot is not None and kept.link in slot.links:
            if len(slot.links) == 1 and slot.bound is None:
                self._run.sockets.close(kept.alias, 0)
            else:
                slot.disconnect(kept.link)

    def _info(self, kept: Kept) -> Any:
        return None if kept.link is None else kept.link.info(kept.alias, self._run.now())
