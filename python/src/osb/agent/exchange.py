"""Requests that an agent has sent by data sockets, until they are answered or given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from ..durations import text_of
from ..values import ValueProblem, answer_of

if TYPE_CHECKING:
    from .slot import Slot

#: How many requests may be under way at a time.
UNDER_WAY = 4096
#: Called with the frame of an answer, or with None and the reason why there is none.
Then = Callable[[Any, Optional[str]], None]


@dataclass
class Sent:
    """A request that was sent. `limit` is how long its answer is waited for in seconds, None: for ever."""

    slot: "Slot"
    then: Then
    limit: Optional[float]
    until: Optional[float]


class Exchange:
    """All of one agent, for the work loop."""

    def __init__(self) -> None:
        self._last = 0
        self._sent: Dict[int, Sent] = {}

    def begin(self, slot: "Slot", body: bytes, then: Then, limit: Optional[float], now: float) -> int:
        """Sends a request, as soon as its socket takes it. Tells its number, 0 if it was given up at once."""
        if len(self._sent) >= UNDER_WAY or not slot.has_room():
            then(None, "too many requests are under way")
            return 0
        self._last += 1
        self._sent[self._last] = Sent(slot, then, limit, None if limit is None else now + limit)
        slot.offer(slot.request_frames(self._last, body), id=self._last)
        return self._last

    def answered(self, slot: "Slot", id: int, frame: Any) -> bool:
        """An answer has come. False if nobody waits for it."""
        sent = self._sent.get(id)
        if sent is None or sent.slot is not slot:
            return False
        del self._sent[id]
        sent.then(frame, None)
        return True

    def forget(self, id: int) -> None:
        """Nobody waits for that any more."""
        sent = self._sent.pop(id, None)
        if sent is not None:
            sent.slot.withdraw(id)

    def give_up(self, slot: "Slot", reason: str, waiting_too: bool = False) -> None:
        """What has left by a socket will not be answered; and what waits to leave, if it is closed."""
        waiting = {parcel.id for parcel in slot.outbox}
        mine = [id for id, it in self._sent.items() if it.slot is slot and (waiting_too or id not in waiting)]
        for id in mine:
            self._sent.pop(id).then(None, reason)

    def expire(self, now: float) -> None:
        """Gives up what has taken too long."""
        late = [id for id, it in self._sent.items() if it.until is not None and it.until <= now]
        for id in late:
            sent = self._sent.pop(id)
            sent.slot.withdraw(id)
            sent.then(None, f"no answer within {text_of(round((sent.limit or 0) * 1000))}")

    def waits_for(self, slot: "Slot") -> bool:
        """Whether a request of that socket is not answered yet."""
        return any(it.slot is slot for it in self._sent.values())

    def wakes_at(self) -> Optional[float]:
        """When the next one has taken too long."""
        return min((it.until for it in self._sent.values() if it.until is not None), default=None)


def read_answer(frame: Any, slot: "Slot") -> "tuple[Any, Optional[str]]":
    """An answer, or the reason of an error."""
    try:
        return answer_of(frame, slot.serializer, slot.decode)
    except ValueProblem as problem:
        return None, f"an answer that is {problem}"


def actions_of(replies: Dict[str, Any]) -> List[str]:
    """All that may be done with an answer, or for want of one."""
    return [*(replies.get("on_reply") or []), *(replies.get("on_error") or [])]
