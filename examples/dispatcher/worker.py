"""Asks for work, does it, asks again; ends when there is none."""

import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


done = 0
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "reply":
        if line.get("message") is None:
            say(type="log", text=f"no work left, {done} tasks done")
            break
        done += 1
    if line["type"] in ("start", "reply"):
        say(type="request", id=done, alias="work", message="ready")
