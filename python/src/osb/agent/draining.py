"""An agent that is about to go takes in all that was meant for it, and answers it; and it leaves ends of its own that it
keeps no more, so that nothing is lost: specs/protocol.md, "Leaving".

A writer with the stock libzmq cannot leave one of several connections out: it refuses `leave_out`, and where it leaves one
of several of a socket, it cannot say how much it has given to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from ..errors import Fault
from ..kinds import Kind

if TYPE_CHECKING:
    from .control import Request
    from .run import Run
    from .slot import Slot
    from .wiring import Kept

#: Sockets whose messages go to one of several peers each, and their other ends.
SHARES = (Kind.PUSH, Kind.REQ, Kind.ASYNC_REQ)
TAKES = (Kind.PULL, Kind.REP, Kind.ASYNC_REP)
READS = (Kind.PULL, Kind.SUB, Kind.SYNC_SUB)
WRITES = (Kind.PUSH, Kind.PUB, Kind.SYNC_PUB)
_GONE = ("unknown_agent", "unknown_alias", "not_running", "gone")
_LEAVING = 30.0

Later = Callable[[], bool]


def of_kind(run: "Run", alias: str, kinds: Tuple[Kind, ...], verb: str) -> "Slot":
    """The socket of that alias. Raises a fault."""
    slot = run.sockets.find(alias)
    if slot.kind not in kinds:
        raise Fault("wrong_kind", alias=alias, kind=slot.kind.value, verb=verb)
    return slot


class Draining:
    """What an agent does before it goes, for the work loop."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._request: "Optional[Request]" = None
        self._asked = 0
        self._given: Dict[Tuple[str, str], int] = {}
        self._drained = False

    def drain(self, request: "Request") -> None:
        """Takes in and answers all that is under way, and then answers the request. Raises the fault `refused`."""
        run = self._run
        ask = [(slot, to, lines) for slot in run.sockets for to, lines in self._writers(slot).items()]
        self._end(Fault("refused", reason=f"{run.name} was asked again to drain"))
        self._request, self._asked, self._given, self._drained = request, len(ask), {}, True
        for slot, to, lines in ask:
            agent, _, alias = to.partition(".")
            then = self._on_left_out(slot, lines)
            run.control.ask(agent, "leave_out", {"alias": alias, "lines": lines}, request.limit, then)
        run.wait(lambda: self._check(request), request.until, self._late)

    def _writers(self, slot: "Slot") -> Dict[str, List[str]]:
        """The lines by which a socket gets its messages, by the sockets to which they lead."""
        writers: Dict[str, List[str]] = {}
        if slot.kind not in TAKES:
            return writers
        for line in slot.lines.all(slot.received):
            to = slot.leads_to(line.at) if line.dialled else None
            if to is not None:
                writers.setdefault(to, []).append(line.name)
            elif line.dialled or line.name not in slot.lines.left:
                there = line.at or f"tcp://{line.name}"
                reason = (
                    f"{self._run.name}.{slot.alias} is connected to {there}, which no wire of this system leads to: "
                    "it would go on sending, and that would be lost"
                )
                raise Fault("refused", reason=reason)
        return writers

    def _on_left_out(self, slot: "Slot", lines: List[str]) -> Callable[[Any], None]:
        def then(outcome: Any) -> None:
            self._asked -= 1
            if isinstance(outcome, Fault) and outcome.code not in _GONE:
                return self._end(outcome)
            if not isinstance(outcome, Fault):
                self._given.update({(slot.alias, it["line"]): it["given"] for it in outcome})
            for line in lines:
                # One that its writer does not know gets nothing any more, either.
                self._given.setdefault((slot.alias, line), 0)

        return then

    def _check(self, request: "Request") -> bool:
        if self._request is not request:
            return True
        if self._asked > 0 or self._run.owes() or not all(map(self._has_all, self._run.sockets)):
            return False
        # Now, for its host's word of its end may overtake its own last one.
        tell_at_the_end(self._run)
        self._end(None)
        return True

    def _has_all(self, slot: "Slot") -> bool:
        if slot.kind not in TAKES:
            return True
        given = (
            (line, self._given.get((slot.alias, line.name), slot.lines.left.get(line.name)))
            for line in slot.lines.all(slot.received)
        )
        return slot.owed == 0 and all(count is not None and line.received >= count for line, count in given)

    def _end(self, outcome: Any) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.answer(outcome)

    def _late(self) -> None:
        request = self._request
        if request is not None:
            what = f"taking in what is under way to {self._run.name}"
            self._end(Fault("deadline", what=what, limit=round(request.limit * 1000)))

    def resume(self) -> None:
        """It takes part again: the connections that were left out are made anew."""
        if not self._drained:
            return
        self._drained = False
        self._end(Fault("refused", reason=f"{self._run.name} takes part again"))
        for slot in self._run.sockets:
            if slot.kind in TAKES:
                slot.lines.left.clear()
                for kept in self._run.wiring.of_alias(slot.alias):
                    self._run.wiring.redial(kept)

    def left(self, request: "Request") -> None:
        """A writer that has connected has left. Answers when all has come that it has given."""
        slot = of_kind(self._run, request.params["alias"], TAKES, "be left")
        given = {it["line"]: it["given"] for it in request.params["lines"]}
        names = list(given)
        standing = {line.name for line in slot.lines.all(slot.received)}
        slot.lines.left.update({name: count for name, count in given.items() if name in standing})

        def check() -> bool:
            arrived = slot.lines.known(names, slot.received)
            if all(it["last"] or it["received"] >= given[it["line"]] for it in arrived):
                request.answer(arrived)
                return True
            return False

        def late() -> None:
            what = f"taking in the rest at {self._run.name}.{slot.alias}"
            request.answer(Fault("deadline", what=what, limit=round(request.limit * 1000)))

        self._run.wait(check, request.until, late)


