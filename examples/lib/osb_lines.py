"""An agent's program in Python, for those who would rather not read and write lines of JSON.

One file, nothing to install: copy it beside your program, or say where it is with
`env: { PYTHONPATH: ../lib }`. What it speaks is described in specs/commands.md.

    import osb_lines

    agent = osb_lines.Agent()

    @agent.on("inbox")
    def greeted(message):
        agent.send("out", message.upper())

    agent.run()

Handlers and methods run one at a time. What they return is the answer, if one is wanted; one that
yields answers with what it yields and goes on working, as in osBrain. An exception is the answer too,
as an error, and is logged; the program goes on.

Messages may be bytes, or have bytes in them: `agent.send("out", b"...")`. They come as `bytes`, all messages of raw
sockets too. Where the agent offers it, they travel as they are, behind the lines, and not as base64.

A thread reads what the agent says and answers its pings, also while a handler works: so a program
that is busy is told from one that hangs. Code that keeps the interpreter to itself for ten seconds
counts as one that hangs. Calls of methods go before messages that were read and wait.
"""

import base64
import json
import os
import re
import sys
import threading
import time
import traceback
from collections import deque


class Error(Exception):
    """The agent, or the one that was asked, refuses."""


class Agent:
    def __init__(self):
        self.name = None
        self.attributes = {}  # as they were set last, by whomever
        self.sockets = {}  # alias -> kind, as it was at the start
        self.topic = None  # of the publication that is being handled
        self._handlers, self._methods, self._hooks = {}, {}, {}
        self._later, self._last = deque(), 0
        self._reader, self._writing, self._since = None, threading.RLock(), None
        self._framed = False  # bytes go behind lines
        self._raw = set()  # sockets by which all is bytes

    # What the program does, by decorators.

    def on(self, alias, topic=""):
        """Handles the messages of a socket; of a SUB socket, those whose topic begins so."""
        return lambda function: self._handlers.setdefault(alias, []).append((topic, function)) or function

    def handler(self, function):
        """Handles messages whose handler in the topology is `call:NAME`, the function's name."""
        self._handlers["call:" + function.__name__] = [("", function)]
        return function

    def method(self, function):
        """Answers `osb call AGENT NAME PARAMS`: a map gives arguments by name, a list by place."""
        self._methods[function.__name__] = function
        return function

    def started(self, function):
        """Runs when the whole system is wired."""
        self._hooks["start"] = function
        return function

    def stopping(self, function):
        """Runs at the end."""
        self._hooks["stop"] = function
        return function

    # Messages.

    def send(self, alias, message, topic=None):
        """Sends by a socket; what a REQ or a channel is answered goes to its handlers."""
        self._say(type="send", alias=alias, message=message, **_given(topic=topic))

    def request(self, alias, message, timeout=None):
        """Asks by a REQ socket or a channel and waits for the answer, for a `timeout` such as "5s", else 30 s."""
        return self._ask(type="request", alias=alias, message=message, **_given(timeout=timeout))

    # Other agents.

    def agents(self):
        """All agents: a list of {"name", "state", "host"}."""
        return self._ask(type="agents")

    def call(self, agent, name, params=None, timeout=None):
        """Calls a method of another agent and waits for the answer, for a `timeout` such as "5s", else 30 s."""
        return self._ask(type="call", agent=agent, name=name, params=params, **_given(timeout=timeout))

    def spawn(self, name, command=None, **more):
        """Has this agent's host start another, and waits until that does its work. More: env, cwd, attributes, speaks,
        bind ({"alias": "PULL"}), connect ({"alias": "Alice.main"}), restart, timeout."""
        self._ask(type="spawn", name=name, **_given(command=command), **more)

    def remove(self, agent):
        """Ends an agent for good that was spawned, and waits for its end."""
        self._ask(type="remove", agent=agent)

    # Attributes and the log.

    def set(self, **attributes):
        """Sets attributes, for all to see."""
        self.attributes.update(attributes)
        self._say(type="set", attributes=attributes)

    def get(self, name):
        """The value of an attribute, from the agent itself."""
        return self._ask(type="get", name=name)

    def log_debug(self, text):
        self._log("debug", text)

    def log_info(self, text):
        self._log("info", text)

    def log_warning(self, text):
        self._log("warning", text)

    def log_error(self, text):
        self._log("error", text)

    def _log(self, level, text):
        self._say(type="log", level=level, text=str(text))

    # Sockets. `handler` is as in a topology; "command", this program, if it is left away.

    def bind(self, kind, alias, **more):
        """Binds a socket and gives its address. More: handler, transport, addr, serializer."""
        return self._ask(type="bind", kind=kind, alias=alias, **more)["address"]

    def connect(self, to, alias, **more):
        """Connects to "Alice.main", and waits for the proof. More: handler, timeout; kind, for an address."""
        return self._ask(type="connect", to=to, alias=alias, **more)

    def addr(self, alias, agent=None):
        """Where one of its own sockets can be reached, or one of another agent."""
        return self._ask(type="addr", alias=alias, **_given(agent=agent))["address"]

    def close(self, alias, linger=None):
        """Closes a socket. Gives the number of messages that never left."""
        return sum(self._ask(type="close", alias=alias, **_given(linger=linger)).values())

    def close_all(self, linger=None):
        return self._ask(type="close_all", **_given(linger=linger))

    def subscribe(self, alias, handler):
        """Subscribes a SUB socket to topics: {"sport": "command"}, or one handler for all of them."""
        self._ask(type="subscribe", alias=alias, handler=handler)

    def unsubscribe(self, alias, *topics):
        self._ask(type="unsubscribe", alias=alias, topics=topics)

    # Timers. They begin when the system is wired; a late one falls behind, and never piles up.

    def every(self, interval, function=None, alias=None, **what):
        """Calls a function again and again; or decorates one; or has it done: send=, set=."""
        return self._timer({"every": interval}, function, alias, what)

    def after(self, delay, function=None, alias=None, **what):
        """The same once, after a while. Gives the timer's name, by which it can be stopped."""
        return self._timer({"after": delay}, function, alias, what)

    def _timer(self, when, function, alias, what):
        if function is None and not {"send", "call", "set"} & what.keys():
            return lambda function: self._timer(when, function, alias, what) and function
        if function is not None:
            what = {"call": self.method(function).__name__, **what}
        return self._ask(type="timer", **when, **what, **_given(alias=alias))

    def timers(self):
        return self._ask(type="timers")

    def stop_timer(self, alias):
        self._ask(type="stop_timer", alias=alias)

    def stop_timers(self):
        self._ask(type="stop_timers")

    # The loop.

    def run(self):
        """Handles what comes, to the end of the agent. By now all handlers are in place."""
        self._say(type="ready", pings=True)
        for word in iter(self._next, None):
            self._since = time.monotonic()
            self._obey(word)
            self._since = None

    def shutdown(self):
        """Ends the agent."""
        self._say(type="stop")

    def _obey(self, word):
        kind = word["type"]
        if kind == "start":
            self.name, self.sockets = word["agent"], word["sockets"]
            self.attributes.update(word["attributes"])
            self._raw = {alias for alias, by in word.get("serializers", {}).items() if by == "raw"}
        if kind == "attributes":
            self.attributes.update(word["attributes"])
        elif kind in self._hooks:
            self._run(self._hooks[kind])
        elif kind == "call":
            self._answer(word, self._method(word["name"]), _arguments(word["params"]))
        elif kind == "message":
            self._message(word)

    def _message(self, word):
        self.topic = word.get("topic")
        handlers = self._handlers.get("call:" + word.get("handler", "")) or self._handlers.get(word["alias"], [])
        fitting = [function for topic, function in handlers if (self.topic or "").startswith(topic)]
        if "id" in word and not fitting:
            self._say(type="reply", id=word["id"], error=f"{self.name} has no handler for {word['alias']}")
        # A request of a channel that has failed, for its `on_error`.
        message = {"$error": word["error"]} if "error" in word else word["message"]
        if word["alias"] in self._raw and isinstance(message, str):
            message = message.encode()  # it came before the agent had read that bytes are to come as they are
        for function in fitting:
            self._answer(word, function, ([message], {}))

    def _method(self, name):
        def unknown(*_, **__):
            raise Error(f"{self.name} has no method {name!r}")

        return self._methods.get(name, unknown)

    def _answer(self, word, function, arguments):
        """Answers with what the function returns, or with what it yields first."""
        owed = {"type": "reply", "id": word["id"]} if "id" in word else None

        def answer(**outcome):
            nonlocal owed
            if owed:
                self._say(**owed, **outcome)
            owed = None

        try:
            outcome = function(*arguments[0], **arguments[1])
            if hasattr(outcome, "__next__"):
                for early in outcome:
                    answer(message=early)
                outcome = None
            answer(message=outcome)
        except Error as error:
            if not owed:
                self.log_error(error)
            answer(error=str(error))
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}")
            self.log_error(traceback.format_exc().rstrip())

    def _run(self, hook):
        self._answer({}, hook, ([], {}))

    # Lines.

    def _say(self, **word):
        frame = [] if self._framed and word["type"] in ("send", "reply", "request") else None
        line = _line(word, frame) + "\n"
        if not frame:
            self._write(line)
        else:
            self._write_frame([line.encode(), *frame, b"\n"])

    def _pong(self):
        since = self._since
        busy = {} if since is None else {"busy": f"{int((time.monotonic() - since) * 1000)}ms"}
        try:
            # On a line of its own, also if the program is printing one.
            self._write("\n" + _line({"type": "pong", **busy}) + "\n")
        except OSError:
            pass  # the agent has gone, and the end of its lines is next

    def _write(self, text):
        with self._writing:
            sys.stdout.write(text)
            sys.stdout.flush()

    def _write_frame(self, parts):
        """Writes bytes without putting them together first."""
        parts = [memoryview(part).cast("B") for part in parts if len(part)]
        with self._writing:
            sys.stdout.flush()
            while parts:
                written = os.writev(sys.stdout.fileno(), parts[:_PIECES])
                while parts and written >= len(parts[0]):
                    written -= len(parts.pop(0))
                if parts:
                    parts[0] = parts[0][written:]

    def _offered(self, word):
        """Says that bytes may come, and go, behind lines, if the agent knows how."""
        if word.get("frames") and not self._framed:
            self._say(type="frames")
            self._framed = True

    def _ask(self, **word):
        """Says something with an id and waits for its reply; what else comes is seen to later."""
        self._last += 1
        self._say(**word, id=self._last)
        while True:
            heard = self._read()
            if heard is None:
                raise SystemExit(0)
            if heard["type"] == "reply" and heard["id"] == self._last:
                if "error" in heard:
                    raise Error(heard["error"])
                return heard["message"]
            if heard["type"] != "reply":
                self._later.append(heard)

    def _next(self):
        return self._later.popleft() if self._later else self._read()

    def _read(self):
        if self._reader is None:
            self._reader = _Reader(self._pong, self._offered)
        return self._reader.next()


