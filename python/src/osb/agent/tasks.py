"""Handlers and methods that are `async def`: tasks of an asyncio loop, which runs in the work loop's own thread, while
that waits. So they may use the agent's sockets as any other code, and other handlers run while they await something.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Optional, Set

if TYPE_CHECKING:
    from .promise import Promise
    from .executing import Current
    from .run import Run


class Tasks:
    """Those of one agent."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._tasks: Set["asyncio.Task[None]"] = set()

    def add(self, what: str, code: Coroutine[Any, Any, Any], promise: "Optional[Promise]", current: "Current") -> None:
        """Begins a task. What it returns answers a request."""
        if self._loop is None:
            # The one that can watch sockets, also on Windows.
            self._loop = asyncio.SelectorEventLoop()
        task = self._loop.create_task(self._see_to(what, code, promise, current))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_to(
        self, what: str, code: Coroutine[Any, Any, Any], promise: "Optional[Promise]", current: "Current"
    ) -> None:
        try:
            answer = await code
        except Exception as error:
            self._run.failed(what, error, current.promise)
        else:
            if current.promise is not None and promise is not None:
                current.promise.keep(answer)
        self._run.count += 1

    @property
    def under_way(self) -> bool:
        """Whether there are any."""
        return bool(self._tasks)

    def future(self) -> "asyncio.Future[Any]":
        """A future of the loop, for code that awaits something of the agent."""
        return asyncio.get_running_loop().create_future()

    def run(self, sleep: Callable[[], None]) -> None:
        """Waits until something comes: by `sleep`, or, while there are tasks, in the asyncio loop."""
        if self._loop is None or not self._tasks:
            return sleep()
        # The asyncio loop waits, and not the work loop: another thread drives the line.
        self._run.control.turns.leave()
        poller = self._run._poller()
        ready = poller.poll(0)
        if not ready:
            self._loop.run_until_complete(self._until_something())
            ready = poller.poll(0)
        else:
            # Tasks get on, however much arrives.
            self._loop.run_until_complete(asyncio.sleep(0))
        self._run.attend(ready)

    async def _until_something(self) -> None:
        assert self._loop is not None
        loop, run = self._loop, self._run
        woken = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        descriptors = {it if isinstance(it, int) else it.fileno() for it, _ in run._poller().sockets}
        for descriptor in descriptors:
            loop.add_reader(descriptor, wake)
        tasks = list(self._tasks)
        for task in tasks:
            task.add_done_callback(lambda _: wake())
        try:
            # A descriptor of libzmq tells what is new only: what came before it was watched is seen here.
            if not run._poller().poll(0) and not run._inbox and run.status is None:
                await asyncio.wait([woken], timeout=run._until_next())
        finally:
            for descriptor in descriptors:
                loop.remove_reader(descriptor)

    def close(self) -> None:
        """Ends those that are under way."""
        if self._loop is None:
            return
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()


