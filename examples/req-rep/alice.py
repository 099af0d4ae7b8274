"""Answers every request. JSON lines on standard input and output: see specs/commands.md."""

import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "message":
        say(type="reply", id=line["id"], message="Received " + line["message"])
