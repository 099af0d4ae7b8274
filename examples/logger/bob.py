"""Logs what it thinks of its work, and prints besides."""

import json
import sys


def log(level, text):
    print(json.dumps({"type": "log", "level": level, "text": text}))


for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "start":
        print("bob.py is on duty")
        log("info", "ready for work")
    elif word["type"] == "message":
        effort = word["message"]
        print(f"working for {effort} hours", file=sys.stderr)
        log("error" if effort > 8 else "debug", f"{effort} hours of work")