def leave(run: "Run", kept: "Kept") -> Later:
    """Leaves the other end of a wire that is not kept any more. What comes back tells whether that is done."""
    slot, link = run.sockets.get(kept.alias), kept.link
    if slot is None or link is None or link not in slot.links:
        return lambda: True
    lines = [line.name for line in slot.lines.all(0) if slot.leads_to(line.at) == kept.to]
    answered: List[bool] = []
    if slot.kind in SHARES and len(slot.links) == 1 and not slot.lines.several and lines:
        slot.paused = True
        agent, _, alias = kept.to.partition(".")
        params = {"alias": alias, "lines": [{"line": lines[0], "given": slot.sent}]}
        run.control.ask(agent, "left", params, _LEAVING, lambda _: answered.append(True))
    else:
        answered.append(True)

    def done() -> bool:
        if slot.kind.does("asks") and run.exchange.waits_for(slot):
            return False
        if not answered:
            return False
        if link in slot.links:
            slot.disconnect(link)
        slot.paused = False
        run.sockets.poll(slot)
        run.note_change()
        return True

    return done


def tell_at_the_end(run: "Run") -> None:
    """The last account of a reader that is about to go: its writers do not take for lost what has come."""
    for slot in run.sockets:
        told = [(line, True) for line in slot.lines.all(slot.received)] if slot.kind in READS else []
        _tell(run, slot, told)


def tell_what_has_come(run: "Run") -> None:
    """A reader that has connected tells its writers, once a second, how much has come."""
    for slot in run.sockets:
        if slot.kind not in READS:
            continue
        told = [(line, False) for line in slot.lines.all(slot.received) if line.received != line.told]
        told += [(line, True) for line in slot.lines.ended if line.told != -2]
        _tell(run, slot, told)


def _tell(run: "Run", slot: "Slot", told: List[Any]) -> None:
    by_writer: Dict[str, List[Dict[str, Any]]] = {}
    for line, last in told:
        to = slot.leads_to(line.at) if line.dialled else None
        line.told = -2 if last else line.received
        if to is not None:
            by_writer.setdefault(to, []).append({"line": line.name, "received": line.received, "last": last})
    for to, lines in by_writer.items():
        agent, _, alias = to.partition(".")
        run.control.tell(agent, "confirm", {"alias": alias, "lines": lines})
