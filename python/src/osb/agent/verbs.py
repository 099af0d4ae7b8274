"""What others ask of an agent that concerns its sockets, its spec and its steps: in the work loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from ..address import Address
from ..durations import text_of
from ..errors import Fault, OsbError
from ..proxy import of_json, to_json
from ..values import ValueProblem, encode
from . import altering
from .control import Request
from .draining import READS, SHARES, WRITES, Draining, of_kind
from .exchange import actions_of, read_answer
from .handling import wait_of
from .leading import Leading
from .slot import Slot, new_token, token_subscription
from .wiring import Kept

if TYPE_CHECKING:
    from .run import Run

Params = Dict[str, Any]


class Verbs:
    """Carries out requests, and the steps from the spec to the work."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self.leading = Leading(run)
        self.draining = Draining(run)

    def serve(self, request: Request) -> None:
        """Does what is asked, and makes sure that it is answered: at once, or when what it waits for is there."""
        verb = _VERBS.get(request.method)
        if verb is None:
            return request.answer(Fault("unknown_method", agent=self._run.name, method=request.method))
        try:
            outcome = verb(self, request)
        except Fault as fault:
            outcome = fault
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcome = Fault("bad_request", reason=f"{request.method}: {error!r}")
        except OsbError as error:
            outcome = Fault("refused", reason=str(error))
        if outcome is not LATER:
            self._run.tell_changes()
            request.answer(outcome)

    # The spec, and the steps.

    def configure(self, request: Request) -> Any:
        """Becomes what the spec says."""
        self.leading.apply(request.params["spec"], request.params["version"])
        return self._run.sockets.addresses()

    def alter(self, request: Request) -> Any:
        """Becomes what another version of its spec says."""
        altering.alter(self._run, self.leading, request.params)
        self.leading.take_steps()
        return self._run.sockets.addresses()

    def lead(self, request: Request) -> None:
        """To that step, from where it is."""
        self._run.steps.lead(request.params["to"])
        self.leading.take_steps()

    def wire(self, request: Request) -> Any:
        """Proves wires of the spec, and answers when that is done."""
        aliases = request.params.get("aliases")
        wires = [wire for wire in self.leading.given.wires if aliases is None or wire["alias"] in aliases]
        known = [wire["alias"] for wire in self.leading.given.wires]
        for alias in aliases or []:
            if alias not in known:
                raise Fault("unknown_alias", agent=self._run.name, alias=alias, known=known)
        kept = [self._run.wiring.declare_spec(wire) for wire in wires]
        limit = min(request.limit, self.leading.given.timeout)
        return self._await(request, kept, limit, lambda: [self._info(it) for it in kept])

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

    def adopt(self, request: Request) -> None:
        """Becomes a system's."""
        self.leading.adopt(request.params["system"])

    def release(self, request: Request) -> bool:
        """Is again what it was when it was adopted. Tells whether it was that system's."""
        return self.leading.release(request.params["system"])

    # Sockets.

    def bind(self, request: Request) -> Any:
        """Binds a socket."""
        slot = self._run.sockets.bind(request.params)
        slot.by_hand = True
        return slot.bound.to_json() if slot.bound else None

    def connect_to(self, request: Request) -> Any:
        """Connects to another agent's socket, wherever it is, and answers when that is proven."""
        params = request.params
        kept = self._run.wiring.declare(
            params["alias"], params["to"], handlers=params.get("handlers"), replies=params.get("replies")
        )
        return self._await(request, [kept], request.limit, lambda: self._info(kept))

    def connect(self, request: Request) -> Any:
        """Connects to an address, and answers when the handshake was seen."""
        params, run = request.params, self._run
        is_new = run.sockets.get(params["alias"]) is None
        server = Address.of_json(params["server"])
        slot, link = run.sockets.connect(
            params["alias"], server, params.get("to"), params.get("handlers"), params.get("replies") or {}
        )
        if params.get("token") and slot.kind.does("subscribes"):
            slot.socket.subscribe(token_subscription(params["token"]))
        limit = min(request.limit, params["timeout"] / 1000)

        def refuse(reason: str) -> None:
            fault = Fault("unproven", alias=slot.alias, to=link.to, address=server.address, reason=reason)
            if is_new and run.sockets.get(slot.alias) is slot:
                run.sockets.close(slot.alias, 0)
            request.answer(fault)

        def check() -> bool:
            failure = link.failure()
            if failure is not None:
                refuse(failure)
            elif link.proven:
                run.tell_changes()
                request.answer(link.info(slot.alias, run.now()))
            return failure is not None or link.proven

        run.wait(check, min(request.until, run.now() + limit), lambda: refuse(link.excuse(text_of(round(limit * 1000)))))
        return LATER

    def close(self, request: Request) -> Any:
        """Closes a socket."""
        slot = self._run.sockets.find(request.params["alias"])
        return {slot.alias: self._run.sockets.close(slot.alias, self._linger(request))}

    def close_all(self, request: Request) -> Any:
        """Closes all."""
        linger = self._linger(request)
        return {alias: self._run.sockets.close(alias, linger) for alias in self._run.sockets.aliases()}

    @staticmethod
    def _linger(request: Request) -> int:
        linger = request.params.get("linger")
        return 1000 if linger is None else int(linger)

    def sockets(self, _: Request) -> Any:
        """The sockets that it has."""
        return [slot.held() for slot in self._run.sockets]

    def admit(self, request: Request) -> bool:
        """Admits the holder of a key."""
        slot, holder = self._run.sockets.find(request.params["alias"]), request.params["holder"]
        if holder in slot.admitted:
            return False
        slot.admitted.append(holder)
        return True

    def dismiss(self, request: Request) -> bool:
        """Takes that back."""
        slot, holder = self._run.sockets.find(request.params["alias"]), request.params["holder"]
        if holder not in slot.admitted:
            return False
        slot.admitted.remove(holder)
        return True

    def subscribe(self, request: Request) -> Any:
        """Adds topics, and answers when the publishers have seen it."""
        sockets = self._run.sockets
        slot = sockets.find_for(request.params["alias"], "subscribes", "subscribe")
        added = altering.by_topic(request.params["handlers"])
        added = {topic: actions or ["command"] for topic, actions in added.items()}
        handlers = {"by_topic": {**altering.by_topic(slot.handlers), **added}}
        sockets.check_handlers(slot.kind, handlers)
        slot.handlers = handlers
        self._run.expect_to_collect([action for actions in added.values() for action in actions])
        slot.subscribe_to_handlers()
        publishers = [link.to for link in slot.links if link.to is not None and "@" not in link.to]
        return self._ask_publishers(slot, publishers, request)

    def _ask_publishers(self, slot: Slot, publishers: List[str], request: Request) -> Any:
        if not publishers:
            return None
        publisher, others = publishers[0], publishers[1:]
        token = new_token(self._run.name, slot.alias, publisher, self._run.boot.incarnation)
        slot.socket.subscribe(token_subscription(token))

        def then(outcome: Any) -> None:
            if not slot.socket.closed:
                slot.socket.unsubscribe(token_subscription(token))
            if isinstance(outcome, Fault):
                return request.answer(outcome)
            if self._ask_publishers(slot, others, request) is not LATER:
                request.answer(None)

        agent, _, alias = publisher.partition(".")
        left = max(0.1, request.until - self._run.now())
        self._run.control.ask(agent, "prove", {"alias": alias, "tokens": [token]}, left, then)
        return LATER

    def unsubscribe(self, request: Request) -> None:
        """Takes topics back: all, or none."""
        slot = self._run.sockets.find_for(request.params["alias"], "subscribes", "unsubscribe")
        there = altering.by_topic(slot.handlers)
        for topic in request.params["topics"]:
            if topic not in there:
                raise Fault("unknown_topic", alias=slot.alias, topic=topic, known=list(there))
        gone = request.params["topics"]
        slot.handlers = {"by_topic": {topic: each for topic, each in there.items() if topic not in gone}}
        slot.subscribe_to_handlers()

    # Proofs.

    def probe(self, request: Request) -> None:
        """Subscribes to a token."""
        slot = self._run.sockets.find_for(request.params["alias"], "subscribes", "subscribe")
        slot.socket.subscribe(token_subscription(request.params["token"]))

    def unprobe(self, request: Request) -> None:
        """Takes that back."""
        slot = self._run.sockets.find_for(request.params["alias"], "subscribes", "unsubscribe")
        slot.socket.unsubscribe(token_subscription(request.params["token"]))

    def prove(self, request: Request) -> Any:
        """Answers when these tokens have been subscribed to."""
        slot = self._run.sockets.find_for(request.params["alias"], "publishes", "see subscriptions")
        tokens = [token_subscription(token) for token in request.params["tokens"]]

        def check() -> bool:
            has_seen = all(token in slot.seen for token in tokens)
            if has_seen:
                request.answer(None)
            return has_seen

        def late() -> None:
            what = f"seeing all subscriptions at {self._run.name}.{slot.alias}"
            request.answer(Fault("deadline", what=what, limit=round(request.limit * 1000)))

        slot.read_subscriptions()
        self._run.wait(check, request.until, late)
        return LATER

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

    # Timers.

    def timer(self, request: Request) -> str:
        """Adds a timer."""
        spec = request.params
        self.leading.check_timers([spec])
        send = spec["action"].get("send")
        if send is not None:
            slot = self._run.sockets.find_for(send["alias"], "sends", "send")
            if send.get("topic") is not None and not slot.kind.does("publishes"):
                raise Fault("wrong_kind", alias=slot.alias, kind=slot.kind.value, verb="have topics")
        return self._run.timers.add(spec, self._run.now())

    def stop_timer(self, request: Request) -> None:
        """Stops a timer."""
        alias = request.params["alias"]
        if not self._run.timers.remove(alias):
            raise Fault("unknown_timer", agent=self._run.name, alias=alias, known=self._run.timers.aliases())

    def stop_timers(self, _: Request) -> None:
        """Stops all."""
        self._run.timers.clear()

    # Losses, and leaving.

    def confirm(self, request: Request) -> None:
        """A reader tells what has come. This writer cannot tell what it has given to each, and so counts no losses."""
        of_kind(self._run, request.params["alias"], WRITES, "be told what has arrived")

    def arrived(self, request: Request) -> Any:
        """A writer asks what has come by its lines."""
        slot = of_kind(self._run, request.params["alias"], READS, "tell what has arrived")
        return slot.lines.known(request.params["lines"], slot.received)

    def drain(self, request: Request) -> Any:
        """Takes in and answers all that is under way."""
        self.draining.drain(request)
        return LATER

    def resume(self, _: Request) -> None:
        """It stays after all."""
        self.draining.resume()

    def left(self, request: Request) -> Any:
        """A writer that has connected has left."""
        self.draining.left(request)
        return LATER

    def leave_out(self, request: Request) -> None:
        """The stock libzmq has no way to give nothing more to one of its peers."""
        slot = of_kind(self._run, request.params["alias"], SHARES, "leave a connection out")
        reason = f"{self._run.name}.{slot.alias} has a libzmq of its own, which cannot leave a connection out"
        raise Fault("refused", reason=reason)

    # Its life.

    def quiet(self, _: Request) -> None:
        """It sends nothing more of its own accord."""
        self._run.quiet()

#: The answer comes later.
LATER = object()

_VERBS: Dict[str, Callable[[Verbs, Request], Any]] = {
    name: getattr(Verbs, name)
    for name in (
        "bind", "connect", "connect_to", "admit", "dismiss", "sockets", "close", "close_all", "subscribe",
        "unsubscribe", "configure", "alter", "wire", "probe", "prove", "unprobe", "adopt", "release", "lead", "send",
        "send_recv", "ask", "wait", "timer", "stop_timer", "stop_timers", "quiet",
        "confirm", "arrived", "drain", "resume", "left", "leave_out",
    )
}  # fmt: skip

