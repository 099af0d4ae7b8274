#!/usr/bin/env python3
"""osb's Python package beside osBrain 0.6.5 and bare pyzmq, in one run: `benches/python/run.py [--quick] [--only WORD]`.

It makes an environment with osBrain in target/python-bench, and measures with the program of target/release (or OSB_BIN)
and the package of this tree. The sides take their turns, round by round; a row shows their medians, and the medians of
the rounds' ratios. Without pip, or where osBrain does not run, it says so and ends well.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from sides import Feeder, Side

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "python-bench"
PACKAGES = ["osbrain==0.6.5", "pyzmq", "numpy", "msgpack"]

#: What is received: the payload, how many of it in a round, and the share of bare pyzmq and of osBrain that is aimed at.
RECEIVED = [
    ("10 B", 200_000, 0.8, 1.3),
    ("1 KiB of text", 100_000, 0.8, 1.3),
    ("1 KiB, a list of pairs", 100_000, 0.8, 1.3),
    ("1 KiB, a list of pairs, msgpack", 100_000, 0.8, 1.3),
    ("100 KB array", 8_000, 0.8, 1.0),
]
ROUNDS = 5


def skip(why):
    """What cannot be measured here is no failure."""
    print(f"skipped: {why}")
    sys.exit(0)


def environment():
    """The Python of an environment with osBrain."""
    python = PLACE / "bin" / "python"
    if not python.exists():
        if subprocess.run([sys.executable, "-m", "venv", str(PLACE)]).returncode:
            skip("this Python has no venv")
    there = subprocess.run([python, "-c", "import osbrain, numpy, msgpack"], capture_output=True).returncode == 0
    if not there and subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]).returncode:
        skip("osBrain cannot be installed here")
    return python


def check_osbrain(python):
    """Newer versions of what it depends on may fail it."""
    side = Side("osBrain", python)
    try:
        side.ask("calls", count=1)
    except EOFError as error:
        skip(f"osBrain 0.6.5 does not run on this Python: {error}")
    side.end()


class Table:
    """Rows of sides. A ratio is one of speeds, so that more is better."""

    def __init__(self, title, unit, sides):
        self.sides = sides
        print(f"\n{title}: {unit}\n\n| | " + " | ".join(sides) + " | ratio | aim |")
        print("|---|" + "---|" * (len(sides) + 2), flush=True)

    def row(self, name, rounds, aims, shown):
        """`rounds` are maps of sides to rates; `aims` are (side, beside which, at least)."""
        cells = [shown(median(it[side] for it in rounds)) for side in self.sides]
        ratios, wanted = [], []
        for side, beside, least in aims:
            ratio = median(it[side] / it[beside] for it in rounds)
            ratios.append(f"{side}/{beside} {ratio:.2f}")
            wanted.append(f"{least:.2g}" + ("" if ratio >= least else ", **missed**"))
        print(f"| {name} | " + " | ".join(cells) + f" | {'; '.join(ratios)} | {'; '.join(wanted)} |", flush=True)


def rate(value):
    """A number a second."""
    return f"{value / 1e6:.2f}M" if value >= 1e6 else f"{value / 1e3:.1f}k"


def microseconds(value):
    """What one of so many a second takes."""
    return f"{1e6 / value:.0f} µs"


def receive(python, options):
    """Messages a second in a handler."""
    names = ["bare pyzmq", "osBrain", "osb", "osb.brain"]
    sides, feeder = {name: Side(name, python) for name in names}, Feeder(python)
    table = Table("Received by a handler", "messages a second", names)
    for payload, count, of_bare, of_theirs in RECEIVED:
        count //= options.less
        rounds, fed = [], []
        for _ in range(options.rounds):
            got = {}
            for name, side in sides.items():
                at = side.ask("expect", payload=payload, count=count)
                began, speed = feeder.ask("feed", payload=payload, count=count, format=side.format, **at)
                fed.append(speed)
                got[name] = count / (side.ask("received") - began)
            rounds.append(got)
        aims = [("osb", "bare pyzmq", of_bare), ("osb", "osBrain", of_theirs), ("osb.brain", "osBrain", of_theirs)]
        table.row(payload, rounds, aims, rate)
        print(f"<!-- fed {rate(median(fed))} a second -->" if options.verbose else "", end="")
    for it in (*sides.values(), feeder):
        it.end()


def ask(python, options):
    """Round trips by REQ and REP."""
    names = ["bare pyzmq", "osBrain", "osb", "osb.brain"]
    sides = {name: Side(name, python) for name in names}
    table = Table("REQ and REP, agent to agent, 10 B", "a round trip", names)
    count = 3000 // options.less
    rounds = [{name: side.ask("requests", count=count) for name, side in sides.items()} for _ in range(options.rounds)]
    aims = [("osb", "bare pyzmq", 0.8), ("osb", "osBrain", 1.0), ("osb.brain", "osBrain", 1.0)]
    table.row("10 B", rounds, aims, microseconds)
    for side in sides.values():
        side.end()


def call(python, options):
    """Calls of an agent's method from a script."""
    names = ["osBrain, safe", "osBrain, unsafe", "osb", "osb, beside", "osb.brain, safe", "osb.brain, unsafe"]
    sides = {name: Side(name, python) for name in ("osBrain", "osb", "osb.brain")}
    table = Table("Calls by a proxy", "a call", names)
    rounds = []
    for _ in range(options.rounds):
        got = {}
        for side in sides.values():
            got.update(side.ask("calls", count=2000 // options.less))
        rounds.append(got)
    aims = [(name, "osBrain, unsafe", 1.0) for name in ("osb", "osb.brain, safe", "osb.brain, unsafe")]
    table.row("a method that does nothing", rounds, aims, microseconds)
    for side in sides.values():
        side.end()


def begin(python, options):
    """Fifty agents from a script."""
    count = 50 // options.less
    names = ["osBrain", "osb.brain", "osb, in threads", "osb.up"]
    table = Table(f"{count} agents from a script", "seconds until all run", names)
    rounds = []
    for _ in range(max(1, options.rounds - 2)):
        got = {}
        for name in ("osBrain", "osb.brain", "osb"):
            side = Side(name, python)
            got.update(side.ask("begin", count=count))
            side.end()
        rounds.append(got)
    aims = [(name, "osBrain", 4.0) for name in ("osb.brain", "osb, in threads", "osb.up")]
    table.row(f"{count} agents", rounds, aims, lambda it: f"{1 / it:.2f} s")


def main():
    """All of it, or what a word names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a try of some seconds")
    parser.add_argument("--verbose", action="store_true", help="how fast messages are fed, too")
    parts = {"receive": receive, "ask": ask, "call": call, "begin": begin}
    parser.add_argument("--only", choices=parts, help="one of the parts")
    options = parser.parse_args()
    options.less, options.rounds = (10, 1) if options.quick else (1, ROUNDS)
    osb = Path(os.environ.setdefault("OSB_BIN", str(PLACE.parent / "release" / "osb")))
    if not osb.exists():
        sys.exit(f"there is no {osb}: cargo build --release")
    python = environment()
    check_osbrain(python)
    for name, part in parts.items():
        if options.only in (None, name):
            part(python, options)


if __name__ == "__main__":
    main()
