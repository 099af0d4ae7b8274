"""A client's lanes: to agents of this machine that it calls again and again, without the way by the name server.

In open systems alone: in a closed one, it is the name server that knows who asks. What a lane cannot do, because it has ended
before the request has left, goes by the name server as ever.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from . import wire
from .errors import Fault, OsbError

#: The lengths of the two frames of a message.
LENGTHS = struct.Struct(">II")
#: The call of an agent for which a lane is asked for: one that is called once needs none.
_FREQUENT = 3
#: How often the name server is asked about an agent that does not answer, in seconds.
_DOUBT = 3.0
_ASKING = 5.0


def joined(frames: List[bytes]) -> bytes:
    """A message as bytes of a stream."""
    return b"".join((LENGTHS.pack(len(frames[0]), len(frames[1])), *frames))


class Ended(Exception):
    """The lane has ended before the request has left."""


class Lane:
    """One of them. It asks one thing at a time."""

    def __init__(self, agent: str, path: str, token: str) -> None:
        self.agent = agent
        self.lock = threading.Lock()
        self._last = 0
        self._stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stream.settimeout(_ASKING)
        try:
            self._stream.connect(path)
            self._stream.sendall(joined([b"token", token.encode()]))
        except BaseException:
            self._stream.close()
            raise

    def ask(self, body: bytes, deadline_ms: int, until: float, doubt: Callable[[], None]) -> Any:
        """Raises Fault; Ended; and TimeoutError when `until` has come. `doubt` is called while no answer comes."""
        self._check()
        self._last += 1
        header = wire.Envelope(wire.Kind.REQUEST, self._last, deadline_ms).encode()
        try:
            self._stream.settimeout(_ASKING)
            self._stream.sendall(joined([header, body]))
        except (BrokenPipeError, ConnectionResetError):
            raise Ended from None
        except socket.timeout:
            raise TimeoutError from None
        message = wire.read(self._receive(until, doubt))
        if message.envelope.kind is wire.Kind.ERROR:
            raise Fault.of_body(message.body)
        return message.body

    def _check(self) -> None:
        """Nothing but its end can have come now. Raises Ended."""
        if self._stream.fileno() < 0:
            raise Ended
        self._stream.setblocking(False)
        try:
            self._stream.recv(1)
        except BlockingIOError:
            return
        except OSError:
            pass
        raise Ended

    def _receive(self, until: float, doubt: Callable[[], None]) -> List[bytes]:
        first, second = LENGTHS.unpack(self._exactly(LENGTHS.size, until, doubt))
        both = self._exactly(first + second, until, doubt)
        return [both[:first], both[first:]]

    def _exactly(self, count: int, until: float, doubt: Callable[[], None]) -> bytes:
        data = b""
        while len(data) < count:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                self._stream.settimeout(min(left, _DOUBT))
                part = self._stream.recv(count - len(data))
            except socket.timeout:
                doubt()
                continue
            except ConnectionResetError:
                part = b""
            except OSError:
                raise OsbError(f"the connection to {self.agent} is closed") from None
            if not part:
                raise Fault("gone", peer=self.agent)
            data += part
        return data

    def close(self) -> None:
        """It asks no more."""
        self._stream.close()


class Lanes:
    """Those of one client, by the names of the agents."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        """`ask` asks by the name server."""
        self._ask = ask
        self._counts: Dict[str, int] = {}
        self._there: Dict[str, Optional[Lane]] = {}
        #: Agents that were told something by the name server since they have answered last.
        self.told: "set[str]" = set()

    def find(self, agent: str) -> Optional[Lane]:
        """The lane to an agent that is called often; None: there is none, or not yet."""
        if agent in self._there:
            return self._there[agent]
        count = self._counts[agent] = self._counts.get(agent, 0) + 1
        if count < _FREQUENT or not hasattr(socket, "AF_UNIX"):
            return None
        lane: Optional[Lane] = None
        try:
            told = self._ask(agent, "lane", {}, _ASKING)
            lane = Lane(agent, told["path"], told["token"])
        except (OsbError, OSError, KeyError, TypeError):
            pass  # an agent in another language, or on another machine: the name server leads there
        self._there[agent] = lane
        return lane

    def drop(self, lane: Lane) -> None:
        """It has ended, or is in no good state. There may be another one soon, of the agent's next life."""
        lane.close()
        if self._there.get(lane.agent) is lane:
            del self._there[lane.agent]
            self._counts[lane.agent] = 0

    def close(self) -> None:
        """The end of all."""
        for lane in self._there.values():
            if lane is not None:
                lane.close()
        self._there.clear()
