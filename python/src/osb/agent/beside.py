"""What an agent answers while its code is busy, too: by the control thread, from what is whole at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict

from ..errors import Fault, OsbError
from ..proxy import of_json
from .usage import own_usage

if TYPE_CHECKING:
    from .control import Request
    from .run import Run

#: It is for the work loop.
NOT_HERE = object()
#: So many names are listed in a fault.
_LISTED = 20


def answer(run: "Run", request: "Request") -> Any:
    """A result, a Fault, or NOT_HERE."""
    if request.method == "shutdown":
        # Answered first: the end may be quick.
        request.answer(None)
    verb = _VERBS.get(request.method)
    if verb is None:
        return NOT_HERE
    try:
        return verb(run, request.params)
    except Fault as fault:
        return fault
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Fault("bad_request", reason=f"{request.method}: {error!r}")
    except OsbError as error:
        return Fault("refused", reason=str(error))


def of_wire(value: Any) -> Any:
    """A value of the control protocol as one of Python."""
    return of_json(value)


def _addr(run: "Run", params: Dict[str, Any]) -> Any:
    alias = params.get("alias")
    if alias is None:
        return run.sockets.addresses()
    address = run.sockets.find(alias).bound
    if address is None:
        raise Fault("refused", reason=f"{run.name}.{alias} connects: it has no address")
    return address.to_json()


def _get_attr(run: "Run", params: Dict[str, Any]) -> Any:
    name = params["name"]
    attributes = run.attributes
    if name not in attributes:
        raise Fault("unknown_attribute", agent=run.name, attribute=name, known=sorted(attributes)[:_LISTED])
    return attributes[name]


def _set_attr(run: "Run", params: Dict[str, Any]) -> None:
    run.keep_attributes(params["attributes"])


def _follow_attributes(run: "Run", params: Dict[str, Any]) -> None:
    run.control.happened.follow_attributes(params["for_ms"])


def _log(run: "Run", params: Dict[str, Any]) -> None:
    run.log.write(params["level"], params["text"])


def _status(run: "Run", _: Dict[str, Any]) -> Any:
    slots = list(run.sockets)
    status: Dict[str, Any] = {
        "state": "running",
        "sockets": {slot.alias: slot.stats() for slot in slots},
        "garbage_lines": 0,
        "skipped_ticks": sum(it["skipped"] + it["failed"] for it in run.timers.list(run.now())),
    }
    if run.boot.dial.keys is not None:
        status["admits"] = {slot.alias: _words(slot.admits, slot.admitted) for slot in slots if slot.bound}
    usage = own_usage(run.now())
    if usage is not None:
        status["usage"] = usage
    return status


def _words(admits: Dict[str, Any], by_hand: Any) -> Any:
    named = [*admits.get("wires", []), *admits.get("accept", []), *(["guests"] if admits.get("guests") else [])]
    return named + [next(iter(holder.values())) for holder in by_hand]


def _shutdown(run: "Run", _: Dict[str, Any]) -> None:
    run.asked_to_end = run.stays_down = True
    run.end(0)


_VERBS: Dict[str, Callable[["Run", Dict[str, Any]], Any]] = {
    "addr": _addr,
    "get_attr": _get_attr,
    "set_attr": _set_attr,
    "follow_attributes": _follow_attributes,
    "attributes": lambda run, _: dict(run.attributes),
    "is_running": lambda run, _: run.status is None,
    "timers": lambda run, _: run.timers.list(run.now()),
    "log": _log,
    "lane": lambda run, _: run.control.open_lane(),
    "status": _status,
    "shutdown": _shutdown,
}
