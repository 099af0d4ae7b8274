"""How far an agent has come from its spec to its work. It is led to a step, or goes the whole way alone."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set

ORDER = ("configure", "wire", "settle", "go")
_BEGIN = ("wire", "settle", "go")


class Steps:
    """The steps of one agent."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """It goes by no spec."""
        self._to: Optional[str] = None
        self.alone = False
        self._begun: Set[str] = set()
        self._passed: Set[str] = set()
        self._done: Set[str] = set()
        self.fault: Optional[Dict[str, Any]] = None
        self.wired = False

    def on_configured(self) -> None:
        """It has become what its spec says."""
        self.clear()
        self._done.add("configure")

    def on_altered(self) -> None:
        """It is to be what another version says: its wires are proven again, and it works on meanwhile."""
        for steps in (self._begun, self._passed, self._done):
            steps.discard("wire")
        self.alone = False
        self.lead("wire")

    def lead(self, to: str) -> None:
        """It is led to that step, or further if it was led further before."""
        self.fault = None
        if self._to is None or ORDER.index(to) > ORDER.index(self._to):
            self._to = to

    def lead_alone(self, to: str) -> None:
        """It goes alone to that step: a wire that leads to what is not there does not keep it."""
        self.alone = True
        self.lead(to)

    def begin(self) -> Optional[str]:
        """The step that is to begin now."""
        following = next((step for step in _BEGIN if step not in self._begun), None)
        if self._to is None or following is None:
            return None
        may = following == "wire" or "wire" in self._passed
        if not may or ORDER.index(following) > ORDER.index(self._to):
            return None
        self._begun.add(following)
        return following

    def is_under_way(self, step: str) -> bool:
        """Whether it takes the step now."""
        return step in self._begun and step not in self._passed

    def on_done(self, step: str) -> bool:
        """The step is taken. True if that is news."""
        self.wired = self.wired or step == "wire"
        self._passed.add(step)
        news = step not in self._done
        self._done.add(step)
        return news

    def on_failed(self, step: str, fault: Dict[str, Any]) -> None:
        """The step came to nothing. One that goes alone goes on; another is led no further, until it is led again."""
        self.wired = self.wired or step == "wire"
        if self.alone:
            self._passed.add(step)
            return
        self._begun.discard(step)
        self._to = None
        self.fault = fault

    def done(self) -> List[str]:
        """The steps that were taken, in their order."""
        return [step for step in ORDER if step in self._done]
