"""One socket of an agent: what libzmq has for its kind, how it is reached, and what goes by it.

It sends and receives frames. What is done with messages is not known here.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Optional, Set, Tuple

import zmq

from .. import handlers as forms
from ..address import Address
from ..kinds import Kind
from ..line import dial_with, seen_in, told_by, watch
from ..values import decoder
from .admission import DOMAIN
from .core import stream
from .endpoints import CannotBind, make, make_room
from .endpoints import bind as bind_at
from .lines import Lines
from .links import Link

if TYPE_CHECKING:
    from ..dial import Keys

MARK = b"\xffosb-proof\xff"
SEPARATOR = b"\x80"
PUBLIC, PRIVATE = b"\x01", b"\x02"
#: How many messages wait for a socket that takes none, before who sends has to wait.
_WAITING = 1000
#: How long a pair of free ports is looked for.
_ATTEMPTS = 32
_LONGEST_PATH = 107

Frames = List[Any]


class Parcel:
    """Frames that wait until the socket takes them."""

    def __init__(self, frames: Frames, taken: Optional[Callable[[], None]], id: Optional[int] = None) -> None:
        self.frames, self.taken, self.id = frames, taken, id


class Slot:
    """A socket with its alias. All of it is for the work loop."""

    def __init__(
        self, context: Any, alias: str, kind: Kind, serializer: str, handlers: Dict[str, Any], keys: "Optional[Keys]"
    ) -> None:
        self.alias, self.kind, self.serializer, self.keys = alias, kind, serializer, keys
        self.handlers = handlers
        self.replies: Dict[str, Any] = {}
        self.decode = decoder(serializer)
        self.socket = make(context, kind)
        self.monitors: Dict[Any, Any] = {}
        #: The second socket of a SYNC channel, by which requests go.
        self.beside: Any = None
        self.token = secrets.token_bytes(16)
        if kind is Kind.SYNC_PUB:
            self.beside = make(context, Kind.ASYNC_REP)
        elif kind is Kind.SYNC_SUB:
            self.beside = make(context, Kind.ASYNC_REQ)
        self.bound: Optional[Address] = None
        self.asked: Optional[Dict[str, Any]] = None
        self.admits: Dict[str, Any] = {}
        self.admitted: List[Dict[str, str]] = []
        self.by_hand = False
        self.links: List[Link] = []
        self.outbox: Deque[Parcel] = deque()
        self.topics: Set[bytes] = set()
        self.seen: Set[bytes] = set()
        self.early: Deque[Tuple[bytes, Frames, Any]] = deque(maxlen=1000)
        self.received = self.sent = self.dropped = self.garbled = 0
        #: Requests that are to be answered still.
        self.owed = 0
        self.lines = Lines()
        #: Who looks at what passes, if anybody does: `taps.Onlookers`.
        self.onlookers: Any = None
        #: It sends nothing: its only other end is being left.
        self.paused = False
        #: Whether the last message was large: then frames are not copied.
        self.large = False
        self._files: List[Path] = []

    # What it is.

    @property
    def outlet(self) -> Any:
        """By which what it sends of its own accord leaves."""
        return self.beside if self.kind is Kind.SYNC_SUB else self.socket

    @property
    def inlet(self) -> Any:
        """By which messages for handlers arrive."""
        return self.beside if self.kind is Kind.SYNC_PUB else self.socket

    def sockets(self) -> List[Any]:
        """Those of libzmq."""
        return [self.socket] if self.beside is None else [self.socket, self.beside]

    def address(self) -> Optional[Address]:
        """Where it is bound, or else to what it has connected first."""
        if self.bound is not None:
            return self.bound
        if not self.links:
            return None
        there = self.links[0].server
        return Address(self.kind, there.address, "client", there.transport, there.serializer, there.requests, there.key)

    def held(self) -> Dict[str, Any]:
        """With all that is needed to make it again."""
        if self.bound is not None:
            end: Dict[str, Any] = {"bound": {"endpoint": self.asked, "admits": self.admits}}
        else:
            end = {"connected": {"to": [{"to": it.to, "address": it.server.address} for it in self.links]}}
        held = {"alias": self.alias, "kind": self.kind.value, "serializer": self.serializer, "handlers": self.handlers}
        return {**held, **({"replies": self.replies} if self.replies else {}), "end": end}

    def stats(self) -> Dict[str, int]:
        """Its counts, as the request `status` has them."""
        return {
            "received": self.received, "sent": self.sent, "dropped": self.dropped,
            "waiting": len(self.outbox), "unconfirmed": 0, "garbled": self.garbled,
        }  # fmt: skip

    # Binding and connecting.

    def bind(self, endpoint: Dict[str, Any], agent: str, advertise: str, folder: Callable[[], str]) -> None:
        """Binds it. Raises CannotBind."""
        self._close_to_unknown_keys()
        if self.kind in (Kind.PULL, Kind.REP, Kind.ASYNC_REP):
            self.monitors[self.socket] = watch(self.socket)
        if endpoint["transport"] == "ipc":
            address, requests = self._bind_ipc(endpoint.get("path"), agent, folder)
        else:
            address, requests = self._bind_tcp(endpoint["ip"], endpoint["port"], advertise)
        key = self.keys.public if self.keys is not None else None
        self.bound = Address(self.kind, address, "server", endpoint["transport"], self.serializer, requests, key)

    def _close_to_unknown_keys(self) -> None:
        if self.keys is None:
            return
        for it in self.sockets():
            it.curve_server = 1
            it.curve_secretkey = self.keys.secret.encode()
            it.zap_domain = f"{DOMAIN}{self.alias}".encode()

    def _bind_tcp(self, ip: str, port: int, advertise: str) -> Tuple[str, Optional[str]]:
        if ip == "0.0.0.0" and ":" in advertise:
            ip = "::"
        host = f"[{ip}]" if ":" in ip else ip
        shown = advertise if ip in ("0.0.0.0", "::") else ip
        shown = f"[{shown}]" if ":" in shown else shown
        rejected = []
        for attempt in range(_ATTEMPTS if port == 0 and self.kind is Kind.SYNC_PUB else 1):
            first = bind_at(self.socket, f"tcp://{host}:{port or '*'}", f"tcp://{host}:{port}")
            number = int(first.rpartition(":")[2])
            if self.kind is not Kind.SYNC_PUB:
                return f"tcp://{shown}:{number}", None
            try:
                bind_at(self.beside, f"tcp://{host}:{number + 1}", f"tcp://{host}:{number + 1}")
            except CannotBind as error:
                # Held until there is a pair: else the next free port might be the same again.
                rejected.append(first)
                last = CannotBind(error.address, f"{error.reason}; its requests arrive there")
                continue
            for endpoint in rejected:
                self.socket.unbind(endpoint)
            return f"tcp://{shown}:{number}", f"tcp://{shown}:{number + 1}"
        raise last

    def _bind_ipc(self, path: Optional[str], agent: str, folder: Callable[[], str]) -> Tuple[str, Optional[str]]:
        place = Path(folder()) / (path or f"{agent}.{self.alias}")
        addresses = []
        for it, end in zip(self.sockets(), (place, Path(f"{place}~requests"))):
            address = f"ipc://{end}"
            if len(os.fsencode(str(end))) > _LONGEST_PATH:
                raise CannotBind(address, f"a path of a socket has {_LONGEST_PATH} bytes at most: choose a shorter one")
            make_room(end)
            bind_at(it, address, address)
            self._files.append(end)
            addresses.append(address)
        return addresses[0], addresses[1] if len(addresses) > 1 else None

    def connect(self, server: Address, to: Optional[str], now: float) -> Link:
        """Begins to connect, watched from the first moment. One that leads to the same name at another address is
        replaced; one that is there already stays. Raises ValueError with a reason."""
        there = next((link for link in self.links if self._is_same(link, server, to)), None)
        if there is not None and there.server.address == server.address and there.server.key == server.key:
            there.to = there.to or to
            return there
        if there is not None:
            self.disconnect(there)
        self._take_key(server)
        link = Link.begin(server, to, now)
        self.links.append(link)
        self._dial(link)
        return link

    @staticmethod
    def _is_same(link: Link, server: Address, to: Optional[str]) -> bool:
        return link.to == to if to is not None else link.server.address == server.address

    def _take_key(self, server: Address) -> None:
        if self.keys is None:
            if server.key is not None:
                raise ValueError(f"{server.address} admits by key, and this agent has none: its system is open")
            return
        if server.key is None:
            raise ValueError(f"this system is closed, and the key of the socket at {server.address} is not known")
        for it in self.sockets():
            dial_with(it, self.keys.public, self.keys.secret, server.key)

    def _dial(self, link: Link) -> None:
        for it, at in zip(self.sockets(), link.ends):
            if it not in self.monitors:
                self.monitors[it] = watch(it)
            try:
                if "[" in at:
                    it.ipv6 = 1
                it.connect(at)
            except zmq.ZMQError as error:
                self.links.remove(link)
                raise ValueError(str(error.strerror).lower()) from None

    def disconnect(self, link: Link) -> None:
        """Ends a connection."""
        self.links.remove(link)
        for it, at in zip(self.sockets(), link.ends):
            try:
                it.disconnect(at)
            except zmq.ZMQError:
                pass  # it has ended by itself

    def redial(self, link: Link, now: float) -> Link:
        """Ends a connection, and makes it anew."""
        self.disconnect(link)
        return self.connect(link.server, link.to, now)

    def read_monitors(self, now: float) -> Tuple[bool, bool]:
        """Takes what was seen of its connections. Whether that changes anything, and whether one was lost."""
        changed = lost = False
        for monitor in self.monitors.values():
            while monitor.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                frames = monitor.recv_multipart()
                if monitor is self.monitors.get(self.socket):
                    self.lines.note(*told_by(frames), self.received)
                seen, at = seen_in(frames)
                for link in self.links:
                    if seen is not None and at in link.ends:
                        was = link.ends[at].proven
                        changed |= link.ends[at].note(seen, now)
                        lost |= was and not link.ends[at].proven
        return changed, lost

    def leads_to(self, at: str) -> Optional[str]:
        """Whose socket is at an address that was dialled, if it is an agent of the same name server."""
        links = [link for link in self.links if link.server.address == at] if len(self.links) > 1 else self.links
        to = links[0].to if links else None
        return to if to is not None and "@" not in to else None

    # Subscriptions.

    def subscribe_to_handlers(self) -> None:
        """Subscribes to what its handlers are for, and to nothing else."""
        lead = PUBLIC if self.kind is Kind.SYNC_SUB else b""
        wanted = {lead + topic.encode() for topic in forms.topics(self.handlers)}
        if self.kind is Kind.SYNC_SUB:
            wanted.add(PRIVATE + self.token)
        for topic in wanted - self.topics:
            self.socket.subscribe(topic)
        for topic in self.topics - wanted:
            self.socket.unsubscribe(topic)
        self.topics = wanted

    def read_subscriptions(self) -> bool:
        """A publisher reads what its subscribers want. True if there is news of a proof or a requester."""
        news = False
        while self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            frame = self.socket.recv()
            wanted = frame[1:]
            if not (wanted.startswith(MARK) or (self.kind is Kind.SYNC_PUB and wanted.startswith(PRIVATE))):
                continue
            if frame[:1] == b"\x01":
                self.seen.add(wanted)
                news = True
            elif frame[:1] == b"\x00":
                self.seen.discard(wanted)
        return news

    # Sending.

    def publication(self, body: bytes, topic: str) -> bytes:
        """A message as this publisher sends it."""
        lead = PUBLIC if self.kind is Kind.SYNC_PUB else b""
        divider = b"" if self.serializer == "raw" else SEPARATOR
        return b"".join((lead, topic.encode(), divider, body))

    def offer(self, frames: Frames, taken: Optional[Callable[[], None]] = None, id: Optional[int] = None) -> bool:
        """Sends, or has it wait until that is possible: `taken` is called then. False if it waits."""
        if not self.outbox and self._send(frames):
            if taken is not None:
                taken()
            return True
        self.outbox.append(Parcel(frames, taken, id))
        return False

    def has_room(self) -> bool:
        """Whether another message may wait."""
        return len(self.outbox) < _WAITING

    def flush(self) -> None:
        """Sends of what waits what the socket takes now."""
        while self.outbox:
            parcel = self.outbox[0]
            if not self._send(parcel.frames):
                return
            self.outbox.popleft()
            if parcel.taken is not None:
                parcel.taken()

    def withdraw(self, id: int) -> None:
        """A request that waits is not sent any more."""
        self.outbox = deque(it for it in self.outbox if it.id != id)

    def _send(self, frames: Frames) -> bool:
        if self.paused:
            return False
        try:
            if len(frames) == 1:
                self.outlet.send(frames[0], zmq.NOBLOCK)
            else:
                self.outlet.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        self.sent += 1
        if self.onlookers is not None:
            self._note_left(frames)
        return True

    def _note_left(self, frames: Frames) -> None:
        body = frames[-1]
        if len(frames) > 1:
            self.onlookers.note(True, stream.REQUEST, int.from_bytes(bytes(frames[-3]), "big"), body)
        elif self.kind.does("publishes"):
            # Before it is what tells it from an answer.
            self.onlookers.note(True, stream.PUBLICATION, 0, body[1:] if self.kind is Kind.SYNC_PUB else body)
        else:
            self.onlookers.note(True, stream.MESSAGE, 0, body)

    def note_arrival(self, sort: int, body: Any, pair: int = 0) -> None:
        """A message has arrived: who looks is told."""
        if self.onlookers is not None:
            self.onlookers.note(False, sort, pair, body)

    def request_frames(self, id: int, body: bytes) -> Frames:
        """A request with its number."""
        lead = [self.token] if self.kind is Kind.SYNC_SUB else []
        return [*lead, id.to_bytes(8, "big"), b"", body]

    def answer(self, path: Frames, body: bytes) -> None:
        """Answers a request. A peer that has gone does not get it: that is counted."""
        try:
            if self.kind is Kind.SYNC_PUB:
                token, id = path[1], path[2]
                if len(path) != 4 or len(id) != 8 or PRIVATE + token not in self.seen:
                    raise zmq.ZMQError(zmq.EHOSTUNREACH)
                # Among the publications, so that it is in order with them; only the requester gets it.
                self.socket.send(b"".join((PRIVATE, token, id, body)), zmq.NOBLOCK)
            else:
                self.socket.send_multipart([*path, body], zmq.NOBLOCK)
            self.sent += 1
            if self.onlookers is not None:
                self.onlookers.note(True, stream.ANSWER, pair_of(path), body)
        except zmq.ZMQError:
            self.dropped += 1

    # The end.

    def close(self, linger_ms: int) -> int:
        """Closes it. Tells how many messages never left the agent."""
        self.flush()
        for it in self.sockets():
            if it in self.monitors:
                it.disable_monitor()
                self.monitors[it].close(0)
            it.close(linger_ms)
        for file in self._files:
            try:
                file.unlink()
            except OSError:
                pass  # libzmq has removed it, or another has
        return len(self.outbox)


def pair_of(path: Frames) -> int:
    """The way back of a request is another for each that is under way: a number for it."""
    return (hash(tuple(bytes(frame) for frame in path)) & (1 << 64) - 1) or 1


def new_token(agent: str, alias: str, other: str, incarnation: int) -> str:
    """A token that no other wire has."""
    return f"{agent}.{alias}>{other}/{incarnation:x}/{random.getrandbits(32)}"


def token_subscription(token: str) -> bytes:
    """What a token is subscribed to as."""
    return MARK + token.encode()


