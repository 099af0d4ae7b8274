"""`python -m osb.tether OSB SYSTEM`: takes a system down when standard input ends, with the process at its other end."""

from __future__ import annotations

import signal
import subprocess
import sys


def main(osb: str, system: str) -> int:
    """Waits. Who writes a word first does not want the system taken down."""
    # Ctrl-C is for the one who waits for, and whose end is told by the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.stdin.buffer.read(1):
        return 0
    done = subprocess.run(
        # Agents of the process that has ended are registered still.
        [osb, "--system", system, "down", "--force"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
