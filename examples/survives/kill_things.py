#!/usr/bin/env python3
"""Kills one thing of the system after another with SIGKILL, and tells each time what became of it."""

import json
import os
import signal
import subprocess
import time


def listed(what):
    """What `osb ls` lists; nothing while there is no name server."""
    said = subprocess.run(["osb", "-o", "json", "ls", what], capture_output=True, text=True)
    return json.loads(said.stdout) if said.returncode == 0 else []


def agents():
    return {it["name"]: it for it in listed("agents")}


def line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as words:
        return words.read()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as pids:
        return [int(it) for it in pids.read().split()]


def kept(keeper):
    """The daemon that a keeper keeps: it is the same program. None between two lives of it."""
    try:
        return next((it for it in children(keeper) if line(it) == line(keeper)), None)
    except OSError:
        return None


def is_whole():
    there, wires = agents(), listed("connections")
    return (
        len(there) == 4
        and all(it["state"] == "running" for it in there.values())
        and len(wires) == 1
        and all(it["proof"] == "proven" for it in wires)
    )


def kill(what, pid, is_back):
    before = {name: it["pid"] for name, it in agents().items()}
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while not (is_back() and is_whole()):
        if time.monotonic() - began > 60:
            raise SystemExit(f"{what}: not whole again after a minute")
    took = (time.monotonic() - began) * 1000
    now = {name: it["pid"] for name, it in agents().items()}
    others = [name for name in before if now[name] != before[name]]
    print(f"{what:<28} whole again after {took:4.0f} ms; new processes of: {', '.join(others) or 'no agent'}")


def main():
    sensor = agents()["Sensor"]["pid"]
    kill("the agent Sensor", sensor, lambda: agents().get("Sensor", {}).get("pid") not in (None, sensor))
    index = agents()["Index"]["pid"]
    reports = agents()["Reports"]["pid"]
    kill("Index, which Reports is with", index, lambda: agents().get("Reports", {}).get("pid") not in (None, reports))
    store = agents()["Store"]
    program = children(store["pid"])[0]
    kill("the program of Store", program, lambda: agents().get("Store", {}).get("restarts", 0) > store["restarts"])
    host = listed("hosts")[0]["pid"]
    daemon = kept(host)
    kill("the host daemon", daemon, lambda: kept(host) not in (None, daemon))
    kill("the keeper of that", host, lambda: listed("hosts") and listed("hosts")[0]["pid"] != host)
    keeper = listed("systems")[0]["pid"]
    nameserver = kept(keeper)
    kill("the name server", nameserver, lambda: kept(keeper) not in (None, nameserver))


if __name__ == "__main__":
    main()
