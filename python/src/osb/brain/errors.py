"""Errors by the names that programs for osBrain know, and errors of other agents."""

from __future__ import annotations

from ..errors import OsbError


class PyroError(OsbError):
    """What goes wrong between a proxy and what it stands for."""


class NamingError(PyroError):
    """A name server is not there, or does not know the name."""


class ConnectionClosedError(PyroError):
    """An agent or a name server went away."""


class RemoteError(OsbError):
    """An error of another agent whose class is not known here: the text names it."""


class RemoteTraceback(Exception):
    """The cause of an error that another agent has raised: where it was raised there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text.rstrip()}"
