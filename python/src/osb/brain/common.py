"""Small things that the rest of the package and programs for osBrain use."""

from __future__ import annotations

import threading
import time
import traceback
from typing import Any, Callable, Dict, Mapping, Optional, Union
from uuid import uuid4

from .settings import config

Topic = Union[bytes, str]


def unique_identifier() -> bytes:
    """An identifier that no other has; without the byte that ends topics."""
    return uuid4().hex.encode()


def format_exception() -> str:
    """The error that is handled now with its traceback, each line after a `|`."""
    lines = traceback.format_exc().splitlines()
    return "\n|>>>>>>>>" + "\n| ".join(lines) + "\n|<<<<<<<<"


def topic_to_bytes(topic: Topic) -> bytes:
    """A topic as bytes."""
    return topic.encode() if isinstance(topic, str) else topic


def topics_to_bytes(handlers: Mapping[Topic, Any], uuid: bytes = b"") -> Dict[bytes, Any]:
    """Handlers by topics, with the topics as bytes behind `uuid`."""
    return {uuid + topic_to_bytes(topic): handler for topic, handler in handlers.items()}


def topic_to_text(topic: Topic) -> str:
    """A topic as osb has it, which is text: bytes that are no UTF-8 stand for the characters of Latin-1."""
    if isinstance(topic, str):
        return topic
    try:
        return topic.decode()
    except UnicodeDecodeError:
        return topic.decode("latin-1")


def validate_handler(handler: Any, required: bool) -> None:
    """Raises ValueError if a handler is needed, and there is none."""
    if required and handler is None:
        raise ValueError("This socket requires a handler!")


class LogLevel(str):
    """`ERROR`, `WARNING`, `INFO` or `DEBUG`."""

    def __new__(cls, value: str) -> "LogLevel":
        """Raises ValueError for any other text."""
        if value not in ("ERROR", "WARNING", "INFO", "DEBUG"):
            raise ValueError(f'Incorrect value "{value}"!')
        return super().__new__(cls, value)


class Repeater(threading.Event):
    """What stops an action that is yet to come."""

    def stop(self) -> None:
        """The action is not taken any more."""
        self.set()


def repeat(interval: float, action: Callable[..., Any], *args: Any) -> Repeater:
    """Takes an action in a thread of its own, at once and then each `interval` seconds; what is late falls behind."""
    stopped = Repeater()

    def loop() -> None:
        due = time.monotonic()
        while not stopped.wait(max(0.0, due - time.monotonic())):
            action(*args)
            due = max(due + interval, time.monotonic())

    threading.Thread(target=loop, daemon=True).start()
    return stopped


def after(delay: float, action: Callable[..., Any], *args: Any) -> Repeater:
    """Takes an action in a thread of its own, `delay` seconds from now."""
    stopped = Repeater()

    def wait() -> None:
        if not stopped.wait(delay):
            action(*args)

    threading.Thread(target=wait, daemon=True).start()
    return stopped


def get_linger(seconds: Optional[float] = None) -> int:
    """How long messages may still leave a socket that is closed, in milliseconds; -1: for ever."""
    if seconds is None:
        seconds = config["LINGER"]
    return -1 if seconds < 0 else int(float(seconds) * 1000)
