"""Pickles, for those who have asked for them: to read one is to run code of whoever has written it.

So only a closed system has them, where every member is known by its key, and only an agent reads them that says
`allow_pickle=True`. The agent's sockets see to both; nothing else in the package reads one.
"""

from __future__ import annotations

import pickle
from typing import Any

from .tags import ValueProblem

#: The newest form that all Pythons know that osb runs on.
_FORM = 5


def write(message: Any) -> bytes:
    """A message as a pickle. Raises ValueProblem."""
    try:
        return pickle.dumps(message, _FORM)
    except Exception as error:  # of the value's own code
        raise ValueProblem(f"not to be pickled: {error or type(error).__name__}") from None


def read(frame: Any) -> Any:
    """The message in a pickle, by whatever code that names. Raises ValueProblem."""
    try:
        return pickle.loads(frame)
    except Exception as error:
        raise ValueProblem(f"not a pickle that can be read here: {error or type(error).__name__}") from None


def refuse(frame: Any) -> Any:
    """What reads pickles where nobody has allowed that."""
    raise ValueProblem("a pickle, which is read by agents only that say allow_pickle=True")
