"""Answers every request a second later, and takes in others meanwhile. JSON lines on standard input
and output: see specs/commands.md."""

import json
import sys
import threading


def say(**line):
    # One write for a whole line: threads would mix theirs otherwise.
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "message":
        answer = {"type": "reply", "id": line["id"], "message": "Hello, Bob!"}
        threading.Timer(1, say, kwargs=answer).start()