class _Reader:
    """Reads the agent's words in a thread, ahead of the program, and answers its pings."""

    # How many words it reads ahead, how many bytes, and how often it says that it lives when it may read no further.
    WORDS, BYTES, INTERVAL = 100, 1 << 20, 2

    def __init__(self, pong, start):
        self._pong, self._start = pong, start
        self._calls, self._words, self._size, self._end = deque(), deque(), 0, None
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def next(self):
        """The next word; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._words or self._end)
            if self._calls or self._words:
                word, size = (self._calls or self._words).popleft()
                self._size -= size
                self._changed.notify_all()
                return word
        if isinstance(self._end, Exception):
            raise self._end
        return None

    def _run(self):
        end = True
        try:
            # Not by sys.stdin, whose lock would be held at the end of the program.
            for line, frame in _words(lambda most: os.read(0, most)):
                self._take(line, frame)
        except Exception as error:
            end = error
        with self._changed:
            self._end = end
            self._changed.notify_all()

    def _take(self, line, frame):
        word = _read(line, frame)
        kind, size = word["type"], len(line) + len(frame or b"")
        if kind == "ping":
            return self._pong()
        if kind == "start":
            self._start(word)
        with self._changed:
            # Calls overtake messages, but not the beginning.
            overtakes = kind in ("call", "attributes") and all(it[0]["type"] in _YIELD for it in self._words)
            (self._calls if overtakes else self._words).append((word, size))
            self._size += size
            self._changed.notify_all()
        while self._is_full():
            self._pong()

    def _is_full(self):
        def has_room():
            return len(self._calls) + len(self._words) < self.WORDS and self._size < self.BYTES

        with self._changed:
            return not self._changed.wait_for(has_room, timeout=self.INTERVAL)


# The longest line that the agent reads, and the longest frame, in bytes.
_LONGEST = 16 << 20
# How many pieces are written at once.
_PIECES = 512
# What calls overtake.
_YIELD = ("message", "reply")


def _words(read):
    """The lines of a stream without their ends, each with the frame behind it, or None."""
    buffer, at = b"", 0

    def line():
        """The next line; None at the end."""
        nonlocal buffer, at
        parts = []
        while (end := buffer.find(b"\n", at)) < 0:
            parts.append(buffer[at:])
            # Not many lines at once: the agent looks how fast they are read, and calls wait until they are.
            buffer, at = read(1 << 12 if len(parts) < 2 else 1 << 16), 0
            if not buffer:
                return None
        parts.append(buffer[at:end])
        at = end + 1
        return b"".join(parts)

    def frame(length):
        nonlocal buffer, at
        parts = [buffer[at : at + length]]
        at += len(parts[0])
        missing = length - len(parts[0])
        while missing:
            buffer = read(1 << 16)
            if not buffer:
                raise EOFError("the agent's words end within a frame")
            parts.append(buffer[:missing])
            at = len(parts[-1])
            missing -= at
        line()  # its end
        return b"".join(parts)

    while (text := line()) is not None:
        announced = _ANNOUNCED.search(text)
        yield text, frame(int(announced[1])) if announced else None


# The agent writes how long the frame is at the end of the line.
_ANNOUNCED = re.compile(rb',"bytes":([0-9]+)\}$')


def _read(line, frame):
    """The word of a line, with its bytes."""
    if frame is None and b'"$base64"' not in line:
        return json.loads(line)

    def made(value):
        if len(value) == 1:
            if "$bytes" in value and frame is not None:
                start, end = value["$bytes"]
                return frame[start:end]
            try:
                return base64.b64decode(value["$base64"], validate=True)
            except (KeyError, TypeError, ValueError):
                pass  # it stands for nothing but itself
        return value

    word = json.loads(line, object_hook=made)
    if frame is not None:
        word.setdefault("message", frame)
        del word["bytes"]
    return word


def _line(word, frame=None):
    """The word as a line; its bytes are added to the frame, if there may be one. What the agent could not read, or would not
    keep exactly, is an error here."""
    length = 0

    def made(value):
        nonlocal length
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"{type(value).__name__} is no value of JSON, and no bytes")
        if frame is None:
            return {"$base64": base64.b64encode(value).decode()}
        view = memoryview(value).cast("B")
        frame.append(view)
        length += len(view)
        return {"$bytes": [length - len(view), length]}

    line = json.dumps(word, allow_nan=False, default=made)
    if frame:
        if length > _LONGEST:
            raise ValueError(f"{length} bytes in a message: the agent reads {_LONGEST} at most")
        line = f'{line[:-1]}, "bytes": {length}}}'
    if b"\x80" in (word.get("topic") or "").encode():
        raise ValueError(f"the topic {word['topic']!r} has a character with the byte 0x80 in it, which ends a topic")
    if len(line) > _LONGEST:
        raise ValueError(f"a line of {len(line)} bytes: the agent reads {_LONGEST} at most")
    if r"\ud" in line:
        json.dumps(word, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    if re.search(r"\d{19}", line):
        _refuse_large(word)
    return line


def _refuse_large(value):
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError(f"{value}: the number is too large to be kept exactly")
    if isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_large(inner)


def _given(**values):
    return {name: value for name, value in values.items() if value is not None}


def _arguments(params):
    if isinstance(params, dict):
        return [], params
    if isinstance(params, list):
        return params, {}
    return ([] if params is None else [params]), {}
