"""What tests of agents wait for. Attributes tell nobody that they change: these look again and again."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Iterable, Optional
from uuid import uuid4

from ..errors import Timeout
from .proxy import NSProxy, Proxy

_AGAIN = 0.01


def regex_count_in_list(regex: str, strings: Iterable[str]) -> int:
    """In how many texts the expression is found; its dot is for ends of lines, too."""
    return sum(1 for text in strings if re.search(regex, text, re.DOTALL))


def wait_condition(
    condition: Callable[..., Any], *args: Any, negate: bool = False, timeout: float = 3, **kwargs: Any
) -> bool:
    """Waits until the condition is true (or false, with `negate`); False if it is not within `timeout` seconds."""
    until = time.monotonic() + timeout
    while True:
        if bool(condition(*args, **kwargs)) != negate:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_AGAIN)


def logger_received(
    logger: Proxy,
    message: str,
    log_name: str = "log_history_info",
    position: Optional[int] = None,
    timeout: float = 1.0,
) -> int:
    """How many entries of a logger match an expression, as soon as one does; 0 if none does in time.

    With `position` it is that entry alone.
    """
    found = 0

    def look() -> int:
        nonlocal found
        history = logger.get_attr(log_name)
        found = regex_count_in_list(message, history if position is None else [history[position]])
        return found

    wait_condition(look, timeout=timeout or float("inf"))
    return found


def sync_agent_logger(agent: Proxy, logger: Proxy) -> None:
    """Waits until a logger hears an agent: that has a moment after `set_logger`."""
    delay = _AGAIN
    while True:
        message = str(uuid4())
        agent.log_info(message)
        if logger_received(logger, message, timeout=delay):
            return
        delay *= 2


def agent_dies(agent: str, nsproxy: NSProxy, timeout: float = 1.0) -> bool:
    """Whether an agent ends within `timeout` seconds; the name server tells."""
    assert isinstance(agent, str), "Wrong type for `agent`!"
    try:
        nsproxy._link.wait_for_end(agent, timeout or 10**6)
    except Timeout:
        return False
    return True


def attribute_match_all(
    attribute: Any, length: Optional[int] = None, data: Any = None, value: Any = None, endswith: Any = None
) -> bool:
    """Whether a value has at least that length, has `data` in it, is `value`, and ends so: what is given of these."""
    conditions = (length, data, value, endswith)
    assert any(it is not None for it in conditions), "No condition passed! Will return True always..."
    return (
        (length is None or len(attribute) >= length)
        and (data is None or data in attribute)
        and (value is None or bool(attribute == value))
        and (endswith is None or bool(attribute[-len(endswith) :] == endswith))
    )


def wait_agent_attr(agent: Proxy, name: str = "received", timeout: float = 3, **kwargs: Any) -> bool:
    """Waits until an attribute is as `attribute_match_all` wants it."""
    return wait_condition(lambda: attribute_match_all(agent.get_attr(name), **kwargs), timeout=timeout)


def wait_agent_condition(
    agent: Proxy, condition: Callable[..., Any], *args: Any, timeout: float = 3, **kwargs: Any
) -> bool:
    """Waits until a function is true that gets the agent itself."""
    return wait_condition(agent.execute_as_method, condition, *args, timeout=timeout, **kwargs)


def last_received_endswith(agent: Any, tail: Any) -> bool:
    """Of an agent itself: whether the last of `received` ends so."""
    received = getattr(agent, "received", None)
    return received is not None and len(received) > 0 and bool(received[-1][-len(tail) :] == tail)
