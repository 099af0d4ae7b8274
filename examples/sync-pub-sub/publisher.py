"""Answers requests, and tells all others of each. JSON lines on standard input and output: see
specs/commands.md."""

import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "message":
        say(type="reply", id=line["id"], message="Received " + line["message"])
        # The answer is on its way; there is time for more.
        say(type="send", alias="publisher", topic="requests", message="There was a request")
