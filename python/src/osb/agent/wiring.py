"""The wires that an agent keeps: each is resolved, dialled and proven, and again when its peer has moved or is another
life of itself. `core.wire` decides; this carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from ..address import Address
from ..errors import Fault
from ..kinds import Kind
from .core.wire import Effect, Stage, Wire
from .links import Link
from .slot import new_token, token_subscription

if TYPE_CHECKING:
    from .run import Run
    from .slot import Slot

#: How long the name server may take to say where a socket is, and a publisher to say what it has seen, in seconds.
_PATIENCE = 10.0
_ABSENT = ("unknown_agent", "unknown_alias", "not_running", "deadline")


@dataclass
class Kept:
    """A wire, and what it is made of. `kind` and `serializer` are known beforehand if it is the spec's."""

    alias: str
    to: str
    kind: Optional[Kind]
    serializer: Optional[str]
    handlers: Optional[Dict[str, Any]]
    replies: Dict[str, Any]
    wire: Wire = field(default_factory=Wire)
    link: Optional[Link] = None
    times: int = 0
    awaited: Optional[bytes] = None
    fault: Optional[Fault] = None
    since: float = 0.0
    located: bool = False
    said: bool = False

    @property
    def agent(self) -> str:
        """The agent at its other end."""
        return self.to.partition(".")[0]

    def failure(self) -> Optional[str]:
        """Why it cannot be proven, if that is known."""
        if self.fault is not None:
            return str(self.fault)
        return self.link.failure() if self.located and self.link is not None else None

    @property
    def is_proven(self) -> bool:
        """Whether it is, where the name server says that the other end is."""
        return self.located and self.wire.stage is Stage.PROVEN


