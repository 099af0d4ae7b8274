"""Sends the lines of the files beside it, wherever that is."""

import json
import sys
from pathlib import Path

for text in sys.stdin:
    if json.loads(text)["type"] == "start":
        for file in sorted(Path("words").glob("*.txt")):
            for line in file.read_text().splitlines():
                print(json.dumps({"type": "send", "alias": "lines", "message": line}), flush=True)
