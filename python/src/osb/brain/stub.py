"""What a host daemon starts for an agent of a script: `python -S -E stub.py SOCKET`. It imports nothing of osb, and of
Python what costs no time: a script may begin many agents.

The script forks the agent, which so has all that the script has. This process stands for it at the host daemon: it
passes on how the agent begins, ends when the agent ends, in the same way, and when it is killed, the agent ends, too.
"""

import os
import sys

if sys.implementation.name == "cpython":
    import _signal as signal  # type: ignore[import-not-found]
    import _socket
else:
    import signal
    import socket as _socket  # type: ignore[no-redef]


def main(path):  # type: (str) -> int
    """Passes standard input on, and waits for the end of the agent."""
    told = sys.stdin.buffer.read()
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    line.connect(path)
    line.sendall(len(told).to_bytes(8, "big") + told)
    pid = int(line.recv(32) or b"0")
    if pid == 0:
        return 1

    def pass_on(number, _):  # type: (int, object) -> None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    status = line.recv(8)
    if status:
        return int(status)
    # Its end without a word: it was killed.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGKILL)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
