"""The programs that are measured, each in a process of its own that does one thing after the other, as it is told by
lines of JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: Each side: its program, its arguments, and how it wants messages.
SIDES = {
    "bare pyzmq": ("bare.py", [], "osb"),
    "osBrain": ("brain.py", ["osbrain"], "pickle"),
    "osb.brain": ("brain.py", ["osb.brain"], "msgpack"),
    "osb": ("agents.py", [], "osb"),
}


class Program:
    """A program that is told what to do."""

    def __init__(self, python, file, *arguments):
        path = os.pathsep.join([str(HERE.parent.parent / "python" / "src"), str(HERE)])
        env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(python), str(HERE / file), *arguments]
        self._name = " ".join(command[1:])
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def ask(self, what, **how):
        """What it answers. Raises EOFError if it has ended."""
        try:
            self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its output has ended, too
        for line in self._process.stdout:
            if line.startswith("= "):
                return json.loads(line[2:])
        raise EOFError(f"{self._name} has ended with status {self._process.wait()}")

    def end(self):
        """It takes down what it has brought up."""
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.wait()


class Side(Program):
    """One of SIDES."""

    def __init__(self, name, python):
        file, arguments, self.format = SIDES[name]
        super().__init__(python, file, *arguments)


class Feeder(Program):
    """What sends messages to all sides alike."""

    def __init__(self, python):
        super().__init__(python, "feeder.py")


def serve(**verbs):
    """In such a program: answers what it is told by the functions of those names, to the end of standard input."""
    for line in sys.stdin:
        how = json.loads(line)
        answer = verbs[how.pop("do")](**how)
        print(f"= {json.dumps(answer)}", flush=True)
