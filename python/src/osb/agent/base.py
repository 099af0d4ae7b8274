"""What all parts of an agent, as its author sees it, have in common."""

from __future__ import annotations

from typing import Any, Callable, Optional, TypeVar

from ..errors import OsbError
from ..nameserver import NameServer
from .code import Code
from .executing import Current
from .log import Log
from .run import Run

F = TypeVar("F", bound=Callable[..., Any])


class Base:
    """Its code, its log, and what it does now."""

    code: Code
    log: Log
    _name: Optional[str]
    _run: Optional[Run]
    _current: Current
    _link: Optional[NameServer]

    @property
    def name(self) -> str:
        """Its name; what the code says, until it runs."""
        return self._run.name if self._run is not None else self._name or ""

    @property
    def _r(self) -> Run:
        if self._run is None:
            raise OsbError("the agent does not run yet: do this in on_init, or when it has started")
        return self._run
