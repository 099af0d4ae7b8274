"""Counts what arrives. A system may release Bob and another may adopt him: then it starts again."""

import json
import sys


def say(**word):
    print(json.dumps(word), flush=True)


heard = 0
for line in sys.stdin:
    word = json.loads(line)
    if word["type"] == "start":
        heard = 0
    elif word["type"] == "message":
        heard += 1
        say(type="log", text=f"{word['message']} ({heard})")
        say(type="set", attributes={"heard": heard})
    elif word["type"] == "stop":
        break
