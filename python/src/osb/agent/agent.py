"""An agent of one's own: its code, and its life. What it can do is in `declaring.py`, `messages.py`, `own_sockets.py` and
`others.py`."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Optional

from ..durations import Duration, seconds
from ..errors import Fault, OsbError
from ..nameserver import NameServer
from ..proxy import of_json, to_json
from . import boot as begin
from .code import Code
from .declaring import Declaring
from .executing import NOTHING
from .log import Log
from .messages import Messages
from .others import Others
from .own_sockets import OwnSockets
from .run import Run
from .signals import Signals


class Agent(Declaring, Messages, OwnSockets, Others):
    """An agent. Its code is given by decorators, or by a class that is made from this one:

        agent = osb.Agent("Bob")

        @agent.handler("inbox")
        def inbox(message):
            agent.send("out", message * 2)

        agent.run()

    One thing runs at a time: handlers, methods, timers and hooks; those that are `async def` run while others await.
    Threads of one's own may call everything here; what they ask is done between two such things.
    """

    #: An error of the agent's code ends it, with status 1.
    ends_on_error = False
    #: Code that has not returned for so long makes the agent `suspect`: `"60s"`. None: it is busy for as long as it likes.
    max_busy: Optional[Duration] = None
    #: Its sockets may read pickles, in a closed system: whoever writes them can have this agent run any code.
    allow_pickle = False
    #: `idle` runs whenever nothing has happened for so long.
    idle_timeout: Optional[Duration] = None

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        nameserver: Optional[str] = None,
        waits_for_go: bool = False,
        allow_pickle: Optional[bool] = None,
    ) -> None:
        """`name` and `nameserver` count if osb does not say them, nor `OSB_AGENT` and `OSB_NAMESERVER`.

        `waits_for_go`: started by hand, it sends nothing until `osb up` has wired it (`attach: true` in the topology).
        """
        self._name, self._nameserver, self._waits_for_go = name, nameserver, waits_for_go
        if allow_pickle is not None:
            self.allow_pickle = allow_pickle
        self.code = Code.of(self)
        self.log = Log()
        self._run: Optional[Run] = None
        self._begun = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._status: Optional[int] = None
        self._failure: Optional[BaseException] = None
        self._link: Optional[NameServer] = None
        self._current = NOTHING
        self.idle_at: Optional[float] = None

    # Hooks, for classes made from this one.

    def on_init(self) -> Any:
        """Runs before the agent is registered: for attributes and sockets of its own. An error ends it."""

    def before_loop(self) -> Any:
        """Runs once when the agent is registered, before the first message."""

    def on_start(self) -> Any:
        """Runs when the system is wired and messages may be sent; at once, if no `up` wires it."""

    def on_stop(self) -> Any:
        """Runs when the agent is to end."""

    def idle(self) -> Any:
        """Runs whenever nothing has happened for `idle_timeout`."""

    def find_method(self, name: str) -> Optional[Callable[..., Any]]:
        """The method of that name that no decorator has named; None: there is none."""
        return None

    def find_handler(self, name: str) -> Optional[Callable[[Any], Any]]:
        """The handler of that name that no decorator has named; None: there is none."""
        return None

    # Its life.

    @property
    def is_in_thread(self) -> bool:
        """Whether it was begun by `start`."""
        return self._thread is not None

    @property
    def running(self) -> bool:
        """Whether it is there and is not about to end."""
        return self._run is not None and self._run.status is None

    def run(self) -> None:
        """Runs the agent in this thread, to its end. Ends the process by SystemExit if that is not well.

        If osb has started the process, it says by standard input what the agent is.
        """
        status = self._live(begin.of_process(self._name, self._nameserver, self._waits_for_go), Signals())
        if status != 0:
            raise SystemExit(status)

    def start(self, timeout: Duration = 10.0) -> "Agent":
        """Runs the agent in a thread of its own, and returns when it is registered: for scripts and notebooks.

        As a context manager, it ends with the block.
        """
        boot = begin.by_hand(self._name, self._nameserver, self._waits_for_go)

        def live() -> None:
            try:
                self._status = self._live(boot, None)
            except BaseException as error:
                self._failure, self._status = error, 1
            self._begun.set()

        self._thread = threading.Thread(target=live, name=f"osb agent {boot.name}", daemon=True)
        self._thread.start()
        if not self._begun.wait(seconds(timeout)):
            self.shutdown()
            raise OsbError(f"{boot.name} is not registered within {timeout}")
        if self._failure is not None:
            raise self._failure
        if self._status:
            raise OsbError(f"{boot.name} has ended with status {self._status}: its log says why")
        return self

    def _live(self, boot: begin.Boot, signals: Optional[Signals]) -> int:
        if self._run is not None and self._run.status is None:
            raise OsbError(f"{self.name} runs already")
        self.log.open(boot.log)
        self._run = run = Run(self, boot)
        self._set_idle()
        if signals is not None:
            signals.take(run)
        try:
            return run.run()
        finally:
            if signals is not None:
                signals.give_back()
            if self._link is not None:
                self._link.close()
                self._link = None

    def shutdown(self) -> None:
        """Has the agent end, when what runs now has ended. From the thread that started it, waits for that."""
        if self._run is not None:
            self._run.asked_to_end = True
            self._run.end(0)
        self.join()

    def join(self, timeout: Optional[Duration] = None) -> None:
        """Waits until an agent has ended that was begun by `start`."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(None if timeout is None else seconds(timeout))

    def __enter__(self) -> "Agent":
        return self if self._thread is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _set_idle(self) -> None:
        if self.idle_timeout is not None:
            self.idle_at = time.monotonic() + seconds(self.idle_timeout)

    @property
    def max_busy_seconds(self) -> Optional[float]:
        """`max_busy` in seconds."""
        return None if self.max_busy is None else seconds(self.max_busy)

    # Attributes.

    def get(self, name: str) -> Any:
        """The value of an attribute. Raises Fault `unknown_attribute`."""
        attributes = self._r.attributes
        if name not in attributes:
            raise Fault("unknown_attribute", agent=self.name, attribute=name, known=sorted(attributes)[:20])
        return of_json(attributes[name])

    def set(self, **attributes: Any) -> None:
        """Sets attributes, for all to see: `osb get`, proxies."""
        self._r.keep_attributes({name: to_json(value) for name, value in attributes.items()})

    @property
    def attributes(self) -> Dict[str, Any]:
        """All attributes, as they are now."""
        return {name: of_json(value) for name, value in dict(self._r.attributes).items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
