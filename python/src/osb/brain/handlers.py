"""Handlers as osBrain has them: functions that get the agent and the message, or names of the agent's methods."""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Union

from .common import topic_to_bytes, topic_to_text

if TYPE_CHECKING:
    from .agent import Agent

#: What a handler may be.
Handler = Any
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def bound(agent: "Agent", handler: Handler) -> Callable[..., Any]:
    """What is called with a message, and with a topic if it takes one. Raises TypeError."""
    if isinstance(handler, str):
        handler = getattr(agent, handler)
    if not isinstance(handler, _FUNCTIONS):
        raise TypeError(f'Unknown handler type "{type(handler)}"')
    if isinstance(handler, types.MethodType) and (handler.__self__ is agent or _count(handler) == 1):
        return handler
    # As osBrain calls all others: the agent comes first.
    return types.MethodType(handler, agent)


def _count(function: Callable[..., Any]) -> int:
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return 1


def of_messages(agent: "Agent", handler: Handler) -> Callable[[Any], Any]:
    """One function for all messages of a socket: what the last of several handlers returns is the answer."""
    several = handler.values() if isinstance(handler, dict) else handler
    if not isinstance(handler, (list, tuple, dict)):
        return _checked(bound(agent, handler))
    functions = [bound(agent, each) for each in several]

    def all_of_them(message: Any) -> None:
        for function in functions:
            function(message)

    return all_of_them


def _checked(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A handler may answer by `yield`, once."""
    if not inspect.isgeneratorfunction(function):
        return function

    def once(message: Any) -> Any:
        generator = function(message)
        yield next(generator)
        for _ in generator:
            raise ValueError("Reply handler yielded more than once!")

    return once


def of_topic(agent: "Agent", topic: Union[bytes, str], handler: Handler) -> Callable[[Any], Any]:
    """The function for publications under a topic. A handler that takes two arguments gets the topic, too."""
    function = bound(agent, handler)
    if _count(function) < 2:
        return function
    as_bytes = topic_to_bytes(topic)
    return lambda message: function(message, as_bytes)


def by_topic(agent: "Agent", handler: Handler, name: Callable[[Callable[[Any], Any]], str]) -> Dict[str, List[str]]:
    """Handlers by topics as osb has them; a handler that is no map is for all topics."""
    handlers = handler if isinstance(handler, dict) else {"": handler}
    actions: Dict[str, List[str]] = {}
    for topic, each in handlers.items():
        several = each if isinstance(each, (list, tuple)) else [each]
        actions[topic_to_text(topic)] = [name(of_topic(agent, topic, it)) for it in several]
    return actions
