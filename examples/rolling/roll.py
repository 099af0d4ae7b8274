#!/usr/bin/env python3
"""Scales the workers and replaces them while they work, and counts in the end what was lost. The system is up before."""

import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def osb(*words, **variables):
    said = subprocess.run(["osb", "-o", "json", *words], capture_output=True, text=True, env={**os.environ, **variables})
    if said.returncode != 0:
        raise SystemExit(f"osb {' '.join(words)}: {said.stderr}")
    return json.loads(said.stdout) if said.stdout else None


def until(what, is_so):
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > 60:
            raise SystemExit(f"{what}: not after a minute")


def work_goes_on():
    before = osb("call", "Desk", "counted")["given"]
    until("work goes on", lambda: osb("call", "Desk", "counted")["given"] > before + 50)


def main():
    for count in (8, 2, 8):
        osb("scale", f"Worker={count}")
        work_goes_on()
        print(f"{count} workers")
    osb("up", f"{HERE}/topology.yaml", VERSION="2")
    work_goes_on()
    print("8 workers of version 2")
    desk = osb("call", "Desk", "rest")
    until("all is booked", lambda: osb("call", "Ledger", "booked")["booked"] >= desk["given"])
    ledger = osb("call", "Ledger", "booked")
    print(f"lost: {desk['given'] - ledger['booked']}; twice: {ledger['twice']}; failed requests: {desk['failed']}")
    print(f"versions that have answered: {', '.join(sorted(desk['by']))}")


if __name__ == "__main__":
    main()
