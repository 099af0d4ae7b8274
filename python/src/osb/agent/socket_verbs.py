"""What others ask of an agent that concerns its sockets: made, connected, proven and closed. In the work loop."""

from __future__ import annotations

from typing import Any, List

from ..address import Address
from ..durations import text_of
from ..errors import Fault
from . import altering
from .asked import LATER, Asked
from .control import Request
from .slot import Slot, new_token, token_subscription


class SocketVerbs(Asked):
    """Those."""

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
