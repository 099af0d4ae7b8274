"""What happens to a message that has arrived: the actions of its socket, in order. In the work loop.

The shortest way is for what is common: a socket whose messages go to one function of the agent's own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple

import zmq

from ..durations import seconds
from ..errors import Fault
from ..kinds import Kind
from ..proxy import to_json
from ..values import ValueProblem, encode, error_answer
from .core import stream
from .exchange import read_answer
from .promise import Promise, to_peer
from .slot import PRIVATE, PUBLIC, SEPARATOR, Slot, pair_of

if TYPE_CHECKING:
    from .run import Run

#: How many messages are read from a socket before others have their turn.
BATCH = 1000
#: How many messages `collect` keeps.
COLLECTED = 100_000
#: Frames from so many bytes on are not copied.
_LARGE = 16384
#: How long an answer is waited for if nothing is said, in seconds.
REQUEST_TIMEOUT = 30.0
_BUILT_IN = ("log", "collect", "echo", "discard")

Handler = Callable[[Any], Any]


class Handling:
    """Reads sockets, and does what their handlers say."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    # Reading.

    def read(self, slot: Slot) -> None:
        """Takes what has arrived at a socket that can be read."""
        if slot.kind.does("publishes") and slot.read_subscriptions():
            self._run.wiring.see_tokens()
            self._run.see_to_waiting()
            self._handle_early(slot)

    def read_messages(self, slot: Slot) -> None:
        """Takes messages, up to a batch of them."""
        kind = slot.kind
        if kind is Kind.PULL or kind is Kind.SUB:
            direct = self._direct(slot)
            if direct is not None:
                self._drain(slot, direct, kind is Kind.SUB)
            else:
                self._drain_by_actions(slot)
        elif kind is Kind.SYNC_SUB:
            self._drain_synced(slot)
        elif kind.does("answers"):
            self._drain_requests(slot)
        elif kind.does("asks"):
            self._drain_answers(slot)

    def _direct(self, slot: Slot) -> Optional[Handler]:
        """The one function to which all messages of a socket go, if that is so."""
        actions = slot.handlers.get("all")
        if actions is None or len(actions) != 1 or actions[0] in _BUILT_IN or actions[0].startswith("forward:"):
            return None
        return self._run.handler(slot, actions[0])

    def _drain(self, slot: Slot, call: Handler, topics: bool) -> None:
        """PULL and SUB, by one function."""
        run, recv, decode, flags = self._run, slot.socket.recv, slot.decode, zmq.NOBLOCK
        divides, several = slot.serializer != "raw", slot.lines.several
        agent, onlookers = run.agent, slot.onlookers
        sort = stream.PUBLICATION if topics else stream.MESSAGE
        run.begin(slot.alias)
        agent._current = current = run.current_of(slot)
        try:
            for _ in range(BATCH):
                try:
                    frame = recv(flags, not (slot.large or several))
                except zmq.Again:
                    break
                slot.received += 1
                if slot.large or several:
                    if several:
                        slot.lines.arrived(frame.get(zmq.SRCFD))
                    # As the copy of a small one is: a message is not changed by who gets it.
                    frame = frame.buffer.toreadonly()
                slot.large = len(frame) >= _LARGE
                if onlookers is not None:
                    onlookers.note(False, sort, 0, frame)
                if topics:
                    topic, frame = self._divided(frame, divides)
                    if topic is None:
                        self.garbled(slot, "a publication without the byte 0x80 after its topic")
                        continue
                    current.topic = topic if divides else None
                try:
                    message = decode(frame)
                except ValueProblem as problem:
                    self.garbled(slot, str(problem))
                    continue
                try:
                    outcome = call(message)
                    if outcome is not None:
                        run.finish(slot.alias, outcome, None)
                except Exception as error:
                    run.failed(slot.alias, error)
                run.count += 1
                if run.must_turn:
                    break
        finally:
            run.rest()

    @staticmethod
    def _divided(frame: Any, divides: bool) -> Tuple[Optional[str], Any]:
        """Topic and body of a publication. With `raw` nothing divides them."""
        if not divides:
            return "", frame
        data = frame if type(frame) is bytes else bytes(frame[:4096])
        at = data.find(SEPARATOR)
        if at < 0 and len(frame) > len(data):
            at = bytes(frame).find(SEPARATOR)
        if at < 0:
            return None, frame
        # Without a copy: the body may be large.
        body = frame[at + 1 :] if len(frame) < _LARGE else memoryview(frame)[at + 1 :]
        return bytes(frame[:at]).decode(errors="replace"), body

    def _frames(self, slot: Slot, it: Any) -> Optional[List[bytes]]:
        several = slot.lines.several and it is slot.socket
        try:
            frames: List[Any] = it.recv_multipart(zmq.NOBLOCK, not several)
        except zmq.Again:
            return None
        if several:
            slot.lines.arrived(frames[-1].get(zmq.SRCFD))
            return [frame.bytes for frame in frames]
        return frames

    def _drain_by_actions(self, slot: Slot) -> None:
        for _ in range(BATCH):
            frames = self._frames(slot, slot.socket)
            if frames is None or self._run.must_turn:
                if frames is not None:
                    self._take_one(slot, frames)
                return
            self._take_one(slot, frames)

    def _take_one(self, slot: Slot, frames: List[bytes]) -> None:
        slot.received += 1
        if len(frames) != 1:
            return self._unreadable(slot, "a message of several frames")
        slot.note_arrival(stream.MESSAGE if slot.kind is Kind.PULL else stream.PUBLICATION, frames[0])
        if slot.kind is Kind.PULL:
            return self.perform(slot, frames[0])
        self._publication(slot, frames[0])

    def _publication(self, slot: Slot, frame: Any) -> None:
        if slot.serializer == "raw":
            # Nothing divides them: topics are matched against the whole.
            return self.perform(slot, frame, topic=bytes(frame).decode(errors="replace"))
        topic, body = self._divided(frame, True)
        if topic is None:
            return self.garbled(slot, "a publication without the byte 0x80 after its topic")
        self.perform(slot, body, topic=topic)

    def _drain_synced(self, slot: Slot) -> None:
        """SYNC_SUB: publications and answers, in the order in which they were sent."""
        for _ in range(BATCH):
            frames = self._frames(slot, slot.socket)
            if frames is None:
                return
            slot.received += 1
            frame = frames[0]
            lead = 1 + len(slot.token)
            if len(frames) == 1 and frame[:1] == PUBLIC:
                slot.note_arrival(stream.PUBLICATION, frame[1:])
                self._run.when_free(lambda frame=frame: self._publication(slot, frame[1:]))  # type: ignore[misc]
            elif len(frames) == 1 and frame[:lead] == PRIVATE + slot.token and len(frame) >= lead + 8:
                self._answered(slot, int.from_bytes(frame[lead : lead + 8], "big"), frame[lead + 8 :])
            else:
                self._unreadable(slot, "neither a publication nor an answer")

    def _drain_requests(self, slot: Slot) -> None:
        for _ in range(BATCH):
            frames = self._frames(slot, slot.inlet)
            if frames is None:
                return
            slot.received += 1
            path, body = frames[:-1], frames[-1]
            if len(path) < 2 or path[-1] != b"" or b"" in path[1:-1]:
                self._unreadable(slot, "a request without an empty frame before its body")
                continue
            if slot.onlookers is not None:
                slot.note_arrival(stream.REQUEST, body, pair_of(path))
            self._request(slot, path, body)
            if self._run.must_turn:
                return

    def _request(self, slot: Slot, path: List[bytes], body: bytes) -> None:
        if slot.kind is Kind.SYNC_PUB:
            if len(path) != 4 or len(path[2]) != 8:
                return self.garbled(slot, "a request without its token")
            if PRIVATE + path[1] not in slot.seen:
                # It has overtaken the subscription to its answer: they come by different sockets.
                slot.early.append((path[1], path, body))
                return
        self.perform(slot, body, promise=to_peer(self._run, slot, path), path=path)

    def _handle_early(self, slot: Slot) -> None:
        for _ in range(len(slot.early)):
            token, path, body = slot.early.popleft()
            self._request(slot, path, body)

    def _drain_answers(self, slot: Slot) -> None:
        for _ in range(BATCH):
            frames = self._frames(slot, slot.socket)
            if frames is None:
                return
            slot.received += 1
            if len(frames) != 3 or len(frames[0]) != 8 or frames[1] != b"":
                self._unreadable(slot, "an answer without the number of its request")
                continue
            self._answered(slot, int.from_bytes(frames[0], "big"), frames[2])

    def _unreadable(self, slot: Slot, reason: str) -> None:
        slot.note_arrival(stream.GARBLED, reason.encode())
        self.garbled(slot, reason)

    def _answered(self, slot: Slot, id: int, body: bytes) -> None:
        slot.note_arrival(stream.ANSWER, body, id)
        if not self._run.exchange.answered(slot, id, body):
            self.lost(slot, "an answer that came too late is dropped")

    # Actions.

    def perform(
        self,
        slot: Slot,
        body: Any,
        *,
        topic: Optional[str] = None,
        promise: Optional[Promise] = None,
        path: Any = None,
        actions: Optional[List[str]] = None,
        failure: Optional[str] = None,
    ) -> None:
        """Carries out all actions for a message, and makes sure that a request is answered."""
        chosen = actions if actions is not None else self._actions(slot, topic)
        message = _Lazy(slot, body)
        for action in chosen:
            try:
                promise = self._one(action, slot, message, topic, promise, path, failure)
            except ValueProblem as problem:
                self.garbled(slot, str(problem))
                if promise is not None:
                    promise.fail(problem)
                return
        if promise is not None:
            promise.keep(None)

    @staticmethod
    def _actions(slot: Slot, topic: Optional[str]) -> List[str]:
        handlers = slot.handlers
        if "all" in handlers:
            return list(handlers["all"])
        begins = (topic or "").startswith
        return [action for prefix, each in handlers["by_topic"].items() if begins(prefix) for action in each]

    def _one(
        self,
        action: str,
        slot: Slot,
        message: "_Lazy",
        topic: Optional[str],
        promise: Optional[Promise],
        path: Any,
        failure: Optional[str],
    ) -> Optional[Promise]:
        """Carries out one action. Gives the promise back if the action leaves it to others."""
        if action == "discard":
            return promise
        if action == "log":
            self._log(slot, message, topic, failure)
            return promise
        if action == "collect":
            self._collect(slot, to_json(message.value()))
            return promise
        if action == "echo":
            if promise is not None and not promise.kept:
                promise.kept = True
                slot.owed -= 1
                slot.answer(path, bytes(message.body))
            return None
        if action.startswith("forward:"):
            return self._forward(slot, action[8:].strip(), message, topic, promise)
        value = {"$error": failure} if failure is not None else message.value()
        self._run.handle(slot, action, value, None if slot.serializer == "raw" else topic, promise)
        return None

    def _log(self, slot: Slot, message: "_Lazy", topic: Optional[str], failure: Optional[str]) -> None:
        if failure is not None:
            return self._run.log.warning(f"{slot.alias}: {failure}")
        value = message.value()
        text = value if isinstance(value, str) else json.dumps(to_json(value), ensure_ascii=False)
        self._run.log.info(f"{slot.alias}{f' [{topic}]' if topic else ''}: {text}")

    def _collect(self, slot: Slot, value: Any) -> None:
        attributes = self._run.attributes
        received = attributes.get("received")
        if not isinstance(received, list):
            received = attributes["received"] = []
        if len(received) < COLLECTED:
            received.append(value)
        else:
            self.lost(slot, "the attribute `received` is full")

    def _forward(
        self, slot: Slot, alias: str, message: "_Lazy", topic: Optional[str], promise: Optional[Promise]
    ) -> Optional[Promise]:
        to = self._run.sockets.get(alias)
        if to is None or not to.kind.does("sends"):
            reason = f"there is no socket {alias} to forward to"
            self.lost(slot, reason)
            if promise is not None:
                promise.fail(Fault("refused", reason=reason))
            return None
        body = bytes(message.body) if to.serializer == slot.serializer else encode(message.value(), to.serializer)
        if to.kind.does("asks"):
            self._run.exchange.begin(to, body, self._passed_back(to, promise), wait_of(to), self._run.now())
            self._run.sockets.poll(to)
            return None
        frame = to.publication(body, topic or "") if to.kind.does("publishes") else body
        if to.has_room():
            to.offer([frame])
            self._run.sockets.poll(to)
        else:
            self.lost(to, "the queue is full")
        return promise

    def _passed_back(self, to: Slot, promise: Optional[Promise]) -> Callable[[Any, Optional[str]], None]:
        def then(frame: Any, reason: Optional[str]) -> None:
            value = None
            if reason is None:
                value, reason = read_answer(frame, to)
            else:
                reason = f"{to.alias}: {reason}"
            if promise is None and reason is not None:
                self.lost(to, reason)
            elif promise is not None and reason is not None:
                promise.fail(Fault("handler", reason=reason))
            elif promise is not None:
                promise.keep(value)

        return then

    # Answers to what was asked without waiting.

    def on_answer(self, slot: Slot, replies: Any) -> Callable[[Any, Optional[str]], None]:
        """What is done with the answer to a request of the agent's, by these replies or the socket's handlers."""

        def then(frame: Any, reason: Optional[str]) -> None:
            if reason is None:
                _, reason = read_answer(frame, slot)
            if reason is None:
                actions = replies.get("on_reply")
                self._run.when_free(lambda: self.perform(slot, frame, actions=actions))
            elif replies.get("on_error") is not None:
                error = error_answer(reason, slot.serializer)
                failure, actions = reason, replies["on_error"]
                self._run.when_free(lambda: self.perform(slot, error, actions=actions, failure=failure))
            else:
                self.lost(slot, reason)

        return then

    # Counts.

    def garbled(self, slot: Slot, reason: str) -> None:
        """Counts a message that cannot be read, and says so now and then."""
        slot.garbled += 1
        if slot.garbled & (slot.garbled - 1) == 0:
            self._run.log.warning(f"{slot.alias}: cannot read a message: {reason} ({slot.garbled} so far)")

    def lost(self, slot: Slot, reason: str) -> None:
        """Counts a message that is lost, or an answer without a request, and says so now and then."""
        slot.dropped += 1
        if slot.dropped & (slot.dropped - 1) == 0:
            self._run.log.warning(f"{slot.alias}: {reason} ({slot.dropped} so far)")


class _Lazy:
    """A message that is decoded by the first action that must know what is in it."""

    def __init__(self, slot: Slot, body: Any) -> None:
        self.body, self._slot = body, slot
        self._value: Any = None
        self._is_read = False

    def value(self) -> Any:
        if not self._is_read:
            self._value, self._is_read = self._slot.decode(self.body), True
        return self._value


def wait_of(slot: Slot) -> Optional[float]:
    """How long an answer is waited for at a socket, in seconds; None: for ever."""
    wait = slot.replies.get("wait")
    if wait is not None:
        return seconds(wait / 1000)
    return None if slot.kind.does("channel") else REQUEST_TIMEOUT
