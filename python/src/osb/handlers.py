"""Handlers of sockets as texts, as topologies have them, in the form of the wire. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

#: `"log"`, `["log", "collect"]`, or for subscribers `{"sport": "call:on_sport"}`.
Handler = Union[str, Sequence[str], Mapping[str, Union[str, Sequence[str]]]]


def actions(handler: Union[str, Sequence[str]]) -> List[str]:
    """One or several actions as a list."""
    return [handler] if isinstance(handler, str) else list(handler)


def on_wire(handler: Optional[Handler]) -> Optional[Dict[str, Any]]:
    """Handlers as requests have them; None leaves them to the agent."""
    if handler is None:
        return None
    if isinstance(handler, Mapping):
        return {"by_topic": {topic: actions(each) for topic, each in handler.items()}}
    return {"all": actions(handler)}


def all_actions(handlers: Mapping[str, Any]) -> List[str]:
    """All the actions of handlers in the form of the wire, by whatever topic."""
    if "all" in handlers:
        return list(handlers["all"])
    return [action for each in handlers["by_topic"].values() for action in each]


def topics(handlers: Mapping[str, Any]) -> List[str]:
    """What a subscriber with these handlers subscribes to."""
    return [""] if "all" in handlers else list(handlers["by_topic"])
