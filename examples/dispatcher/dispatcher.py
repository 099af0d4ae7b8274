"""Gives a task to each agent that asks, and null when there is none left."""

import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


tasks, given = [], 0
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "start":
        tasks = list(range(line["attributes"]["tasks"]))
    elif line["type"] == "message":
        task = tasks.pop(0) if tasks else None
        given += task is not None
        say(type="reply", id=line["id"], message=task)
        say(type="set", attributes={"given": given, "left": len(tasks)})
