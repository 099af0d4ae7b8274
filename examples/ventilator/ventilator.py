"""Hands out tasks as soon as everything is wired, and then waits to be stopped."""

import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "start":
        tasks = line["attributes"]["tasks"]
        for number in range(tasks):
            say(type="send", alias="tasks", message=number)
        say(type="log", text=f"handed out {tasks} tasks")
