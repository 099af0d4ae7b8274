"""Counts results, by worker, and tells when they are complete."""

import json
import sys
from collections import Counter


def say(**line):
    print(json.dumps(line), flush=True)


done = Counter()
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "message":
        done[line["message"]["worker"]] += 1
        say(type="set", attributes={"results": done.total(), "by_worker": dict(done)})
        if done.total() % 100 == 0:
            say(type="log", text=f"{done.total()} results: {dict(done)}")
    elif line["type"] == "call" and line["name"] == "count":
        say(type="reply", id=line["id"], message=done.total())
