"""The class `Agent` of osBrain: attributes, methods, timers and logs, and the life of the agent."""

from __future__ import annotations

import os
import sys
import threading
import types
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional, Union

from . import handlers as forms
from .address import AgentAddress, AgentChannel
from .common import LogLevel, unique_identifier
from .core import BIRTH, Core, check_core
from .messages import TOPIC_SEPARATOR, compose_message, deserialize_message, serialize_message
from .requests import Requests
from .sockets import LOOPBACKS, Alias

Method = Union[str, Callable[..., Any]]

#: How long an agent that is killed gets to end by itself, in seconds.
_KILLED = 0.3


class Agent(Requests):
    """An agent, to be made by `run_agent`, and inherited from.

    `attributes` are set before `on_init` runs. One thing runs at a time: handlers, timers, and the calls of proxies,
    which are safe if nothing else is said; an unsafe call runs at once, in a thread of its own.
    """

    def __init__(
        self,
        name: str = "",
        host: Optional[str] = None,
        serializer: Optional[str] = None,
        transport: Optional[str] = None,
        attributes: Optional[Dict[str, Any]] = None,
    ) -> None:
        self._uuid = unique_identifier()
        self.name = name or self._uuid.decode()
        self._host, self._serializer, self._transport = host or "127.0.0.1", serializer, transport
        self._core: Optional[Core] = getattr(BIRTH, "core", None)
        self._aliases, self._address, self._answers = {}, dict(LOOPBACKS), {}
        self._pending_requests, self._replies = {}, {}
        self._timer: Dict[str, str] = {}
        self._going, self._running, self._die_now, self._DEBUG = True, False, False, False
        self._ran, self._ended = threading.Event(), threading.Event()
        self._set_attributes(attributes)
        self.on_init()

    def _set_attributes(self, attributes: Optional[Dict[str, Any]]) -> None:
        for key, value in (attributes or {}).items():
            if hasattr(self, key):
                raise KeyError(f'Agent already has "{key}" attribute!')
            setattr(self, key, value)

    def _wire_name(self) -> str:
        """The name by which the system knows it: `name` may be set to another."""
        return check_core(self._core).name

    def _nsaddr(self) -> str:
        return check_core(self._core).r.boot.dial.address.replace("tcp://", "", 1)

    # Hooks.

    def on_init(self) -> None:
        """For attributes and sockets of the agent's own, when it is made."""

    def before_loop(self) -> None:
        """Runs right before the first message."""

    def idle(self) -> None:
        """Runs whenever nothing has happened for `_poll_timeout` milliseconds."""

    _poll_timeout = 1000

    # Its life.

    def run(self) -> None:
        """Begins the main loop, and returns when that has ended. It is called once, in a thread of its own."""
        core = check_core(self._core)
        self._going = self._running = True
        self._ended.clear()
        core.idle_timeout = self._poll_timeout / 1000
        core.idle = self._idle  # type: ignore[method-assign]
        core.r.post(core._set_idle)
        core.begin_running(self.before_loop)
        self._ran.set()
        self._ended.wait()

    def _idle(self) -> None:
        if self._running:
            self.idle()

    def is_running(self) -> bool:
        """Whether the main loop runs."""
        return self._running

    def _wait_running(self, timeout: float) -> bool:
        """Waits until it runs; a negative timeout waits for ever."""
        return self._ran.wait(None if timeout < 0 else timeout) and self._running

    def _check_running(self) -> None:
        if not self._running:
            raise RuntimeError("Agent must be running to safely execute methods!")

    @property
    def _keep_alive(self) -> bool:
        """Whether the main loop is to go on."""
        return self._going

    @_keep_alive.setter
    def _keep_alive(self, going: bool) -> None:
        self._going = going
        if not going:
            self._end_running()

    def _end_running(self) -> None:
        self._running = False
        self._ran.clear()
        self._ended.set()
        if self._core is not None:
            self._core.rest()

    def stop(self) -> str:
        """Ends the main loop. The agent is still there, and answers unsafe calls."""
        self.log_debug("Stopping...")
        self._keep_alive = False
        return "OK"

    def shutdown(self) -> None:
        """Ends the agent, when what runs now has ended. What it has sent may still leave."""
        self.log_debug("Shutting down...")
        self._going, self._die_now = False, True
        self._end(0)

    def _end(self, status: int) -> None:
        run = check_core(self._core).r
        run.asked_to_end = True
        run.end(status)

    def kill(self) -> None:
        """Ends the agent, at once: also while its code runs."""
        self.stop_all_timers_now()
        self._end(0)
        threading.Thread(target=self._exit, daemon=True).start()

    def stop_all_timers_now(self) -> None:
        """None fires any more, though the agent is busy."""
        self._timer.clear()

    def _exit(self) -> None:
        core = check_core(self._core)
        thread = core.r.thread
        if thread is not None:
            thread.join(_KILLED)
        for slot in core.r.sockets:
            for file in slot._files:
                file.unlink(missing_ok=True)
        core.r.control.leave(0, True)
        os._exit(0)

    def _end_for_name_server(self) -> None:
        """The whole system ends: an agent that runs ends by `shutdown`, any other one at once."""
        core = check_core(self._core)
        if self._running:
            core.execute_when_free("shutdown", self.shutdown)
        else:
            self.kill()

    # Attributes and methods.

    def set_attr(self, **kwargs: Any) -> None:
        """Sets attributes."""
        for name, value in kwargs.items():
            setattr(self, name, value)
            self.log_debug(f"SET self.{name} = {value}")

    def get_attr(self, name: str) -> Any:
        """An attribute. Raises AttributeError."""
        return getattr(self, name)

    def set_method(self, *args: Callable[..., Any], **kwargs: Callable[..., Any]) -> str:
        """Makes functions methods of the agent, by their names or by other ones. Returns the last name."""
        name = ""
        named = [(getattr(function, "__name__", "method"), function) for function in args]
        for name, function in [*named, *kwargs.items()]:
            setattr(self, name, types.MethodType(function, self))
            self.log_debug(f"SET self.{name}() = {function}")
        return name

    def execute_as_function(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls a function in the agent's process."""
        return function(*args, **kwargs)

    def execute_as_method(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls a function in the agent's process; its first argument is the agent."""
        return function(self, *args, **kwargs)

    def safe_call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method between messages. Raises RuntimeError if the agent does not run."""
        self._check_running()
        core = check_core(self._core)
        if threading.current_thread() is core.r.thread:
            return getattr(self, method)(*args, **kwargs)
        done = threading.Event()
        result: List[Any] = []

        def do() -> None:
            try:
                result.append((True, getattr(self, method)(*args, **kwargs)))
            except Exception as error:
                result.append((False, error))
            done.set()

        core.execute_when_free(method, do)
        done.wait()
        good, value = result[0]
        if not good:
            raise value
        return value

    def raise_exception(self) -> None:
        """Raises one, for tests."""
        raise RuntimeError("User raised an exception!")

    def ping(self) -> str:
        """Tells that it is there."""
        return "pong"

    def _look_up(self, name: str) -> Any:
        """For proxies: whether that is a method, or else its value."""
        value = getattr(self, name)
        is_method = isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType))
        return (True, None) if is_method else (False, value)

    def _loopback(self, header: str, data: Any = None) -> Any:
        """Calls the agent itself, as osBrain's timers do."""
        if header != "EXECUTE_METHOD":
            error = f"Unrecognized loopback message: {header} {data}"
            self.log_error(error)
            return error
        method, args, kwargs = data
        return self.safe_call(method, *args, **kwargs)

    # Timers.

    def each(self, period: float, method: Method, *args: Any, alias: Optional[str] = None, **kwargs: Any) -> str:
        """Calls a method, or a function with the agent first, at once and then each `period` seconds.

        Returns the alias of the timer. One that is late falls behind.
        """
        return self._add_timer({"every": round(period * 1000)}, period, 0.0, method, args, kwargs, alias)

    def after(self, delay: float, method: Method, *args: Any, alias: Optional[str] = None, **kwargs: Any) -> str:
        """Calls it once, `delay` seconds from now."""
        return self._add_timer({"after": round(delay * 1000)}, None, delay, method, args, kwargs, alias)

    def _add_timer(
        self,
        when: Dict[str, int],
        period: Optional[float],
        first: float,
        method: Method,
        args: Any,
        kwargs: Dict[str, Any],
        alias: Optional[str],
    ) -> str:
        core, name = check_core(self._core), method if isinstance(method, str) else self.set_method(method)
        alias = alias or unique_identifier().decode()

        def fire() -> None:
            if period is None:
                self._timer.pop(str(alias), None)
            elif alias not in self._timer:
                return
            getattr(self, name)(*args, **kwargs)

        def add() -> None:
            run = core.r
            spec = {"alias": alias, "when": when, "action": {"call": {"method": name, "params": None}}}
            run.timers.add(spec, run.now(), fire)
            timer = run.timers._all[-1]
            timer.every = period
            if timer.due is not None:
                timer.due = run.now() + first

        core.r.in_loop(add)
        self._timer[alias] = name
        return alias

    def stop_timer(self, alias: str) -> None:
        """Stops a timer. Raises KeyError."""
        del self._timer[alias]
        run = check_core(self._core).r
        run.in_loop(lambda: run.timers.remove(alias))

    def stop_all_timers(self) -> None:
        """Stops all."""
        for alias in self.list_timers():
            self.stop_timer(alias)

    def list_timers(self) -> List[str]:
        """The aliases of the timers that run."""
        return list(self._timer)

    # Its log.

    def set_logger(self, logger: Any, alias: Alias = "_logger") -> None:
        """Sends its log to a logger: a proxy of one, or the address of its socket. Raises ValueError."""
        if hasattr(type(logger), "wait_for_running"):
            logger = logger.addr("sub")
        if not isinstance(logger, (AgentAddress, AgentChannel)):
            raise ValueError("An AgentAddress must be provided for logging!")
        self.connect(logger, alias=alias)

    def log_error(self, message: Any, logger: Alias = "_logger") -> None:
        """An entry of the level `ERROR`."""
        self._log_message("ERROR", message, logger)

    def log_warning(self, message: Any, logger: Alias = "_logger") -> None:
        """An entry of the level `WARNING`."""
        self._log_message("WARNING", message, logger)

    def log_info(self, message: Any, logger: Alias = "_logger") -> None:
        """An entry of the level `INFO`."""
        self._log_message("INFO", message, logger)

    def log_debug(self, message: Any, logger: Alias = "_logger") -> None:
        """An entry of the level `DEBUG`, if `_DEBUG` is set."""
        if self._DEBUG:
            self._log_message("DEBUG", message, logger)

    def _log_message(self, level: str, message: Any, logger: Alias = "_logger") -> None:
        """To the logger, if there is one, else to standard output; warnings and errors to both."""
        level = LogLevel(level)
        if self._core is not None:
            self._core.log_quietly(level.lower(), message)
        self._tell(level, message, logger)

    def _tell(self, level: str, message: Any, logger: Alias = "_logger") -> None:
        text = f"[{datetime.now(timezone.utc).replace(tzinfo=None)}] ({self.name}): {message}"
        to_logger = logger in self._aliases
        if to_logger:
            self.send(logger, text, topic=level)
        if level in ("ERROR", "WARNING") or not to_logger:
            out = sys.stderr if level == "ERROR" else sys.stdout
            out.write(f"{level} {text}\n")
            out.flush()


__all__ = [
    "Agent", "TOPIC_SEPARATOR", "compose_message", "deserialize_message", "forms", "serialize_message",
]  # fmt: skip
