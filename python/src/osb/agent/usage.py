"""What the process of an agent takes of its machine. Read when somebody asks."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional


def own_usage(now: float) -> Optional[Dict[str, Any]]:
    """Time of processors and memory, as `status` tells them. None on systems that do not say so in /proc."""
    try:
        with open("/proc/self/stat", "rb") as file:
            line = file.read()
        # The second field is the name of the program in parentheses, which may contain anything.
        fields = line[line.rindex(b")") + 2 :].split()
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
        cpu_us = ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")
        memory = pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
    agent = {"pid": os.getpid(), "processes": 1, "cpu_us": cpu_us, "memory": memory}
    return {"at_us": round(now * 1e6), "agent": agent}
