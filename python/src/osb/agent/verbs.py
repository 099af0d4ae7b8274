"""What others ask of an agent that concerns its sockets, its spec and its steps: in the work loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict

from ..errors import Fault, OsbError
from . import altering
from .asked import LATER
from .control import Request
from .draining import READS, SHARES, WRITES, Draining, of_kind
from .leading import Leading
from .message_verbs import MessageVerbs
from .socket_verbs import SocketVerbs

if TYPE_CHECKING:
    from .run import Run

Params = Dict[str, Any]


class Verbs(SocketVerbs, MessageVerbs):
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

    def adopt(self, request: Request) -> None:
        """Becomes a system's."""
        self.leading.adopt(request.params["system"])

    def release(self, request: Request) -> bool:
        """Is again what it was when it was adopted. Tells whether it was that system's."""
        return self.leading.release(request.params["system"])

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

    def launch(self, _: Request) -> None:
        """The process is the agent itself."""
        raise Fault("refused", reason=f"{self._run.name} has no program to launch")

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

    # Who looks at what passes.

    def tap(self, request: Request) -> Any:
        """Shows what passes at its sockets from now on."""
        return self._run.taps.tap(request.params)

    def keep_tap(self, request: Request) -> None:
        """Goes on with that."""
        self._run.taps.keep(bytes.fromhex(request.params["token"]))

    def tapped(self, request: Request) -> Any:
        """What has passed, for who cannot dial the agent."""
        token, wait = bytes.fromhex(request.params["token"]), request.params["wait"] / 1000
        self._run.taps.ask(token, wait, request)
        return LATER

    def untap(self, request: Request) -> None:
        """Nobody looks any more."""
        self._run.taps.untap(bytes.fromhex(request.params["token"]))

    def rate(self, _: Request) -> Any:
        """How much goes through its sockets."""
        return self._run.taps.rate()

    # Its life.

    def quiet(self, _: Request) -> None:
        """It sends nothing more of its own accord."""
        self._run.quiet()

_VERBS: Dict[str, Callable[[Verbs, Request], Any]] = {
    name: getattr(Verbs, name)
    for name in (
        "bind", "connect", "connect_to", "admit", "dismiss", "sockets", "close", "close_all", "subscribe",
        "unsubscribe", "configure", "alter", "wire", "probe", "prove", "unprobe", "adopt", "release", "lead", "send",
        "send_recv", "ask", "wait", "timer", "stop_timer", "stop_timers", "quiet",
        "confirm", "arrived", "drain", "resume", "left", "leave_out", "launch",
        "tap", "keep_tap", "tapped", "untap", "rate",
    )
}  # fmt: skip

