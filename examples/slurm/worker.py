"""Squares numbers, and says on which node."""

import json
import os
import sys

node = os.environ.get("SLURMD_NODENAME", "no node of Slurm")
for text in sys.stdin:
    line = json.loads(text)
    if line["type"] == "message":
        result = {"node": node, "result": line["message"] ** 2}
        print(json.dumps({"type": "send", "alias": "results", "message": result}), flush=True)
