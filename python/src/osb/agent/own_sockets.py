"""What an agent's author does with sockets: binds, connects, subscribes."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from ..address import Address
from ..durations import Duration, milliseconds, seconds
from ..errors import Fault
from ..handlers import Handler, actions
from ..proxy import endpoint
from .base import Base
from .run import Run

#: Handlers in code: a function, an action such as `"log"`, several of these, or for subscribers a map by topics.
CodeHandler = Union[Callable[[Any], Any], Handler, Sequence[Any], Dict[str, Any], None]


class OwnSockets(Base):
    """The part of an agent that is for its sockets."""

    # Sockets.

    def bind(
        self,
        kind: str,
        alias: str,
        handler: CodeHandler = None,
        *,
        addr: Optional[str] = None,
        transport: str = "tcp",
        serializer: str = "json",
    ) -> Address:
        """Binds a socket. `handler` is a function, or as in a topology; None: the handler of that alias.

        One that the topology has bound just so is not bound again.
        """
        run = self._r
        at = endpoint(transport, addr)

        def do() -> Address:
            there = run.sockets.get(alias)
            if there is not None and there.bound is not None and not there.by_hand:
                if (there.kind.value, there.serializer, there.asked) == (kind, serializer, at):
                    return there.bound
            request = {"alias": alias, "kind": kind, "endpoint": at, "serializer": serializer}
            slot = run.sockets.bind({**request, "handlers": self._handlers(alias, handler)})
            slot.by_hand = True
            run.tell_changes()
            if run.control.shown:
                # Whoever hears of it now can ask the name server for it.
                run.wait_for(lambda: run.control.settled, 2.0, None)
            assert slot.bound is not None
            return slot.bound

        return run.in_loop(do)

    def connect(
        self, to: Union[str, Address], alias: str, handler: CodeHandler = None, timeout: Duration = 10.0
    ) -> None:
        """Connects a socket to `"Alice.main"` or to an address, and waits until that is proven. Raises Fault."""
        run, limit = self._r, seconds(timeout)
        handlers = self._handlers(alias, handler)

        def do() -> None:
            if isinstance(to, Address):
                slot, link = run.sockets.connect(alias, to, None, handlers, {})
                self._wait_proven(run, lambda: link.proven, link.failure, limit, alias, to.address)
                return
            kept = run.wiring.declare(alias, to, handlers=handlers)
            self._wait_proven(run, lambda: kept.is_proven, kept.failure, limit, alias, to)

        run.in_loop(do)

    @staticmethod
    def _wait_proven(
        run: Run, proven: Callable[[], bool], failure: Callable[[], Optional[str]], limit: float, alias: str, to: str
    ) -> None:
        run.wait_for(lambda: proven() or failure() is not None, limit, f"the proof of {alias} → {to}")
        reason = None if proven() else failure()
        if reason is not None:
            raise Fault("unproven", alias=alias, to=to if "://" not in to else None, address=to, reason=reason)

    def _handlers(self, alias: str, handler: CodeHandler) -> Optional[Dict[str, Any]]:
        """Handlers in code in the form of the wire: functions get names."""
        if handler is None:
            return None
        if isinstance(handler, dict):
            return {"by_topic": {topic: self._actions(f"{alias}-{topic}", each) for topic, each in handler.items()}}
        return {"all": self._actions(alias, handler)}

    def _actions(self, name: str, handler: Any) -> List[str]:
        if isinstance(handler, str):
            return actions(handler)
        if callable(handler):
            return [self._named(name, handler)]
        return [it if isinstance(it, str) else self._named(f"{name}-{n}", it) for n, it in enumerate(handler)]

    def _named(self, name: str, function: Callable[[Any], Any]) -> str:
        plain = "".join(it if it.isascii() and (it.isalnum() or it in "._-") else "-" for it in name)[:60].strip("-.")
        self.code.handlers[plain or "handler"] = function
        return f"call:{plain or 'handler'}"

    def addr(self, alias: str) -> Address:
        """Where one of its sockets can be reached. Raises Fault."""
        slot = self._r.sockets.find(alias)
        if slot.bound is None:
            raise Fault("refused", reason=f"{self.name}.{alias} connects: it has no address")
        return slot.bound

    def close(self, alias: str, linger: Duration = 1.0) -> int:
        """Closes a socket. Returns how many messages never left."""
        run = self._r

        def do() -> int:
            return run.sockets.close(run.sockets.find(alias).alias, milliseconds(linger))

        return run.in_loop(do)

    def subscribe(self, alias: str, handler: Dict[str, Any]) -> None:
        """Adds topics to a SUB socket of its own: topic → handler. Publishers see it a moment later."""
        run = self._r
        added = self._handlers(alias, handler) or {}

        def do() -> None:
            slot = run.sockets.find_for(alias, "subscribes", "subscribe")
            there = slot.handlers.get("by_topic") or {"": slot.handlers.get("all", [])}
            run.sockets.set_handlers(slot, {"by_topic": {**there, **added["by_topic"]}})

        run.in_loop(do)

    def unsubscribe(self, alias: str, *topics: str) -> None:
        """Takes topics back."""
        run = self._r

        def do() -> None:
            slot = run.sockets.find_for(alias, "subscribes", "unsubscribe")
            there = slot.handlers.get("by_topic") or {"": slot.handlers.get("all", [])}
            run.sockets.set_handlers(slot, {"by_topic": {it: there[it] for it in there if it not in topics}})

        run.in_loop(do)
