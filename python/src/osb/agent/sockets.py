"""All sockets of an agent: made, bound, connected, polled and closed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

import zmq

from .. import handlers as forms
from ..address import Address
from ..errors import Fault
from ..kinds import Kind
from ..values import pickles
from .endpoints import CannotBind
from .links import Link
from .slot import Slot

if TYPE_CHECKING:
    from .run import Run

#: How long the port of an agent's former life may be in use still, in seconds.
_FORMER_PORT = 0.2


class Sockets:
    """By their aliases, for the work loop."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._all: Dict[str, Slot] = {}
        #: Those at which something arrives that concerns connections, and all of them.
        self.quiet, self.whole = zmq.Poller(), zmq.Poller()
        #: What each polled socket is: its slot, and whether it is a monitor.
        self.polled: Dict[Any, Tuple[Slot, bool]] = {}

    def __iter__(self) -> Iterator[Slot]:
        return iter(list(self._all.values()))

    def get(self, alias: str) -> Optional[Slot]:
        """The socket of that alias."""
        return self._all.get(alias)

    def aliases(self) -> List[str]:
        """All of them."""
        return list(self._all)

    def find(self, alias: str) -> Slot:
        """Raises the fault `unknown_alias`."""
        slot = self._all.get(alias)
        if slot is None:
            raise Fault("unknown_alias", agent=self._run.name, alias=alias, known=self.aliases())
        return slot

    def find_for(self, alias: str, what: str, verb: str) -> Slot:
        """One that `does` that. Raises a fault."""
        slot = self.find(alias)
        if not slot.kind.does(what):
            raise Fault("wrong_kind", alias=alias, kind=slot.kind.value, verb=verb)
        return slot

    # Handlers.

    def handlers_for(self, alias: str, kind: Kind, asked: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        """Those that were asked for, or the agent's own code. Raises the fault `refused`."""
        if asked is not None:
            self.check_handlers(kind, asked)
            return asked
        return {"all": ["command"] if kind.does("receives") else []}

    @staticmethod
    def check_handlers(kind: Kind, handlers: Dict[str, Any]) -> None:
        """Refuses handlers that could never work."""
        if "by_topic" in handlers and kind.does("receives") and not kind.does("subscribes"):
            raise Fault("refused", reason=f"{kind.article} socket has no topics to handle apart")
        for topic in forms.topics(handlers):
            if b"\x80" in topic.encode():
                raise Fault("refused", reason=f"the topic {topic!r} has the byte 0x80 in it, which ends topics")
        if not kind.does("receives") and forms.all_actions(handlers):
            raise Fault("refused", reason=f"nothing arrives at {kind.article} socket: no handler would ever run")

    def set_handlers(self, slot: Slot, handlers: Dict[str, Any]) -> None:
        """Its messages are handled so from now on."""
        if handlers == slot.handlers:
            return
        slot.handlers = handlers
        self._run.expect_to_collect(forms.all_actions(handlers))
        if slot.kind.does("subscribes"):
            slot.subscribe_to_handlers()
            self._run.wiring.prove_again(slot)

    # Making.

    def bind(self, request: Dict[str, Any]) -> Slot:
        """Binds a socket as `bind` of a spec or a request says. Raises a fault."""
        alias, kind = request["alias"], Kind(request["kind"])
        if alias in self._all:
            raise Fault("alias_taken", agent=self._run.name, alias=alias)
        if not kind.does("binds"):
            reason = f"{kind.article} socket connects, to {kind.twin.article}; it is not bound"
            raise Fault("refused", reason=reason)
        handlers = self.handlers_for(alias, kind, request.get("handlers"))
        asked = request.get("endpoint")
        endpoint = asked or {"transport": "tcp", "ip": self._run.boot.advertise, "port": 0}
        slot = self._bind_again(alias, kind, request["serializer"], handlers, endpoint) or self._bind_at(
            alias, kind, request["serializer"], handlers, endpoint
        )
        slot.asked, slot.admits = asked, _admits(request.get("admits"))
        self._run.expect_to_collect(forms.all_actions(handlers))
        self._add(slot)
        return slot

    def _make(self, alias: str, kind: Kind, serializer: str, handlers: Dict[str, Any]) -> Slot:
        if serializer == "pickle":
            self._check_pickle(alias, kind)
        slot = Slot(self._run.control.context, alias, kind, serializer, handlers, self._run.boot.dial.keys)
        if serializer == "pickle" and self._run.agent.allow_pickle:
            slot.decode = pickles.read
        return slot

    def _check_pickle(self, alias: str, kind: Kind) -> None:
        """Raises the fault `refused`."""
        at = f"{self._run.name}.{alias}"
        if self._run.boot.dial.keys is None:
            reason = f"{at} would have pickles, and this system is open: whoever reads one runs code of whoever writes it"
            raise Fault("refused", reason=reason)
        if (kind.does("receives") or kind.does("asks")) and not self._run.agent.allow_pickle:
            raise Fault("refused", reason=f"{at} would read pickles: its agent does not say allow_pickle=True")

    def _bind_at(self, alias: str, kind: Kind, serializer: str, handlers: Dict[str, Any], at: Dict[str, Any]) -> Slot:
        boot = self._run.boot
        slot = self._make(alias, kind, serializer, handlers)
        if kind.does("subscribes"):
            slot.subscribe_to_handlers()
        try:
            slot.bind(at, self._run.name, boot.advertise, boot.folder_for_sockets)
        except CannotBind as error:
            slot.close(0)
            raise Fault("bind", alias=alias, address=error.address, reason=error.reason) from None
        return slot

    def _bind_again(
        self, alias: str, kind: Kind, serializer: str, handlers: Dict[str, Any], at: Dict[str, Any]
    ) -> Optional[Slot]:
        """At the port of the agent's former life, which may be in use for a moment still. Nothing tells when it is free."""
        former = self._run.boot.ports.pop(alias, None)
        if former is None or at.get("port") != 0:
            return None
        until = time.monotonic() + _FORMER_PORT
        while True:
            try:
                return self._bind_at(alias, kind, serializer, handlers, {**at, "port": former})
            except Fault:
                if time.monotonic() >= until:
                    return None
                time.sleep(0.01)

    def connect(
        self,
        alias: str,
        server: Address,
        to: Optional[str],
        handlers: Optional[Dict[str, Any]],
        replies: Dict[str, Any],
    ) -> Tuple[Slot, Link]:
        """Begins to connect: by the socket of that alias, which is made if there is none. Raises a fault."""
        slot = self._socket_for(alias, server, handlers, replies)
        if slot.kind.does("subscribes"):
            slot.subscribe_to_handlers()
        before = [link.server.address for link in slot.links]
        try:
            link = slot.connect(server, to, self._run.now())
        except ValueError as error:
            raise Fault("connect", alias=alias, address=server.address, reason=str(error)) from None
        if len(before) == 1 and [it.server.address for it in slot.links] != before and len(slot.links) == 1:
            self._run.exchange.give_up(slot, "the other side went away before it answered")
        self._watch(slot)
        self._run.note_change()
        return slot, link

    def _socket_for(
        self, alias: str, server: Address, handlers: Optional[Dict[str, Any]], replies: Dict[str, Any]
    ) -> Slot:
        kind = server.kind.twin
        if replies and not kind.does("asks"):
            raise Fault("refused", reason=f"nothing is asked by {kind.article} socket: there will be no reply")
        if kind is Kind.SYNC_SUB:
            replies = {"on_reply": ["command"], **replies}
        slot = self._all.get(alias)
        if slot is None:
            own = self.handlers_for(alias, kind, handlers)
            slot = self._make(alias, kind, server.serializer, own)
            slot.replies = replies
            self._run.expect_to_collect(forms.all_actions(own))
            self._add(slot)
            return slot
        if slot.kind is not kind or slot.serializer != server.serializer:
            raise Fault("alias_taken", agent=self._run.name, alias=alias)
        if handlers is not None:
            both = joined(slot.handlers, handlers)
            if both is None:
                reason = (
                    f"{self._run.name}.{alias} has other handlers already; one socket handles all its messages alike"
                )
                raise Fault("refused", reason=reason)
            self.check_handlers(kind, both)
            slot.handlers = both
        return slot

    def _add(self, slot: Slot) -> None:
        self._all[slot.alias] = slot
        self._run.taps.meet(slot)
        self._watch(slot)
        self._run.note_change()

    def _watch(self, slot: Slot) -> None:
        for monitor in slot.monitors.values():
            self.polled[monitor] = (slot, True)
            for poller in (self.quiet, self.whole):
                poller.register(monitor, zmq.POLLIN)
        self.poll(slot)

    def poll(self, slot: Slot) -> None:
        """What is to be polled of a socket now: it can be sent by again, if something waits for that."""
        for it in slot.sockets():
            flags = {poller: self._reads(slot, it, poller is self.quiet) for poller in (self.quiet, self.whole)}
            if it is slot.outlet and slot.outbox:
                flags = {poller: flag | zmq.POLLOUT for poller, flag in flags.items()}
            self.polled[it] = (slot, False)
            for poller, flag in flags.items():
                if flag:
                    poller.register(it, flag)
                elif it in poller:
                    poller.unregister(it)

    @staticmethod
    def _reads(slot: Slot, it: Any, quietly: bool) -> int:
        """Answers and subscriptions are always read; other messages only when they can be handled."""
        kind = slot.kind
        if it is slot.beside:
            return zmq.POLLIN if kind is Kind.SYNC_PUB and not quietly else 0
        if kind is Kind.PUSH:
            return 0
        always = kind.does("publishes") or kind.does("asks")
        return zmq.POLLIN if always or not quietly else 0

    # The end.

    def close(self, alias: str, linger_ms: int) -> int:
        """Closes one. Tells how many messages never left the agent."""
        slot = self._all.pop(alias)
        if slot.onlookers is not None:
            slot.onlookers.leave()
        for it in [*slot.sockets(), *slot.monitors.values()]:
            self.polled.pop(it, None)
            for poller in (self.quiet, self.whole):
                if it in poller:
                    poller.unregister(it)
        for kept in self._run.wiring.of_alias(alias):
            self._run.wiring.forget(kept)
        slot.flush()
        self._run.exchange.give_up(slot, f"{alias} was closed", waiting_too=True)
        unsent = slot.close(linger_ms)
        if unsent:
            what = "1 message was" if unsent == 1 else f"{unsent} messages were"
            self._run.log.warning(f"{alias} is closed: {what} not sent by it")
        self._run.note_change()
        return unsent

    # What is told of them.

    def addresses(self) -> Dict[str, Any]:
        """Alias → address."""
        addresses = ((slot.alias, slot.address()) for slot in self)
        return {alias: address.to_json() for alias, address in addresses if address is not None}

    def connections(self, now: float) -> List[Dict[str, Any]]:
        """As announcements have them."""
        infos = []
        for slot in self:
            for link in slot.links:
                info = link.info(slot.alias, now)
                if self._run.wiring.is_proving(link):
                    info["proof"] = "connecting"
                infos.append(info)
        return infos + self._run.wiring.unresolved(now)

    def may_connect(self, alias: str, holder: Dict[str, str]) -> bool:
        """Whether the holder of a good key may come to a bound socket. By the control thread, too."""
        slot = self._all.get(alias)
        if slot is None:
            return False
        if holder in slot.admitted:
            return True
        if "guest" in holder:
            return bool(slot.admits.get("guests")) or holder["guest"] in slot.admits.get("wires", [])
        name = holder.get("agent", "")
        accepted = slot.admits.get("accept", [])
        by_pattern = any(name == it or (it.endswith("*") and name.startswith(it[:-1])) for it in accepted)
        return by_pattern or name in slot.admits.get("wires", [])


def _admits(told: Any) -> Dict[str, Any]:
    """Whom a socket admits; one that is bound at run time admits every agent of its name server."""
    if told is None:
        return {"accept": ["*"]}
    return {"wires": told} if isinstance(told, list) else dict(told)


def joined(there: Dict[str, Any], asked: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The handlers of a socket that gets another connection; None if they contradict each other."""
    if there == asked or asked == {"all": []}:
        return there
    if "by_topic" in there and "by_topic" in asked:
        known = there["by_topic"]
        if all(known.get(topic, actions) == actions for topic, actions in asked["by_topic"].items()):
            return {"by_topic": {**known, **asked["by_topic"]}}
    return None
