"""Squares numbers."""

import json
import sys

name = None
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "start":
        name = line["agent"]
    elif line["type"] == "message":
        result = {"worker": name, "task": line["message"], "result": line["message"] ** 2}
        print(json.dumps({"type": "send", "alias": "results", "message": result}), flush=True)