class Wiring:
    """All wires of one agent, for the work loop."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self.kept: Dict[Tuple[str, str], Kept] = {}

    def declare(
        self,
        alias: str,
        to: str,
        kind: Optional[Kind] = None,
        serializer: Optional[str] = None,
        handlers: Optional[Dict[str, Any]] = None,
        replies: Optional[Dict[str, Any]] = None,
    ) -> Kept:
        """The wire from that socket to `Alice.main`, which is there from now on, and is looked for."""
        kept = self.kept.get((alias, to))
        if kept is None:
            kept = Kept(alias, to, kind, serializer, handlers, replies or {}, since=self._run.now())
            self.kept[alias, to] = kept
        else:
            kept.kind, kept.serializer = kind or kept.kind, serializer or kept.serializer
            kept.handlers, kept.replies, kept.fault = handlers, replies or {}, None
        self._locate(kept)
        return kept

    def declare_spec(self, spec: Dict[str, Any]) -> Kept:
        """The same of a wire of the agent's spec."""
        return self.declare(
            spec["alias"],
            spec["to"],
            Kind(spec["kind"]),
            spec.get("serializer"),
            spec["handlers"],
            spec.get("replies"),
        )

    def forget(self, kept: Kept) -> None:
        """It is kept no more."""
        self.kept.pop((kept.alias, kept.to), None)

    def of_alias(self, alias: str) -> List[Kept]:
        """Those of a socket."""
        return [kept for kept in self.kept.values() if kept.alias == alias]

    # Where the other end is.

    def _locate(self, kept: Kept) -> None:
        kept.located = False
        agent, _, alias = kept.to.partition(".")
        ask = self._run.control.ask
        ask("", "addr", {"agent": agent, "alias": alias}, _PATIENCE, lambda outcome: self._on_located(kept, outcome))

    def _on_located(self, kept: Kept, outcome: Any) -> None:
        if self.kept.get((kept.alias, kept.to)) is not kept:
            return
        kept.located = True
        if not isinstance(outcome, Fault):
            address = Address.of_json(outcome)
            if address.role != "server":
                kept.fault = Fault("refused", reason=f"{kept.to} connects: it has no address to connect to")
            elif not self._is_other(kept, address):
                self._found(kept, address, None)
        elif outcome.code not in _ABSENT or kept.kind is None:
            # One of the spec waits until the other one is there: the name server tells.
            kept.fault = outcome
        self._run.note_change()

    @staticmethod
    def _is_other(kept: Kept, address: Address) -> bool:
        return (kept.kind is not None and address.kind.twin is not kept.kind) or (
            kept.serializer is not None and address.serializer != kept.serializer
        )

    def on_presence(self, event: Dict[str, Any]) -> None:
        """The name server tells how an agent stands that this one is connected to."""
        if event.get("state") in ("stopped", "failed", "ended"):
            return
        for kept in list(self.kept.values()):
            told = event.get("addresses", {}).get(kept.to.partition(".")[2]) if kept.agent == event["agent"] else None
            if told is not None:
                address = Address.of_json(told)
                if not self._is_other(kept, address):
                    self._found(kept, address, event["uptime_ms"] / 1000)

    def _found(self, kept: Kept, address: Address, uptime: Optional[float]) -> None:
        if kept.link is None or kept.link.failure() is not None:
            kept.wire = Wire()
        effect = kept.wire.found(address, uptime, self._run.now())
        if effect is None and uptime is None:
            # A request that comes again may have other handlers.
            effect = Effect.DIAL
        self._carry_out(kept, effect)

    # What follows.

    def _carry_out(self, kept: Kept, effect: Optional[Effect]) -> None:
        if effect is Effect.DIAL:
            self._dial(kept)
        elif effect is Effect.REDIAL:
            self.redial(kept)
        elif effect is Effect.PROVE:
            self._prove(kept)
        self._run.note_change()

    def _dial(self, kept: Kept) -> None:
        assert kept.wire.address is not None
        kept.fault = None
        try:
            slot, link = self._run.sockets.connect(
                kept.alias, kept.wire.address, kept.to, kept.handlers, kept.replies
            )
        except Fault as fault:
            return self._note_fault(kept, fault)
        kept.link, kept.times = link, link.times - (1 if link.proven else 0)
        self._follow(kept)

    def redial(self, kept: Kept) -> None:
        """Makes its connection anew."""
        slot = self._run.sockets.get(kept.alias)
        if slot is None or kept.link is None or kept.link not in slot.links:
            return
        address = kept.link.server.address
        try:
            kept.link = slot.redial(kept.link, self._run.now())
            kept.times = 0
        except ValueError as error:
            self._note_fault(kept, Fault("connect", alias=kept.alias, address=address, reason=str(error)))
        self._run.exchange.give_up(slot, "the other side went away before it answered")

    def _note_fault(self, kept: Kept, fault: Fault) -> None:
        # What is tried again each second is told once.
        if kept.fault is None and not kept.said:
            kept.said = True
            self._run.log.warning(f"the wire of {kept.alias} to {kept.to}: {fault}")
        kept.fault = fault

    def follow(self, slot: "Slot") -> None:
        """What has been seen of the connections of a socket: their wires go on."""
        for kept in self.of_alias(slot.alias):
            self._follow(kept)

    def _follow(self, kept: Kept) -> None:
        link = kept.link
        if link is None:
            return
        again, kept.times = link.times != kept.times, link.times
        if kept.wire.is_connected and (again or not link.proven):
            kept.awaited = None
            kept.wire.lost()
        if link.proven:
            self._carry_out(kept, kept.wire.connected(self._run.now()))

    def prove_again(self, slot: "Slot") -> None:
        """The subscriptions of a socket are others than before."""
        for kept in self.of_alias(slot.alias):
            if kept.wire.is_connected:
                kept.wire.lost()
                self._follow(kept)

    # Proofs of subscriptions.

    def _prove(self, kept: Kept) -> None:
        slot = self._run.sockets.get(kept.alias)
        if slot is None:
            return
        token = new_token(self._run.name, kept.alias, kept.to, self._run.boot.incarnation)
        agent, _, alias = kept.to.partition(".")
        if slot.kind.does("subscribes"):
            slot.socket.subscribe(token_subscription(token))
            then = self._proven(kept, slot, token)
            self._run.control.ask(agent, "prove", {"alias": alias, "tokens": [token]}, _PATIENCE, then)
        else:
            then = self._probed(kept, token)
            self._run.control.ask(agent, "probe", {"alias": alias, "token": token}, _PATIENCE, then)

    def _proven(self, kept: Kept, slot: "Slot", token: str) -> Callable[[Any], None]:
        def then(outcome: Any) -> None:
            if not slot.socket.closed:
                slot.socket.unsubscribe(token_subscription(token))
            if isinstance(outcome, Fault):
                self._on_unseen(kept, outcome)
            else:
                kept.wire.seen()
            self._run.note_change()

        return then

    def _probed(self, kept: Kept, token: str) -> Callable[[Any], None]:
        def then(outcome: Any) -> None:
            if isinstance(outcome, Fault):
                self._on_unseen(kept, outcome)
            else:
                kept.awaited = token_subscription(token)
                self.see_tokens()

        return then

    def _on_unseen(self, kept: Kept, fault: Fault) -> None:
        if kept.wire.is_connected:
            kept.wire.unseen(self._run.now())
            self._note_fault(kept, fault)

    def see_tokens(self) -> None:
        """A publisher that has connected: what it has seen of what its subscribers subscribe to."""
        for kept in self.kept.values():
            slot = self._run.sockets.get(kept.alias)
            if kept.awaited is None or slot is None or kept.awaited not in slot.seen:
                continue
            token = kept.awaited[len(token_subscription("")) :].decode()
            agent, _, alias = kept.to.partition(".")
            self._run.control.tell(agent, "unprobe", {"alias": alias, "token": token})
            kept.awaited = None
            kept.wire.seen()
            self._run.note_change()

    # Time.

    def on_time(self, now: float) -> None:
        """Proofs that are due again."""
        for kept in list(self.kept.values()):
            effect = kept.wire.on_time(now)
            if effect is not None:
                self._carry_out(kept, effect)

    def wakes_at(self) -> Optional[float]:
        """When that is."""
        times = (kept.wire.wakes_at() for kept in self.kept.values())
        return min((at for at in times if at is not None), default=None)

    def unresolved(self, now: float) -> List[Dict[str, Any]]:
        """Connections that lead nowhere yet, as announcements have them."""
        return [
            {
                "alias": kept.alias, "kind": kept.kind.value, "to": kept.to, "address": None, "proof": "resolving",
                "proof_ms": round((now - kept.since) * 1000), "times": 0,
            }
            for kept in self.kept.values()
            if kept.link is None and kept.kind is not None
        ]  # fmt: skip

    def is_proving(self, link: Link) -> bool:
        """Whether a connection stands, and its publisher has not seen the subscription yet."""
        return any(kept.link is link and kept.wire.stage is Stage.PROVING for kept in self.kept.values())
