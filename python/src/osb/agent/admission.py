"""Which peers are admitted at an agent's data sockets, in a closed system: other agents, by their keys, each at the
sockets that are for it. libzmq asks by ZAP; the name server says whose a key is, and meanwhile the handshake waits.

The stock libzmq does not say by which connection a key has come, so connections by keys that are revoked go on until
the other end leaves; new ones are refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List

import zmq
import zmq.utils.z85

from ..errors import Fault

if TYPE_CHECKING:
    from .control import Control
    from .run import Run

#: What the ZAP domain of a socket begins with; its alias follows.
DOMAIN = "osb/"
#: What stands for the socket by which taps are shown: no alias has a slash.
TAP_DOOR = "/tap"
#: How often the log says at most that peers are refused, in seconds.
_AGAIN = 10.0
#: How long the name server may take to say whose a key is, in seconds.
_PATIENCE = 3.0


class Admission:
    """Answers libzmq. All of it runs in the control thread."""

    def __init__(self, run: "Run", control: "Control", context: Any) -> None:
        self._run, self._control = run, control
        self._known: Dict[str, Any] = {}
        self._waiting: Dict[str, List[List[bytes]]] = {}
        self._told = 0.0
        self.socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")

    def attend(self) -> None:
        """Takes what libzmq has asked."""
        while True:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            self._take(frames)

    def _take(self, frames: List[bytes]) -> None:
        if len(frames) < 9 or frames[7] != b"CURVE" or not frames[4].startswith(DOMAIN.encode()):
            if len(frames) > 3:
                self._answer(frames, "400", "not osb's")
            return
        key = zmq.utils.z85.encode(frames[8]).decode()
        if frames[4].decode(errors="replace") == f"{DOMAIN}{TAP_DOOR}":
            # By a key that a member of the level has told this agent.
            is_known = self._run.taps.expects(key)
            return self._answer(frames, "200" if is_known else "400", "" if is_known else "nobody looks by that key")
        waiting = self._waiting.setdefault(key, [])
        waiting.append(frames)
        if len(waiting) == 1:
            then = lambda outcome: self._settle(key, outcome)  # noqa: E731
            self._control.ask("", "whose", {"key": key}, _PATIENCE, then, here=True)

    def _settle(self, key: str, outcome: Any) -> None:
        waiting = self._waiting.pop(key, [])
        is_silent = isinstance(outcome, Fault) and outcome.code in ("deadline", "gone", "unreachable")
        holder = self._known.get(key) if is_silent else outcome
        for frames in waiting:
            alias = frames[4].decode(errors="replace")[len(DOMAIN) :]
            if holder is None:
                self._answer(frames, "300", "later")
            elif isinstance(holder, Fault) or not ("agent" in holder or "guest" in holder):
                self._known.pop(key, None)
                self._answer(frames, "400", "the key is unknown")
                self._note(f"a peer with an unknown key is refused at {alias}")
            elif self._run.admits(alias, holder):
                self._known[key] = holder
                self._answer(frames, "200", "")
            else:
                self._answer(frames, "500", "no wire leads here")
                self._note(f"{next(iter(holder.values()))} is refused at {alias}: no wire leads there")

    def _note(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told >= _AGAIN:
            self._told = now
            self._run.log.warning(text)

    def _answer(self, frames: List[bytes], status: str, text: str) -> None:
        user = b"agent" if status == "200" else b""
        answer = [frames[0], b"", b"1.0", frames[3], status.encode(), text.encode(), user, b""]
        try:
            self.socket.send_multipart(answer, zmq.NOBLOCK)
        except zmq.ZMQError:
            pass  # who has dialled is gone

    def revoke(self, keys: List[str]) -> None:
        """These are not admitted any more."""
        for key in keys:
            self._known.pop(key, None)
