"""An agent becomes what another version of its spec says, while it runs: it does what is otherwise, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List

from ..errors import Fault
from .draining import leave
from .sockets import joined

if TYPE_CHECKING:
    from .run import Run
    from .leading import Leading

Edit = Any


def by_topic(handlers: Dict[str, Any]) -> Dict[str, List[str]]:
    """Handlers of all messages are those of the topic that begins every other."""
    return dict(handlers["by_topic"]) if "by_topic" in handlers else {"": list(handlers["all"])}


def alter(run: "Run", leading: "Leading", params: Dict[str, Any]) -> None:
    """Carries out the edits. What can be seen beforehand is; a fault after that leaves the agent without a version."""
    given = leading.given
    if given.version != params["from"]:
        reason = f"{params['spec']['name']} does not go by version {params['from']} of its spec"
        raise Fault("refused", reason=reason)
    edits = params["edits"]
    _check(run, leading, edits)
    bound: List[str] = []
    try:
        for edit in edits:
            _bind_new(run, leading, edit, edits, bound)
    except Fault:
        for alias in bound:
            run.sockets.close(alias, 0)
        raise
    try:
        for edit in edits:
            (kind, what), = edit.items()
            if kind == "close" and params.get("back") and what["alias"] in given.taken_over:
                give_back(run, leading, what["alias"])
            elif not (kind == "bind" and what["alias"] in bound):
                _EDITS[kind](run, leading, what)
    except Fault:
        given.version = None
        run.note_change()
        raise
    given.version = params["version"]
    run.steps.on_altered()
    run.note_change()


def _check(run: "Run", leading: "Leading", edits: List[Edit]) -> None:
    stopped = [run.timers.like(edit["stop_timer"]) for edit in edits if "stop_timer" in edit]
    for edit in edits:
        (kind, what), = edit.items()
        if kind not in _EDITS:
            raise Fault("bad_request", reason=f"no edit is called {kind}")
        if kind == "timer" and what.get("alias") not in stopped:
            leading.check_timers([what])
        if kind == "handle" and what.get("handlers") is not None:
            run.sockets.check_handlers(run.sockets.find(what["alias"]).kind, what["handlers"])


def _bind_new(run: "Run", leading: "Leading", edit: Edit, edits: List[Edit], bound: List[str]) -> None:
    socket = edit.get("bind")
    if socket is None:
        return
    is_closed = any(it.get("close", {}).get("alias") == socket["alias"] for it in edits)
    if not is_closed and leading.made_by_hand(socket) is None:
        bound.append(run.sockets.bind(socket).alias)


def _disconnect(run: "Run", leading: "Leading", what: Edit) -> None:
    """Left when all other wires are proven."""
    given = leading.given
    ends = (what["alias"], given.own_name(what["to"]))
    given.wires = [wire for wire in given.wires if (wire["alias"], wire["to"]) != ends]
    given.former.append(ends)
    _handle_wires(run, leading, what["alias"])


def leave_former(run: "Run", leading: "Leading") -> List[Callable[[], bool]]:
    """Leaves the ends that the spec has no more: what comes back tells of each whether that is done."""
    former, leading.given.former = leading.given.former, []
    leaving = []
    for ends in former:
        kept = run.wiring.kept.get(ends)
        if kept is not None:
            run.wiring.forget(kept)
            leaving.append(leave(run, kept))
    run.note_change()
    return leaving


def _close(run: "Run", leading: "Leading", what: Edit) -> None:
    given, alias = leading.given, what["alias"]
    given.wires = [wire for wire in given.wires if wire["alias"] != alias]
    given.former = [ends for ends in given.former if ends[0] != alias]
    given.taken_over.pop(alias, None)
    if run.sockets.get(alias) is not None:
        run.sockets.close(alias, 1000)


def _bind(run: "Run", leading: "Leading", what: Edit) -> None:
    if leading.made_by_hand(what) is not None:
        leading.take_over(what)
    else:
        run.sockets.bind(what)


def _connect(run: "Run", leading: "Leading", what: Edit) -> None:
    given = leading.given
    wire = given.own_wire(what)
    if wire is None:
        return
    ends = (wire["alias"], wire["to"])
    given.former = [former for former in given.former if former != ends]
    given.wires = [it for it in given.wires if (it["alias"], it["to"]) != ends] + [wire]
    _handle_wires(run, leading, wire["alias"])


def _handle_wires(run: "Run", leading: "Leading", alias: str) -> None:
    """The messages of a socket are handled as all its wires say."""
    slot = run.sockets.get(alias)
    own = [wire for wire in leading.given.wires if wire["alias"] == alias]
    if slot is None or not own:
        return
    handlers = own[0]["handlers"]
    for wire in own[1:]:
        handlers = joined(handlers, wire["handlers"]) or handlers
    slot.replies = {**({"on_reply": ["command"]} if slot.beside is not None else {}), **(own[0].get("replies") or {})}
    run.sockets.set_handlers(slot, handlers)


def _handle(run: "Run", leading: "Leading", what: Edit) -> None:
    slot = run.sockets.find(what["alias"])
    run.sockets.set_handlers(slot, run.sockets.handlers_for(slot.alias, slot.kind, what.get("handlers")))


def _admit(run: "Run", leading: "Leading", what: Edit) -> None:
    admits = what["admits"]
    run.sockets.find(what["alias"]).admits = {"wires": admits} if isinstance(admits, list) else admits


def _stop_timer(run: "Run", leading: "Leading", what: Edit) -> None:
    alias = run.timers.like(what)
    if alias is not None:
        run.timers.remove(alias)


def _unset(run: "Run", leading: "Leading", what: Edit) -> None:
    for name in what["names"]:
        run.attributes.pop(name, None)


def _patience(run: "Run", leading: "Leading", what: Edit) -> None:
    leading.given.timeout = what["start_timeout"] / 1000


def give_back(run: "Run", leading: "Leading", alias: str) -> None:
    """A socket that a spec had taken over is again what it was."""
    handlers, replies, admits = leading.given.taken_over.pop(alias)
    slot = run.sockets.get(alias)
    if slot is not None:
        slot.replies, slot.admits, slot.by_hand = replies, admits, True
        run.sockets.set_handlers(slot, handlers)


def give_back_all(run: "Run", leading: "Leading") -> None:
    """All of them."""
    for alias in list(leading.given.taken_over):
        give_back(run, leading, alias)


_EDITS: Dict[str, Callable[["Run", "Leading", Edit], Any]] = {
    "disconnect": _disconnect,
    "rest": _disconnect,
    "close": _close,
    "bind": _bind,
    "connect": _connect,
    "handle": _handle,
    "admit": _admit,
    "set": lambda run, leading, what: run.keep_attributes(what["attributes"]),
    "unset": _unset,
    "stop_timer": _stop_timer,
    "timer": lambda run, leading, what: run.timers.add(what, run.now()),
    "patience": _patience,
}
