"""What an agent is to be, and how far it has come: it carries out its spec, takes the steps to its work, and becomes a
system's and its own again. In the work loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

from ..durations import text_of
from ..errors import Fault
from . import altering
from .given import Adoption, Given
from .slot import Slot
from .wiring import Kept

if TYPE_CHECKING:
    from .run import Run

Params = Dict[str, Any]


class Leading:
    """The spec that the agent goes by, and its steps."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self.given = Given()
        self.adoption: Optional[Adoption] = None

    def carry_out_spec(self) -> None:
        """Becomes what the spec says with which it was started. That it cannot, it announces."""
        boot = self._run.boot
        if boot.version is None:
            return
        try:
            self.apply(boot.spec, boot.version)
        except Fault as fault:
            self._run.log.error(fault)
            self.given = Given(fault=fault.body())

    def apply(self, spec: Params, version: int) -> None:
        """All or nothing. Raises a fault."""
        run = self._run
        self.check_timers(spec["timers"])
        bound: List[str] = []
        taken_over = []
        try:
            for socket in spec["bind"]:
                if self.made_by_hand(socket) is not None:
                    taken_over.append(socket)
                else:
                    bound.append(run.sockets.bind(socket).alias)
        except Fault:
            for alias in bound:
                run.sockets.close(alias, 0)
            raise
        run.keep_attributes(spec["attributes"])
        for timer in spec["timers"]:
            run.timers.add(timer, run.now())
        self.given = Given.of(spec, version)
        for socket in taken_over:
            self.take_over(socket)
        run.steps.on_configured()

    def check_timers(self, timers: List[Params]) -> None:
        """Raises the fault `timer_taken`."""
        there = self._run.timers.aliases()
        for timer in timers:
            alias = timer.get("alias")
            if alias is not None and alias in there:
                raise Fault("timer_taken", agent=self._run.name, alias=alias)
            if alias is not None:
                there.append(alias)

    def made_by_hand(self, socket: Params) -> Optional[Slot]:
        """A socket that was bound before, just as the spec says it."""
        slot = self._run.sockets.get(socket["alias"])
        if slot is None or not slot.by_hand or slot.bound is None:
            return None
        same = slot.kind.value == socket["kind"] and slot.serializer == socket["serializer"]
        return slot if same and slot.asked == socket.get("endpoint") else None

    def take_over(self, socket: Params) -> None:
        """That one is the spec's from now on."""
        slot = self._run.sockets.find(socket["alias"])
        self.given.taken_over[slot.alias] = (slot.handlers, slot.replies, slot.admits)
        if socket.get("handlers") is not None:
            self._run.sockets.set_handlers(slot, socket["handlers"])
        slot.admits = socket.get("admits") or {}
        slot.by_hand = False

    def take_steps(self) -> None:
        """All steps that can be taken now."""
        run = self._run
        while run.status is None:
            step = run.steps.begin()
            if step is None:
                return run.note_change()
            if step == "wire":
                self._prove_wires()
            elif step == "settle":
                if self.adoption is not None:
                    self.adoption.works = True
                run.work()
                self.note_step("settle")
            else:
                run.timers.start(run.now())
                self.note_step("go")

    def note_step(self, step: str) -> None:
        """A step is taken."""
        if self._run.steps.on_done(step):
            self._run.note_change()

    def _prove_wires(self) -> None:
        run = self._run
        kept = [run.wiring.declare_spec(wire) for wire in self.given.wires]
        limit = self.given.timeout
        until = run.now() + limit

        def check() -> bool:
            if not run.steps.is_under_way("wire"):
                return True  # another version has come meanwhile
            if not all(it.is_proven for it in kept):
                return False
            left = altering.leave_former(run, self)
            run.wait(lambda: self._have_left(left), until + limit, lambda: None)
            return True

        def late() -> None:
            fault = self.unproven(next(it for it in kept if not it.is_proven), limit)
            if run.steps.alone:
                run.log.warning(f"goes to work all the same: {fault}")
            run.steps.on_failed("wire", fault.body())
            self.take_steps()

        run.wait(check, until, late)

    def _have_left(self, left: List[Callable[[], bool]]) -> bool:
        """The step is taken when the former ends are left."""
        left[:] = [it for it in left if not it()]
        if not left and self._run.steps.is_under_way("wire"):
            self.note_step("wire")
            self.take_steps()
        return not left

    def unproven(self, kept: Kept, limit: float) -> Fault:
        """Why a wire is not proven when its time, in seconds, is up."""
        shown = round(limit * 1000)
        if kept.fault is not None:
            return kept.fault
        if kept.link is None:
            return Fault("deadline", what=f"finding {kept.to}", limit=shown)
        proven = kept.link.proven
        reason = f"no subscription was seen within {text_of(shown)}" if proven else kept.link.excuse(text_of(shown))
        return Fault("unproven", alias=kept.alias, to=kept.to, address=kept.link.server.address, reason=reason)

    # Whose it is.

    def adopt(self, system: str) -> None:
        """Becomes a system's."""
        run = self._run
        if self.adoption is not None:
            if self.adoption.system != system and self.adoption.works:
                raise Fault("refused", reason=f"{run.name} is part of the system {self.adoption.system} already")
            self._let_go()
        run.log.info(f"attached to the system {system}")
        self.adoption = Adoption(
            system, run.sockets.aliases(), run.timers.aliases(), dict(run.attributes), run.life == "preparing"
        )

    def release(self, system: str) -> bool:
        """Is again what it was when it was adopted. Tells whether it was that system's."""
        ours = self.adoption is not None and self.adoption.system == system
        if ours:
            self._let_go()
            self._run.log.info(f"released by the system {system}")
        return ours

    def _let_go(self) -> None:
        run, adoption = self._run, self.adoption
        assert adoption is not None
        self.adoption = None
        run.timers.keep(adoption.timers)
        waiting, run.waiting = run.waiting, []
        for it in waiting:
            it.late()
        if adoption.was_preparing and run.life in ("working", "quiet"):
            run.life = "preparing"
            run.timers.rest()
        for alias in run.sockets.aliases():
            if alias not in adoption.sockets:
                run.sockets.close(alias, 1000)
        altering.give_back_all(run, self)
        run.attributes.clear()
        run.attributes.update(adoption.attributes)
        self.given = Given()
        run.steps.clear()
        run.note_change()
