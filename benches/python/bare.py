"""Loops on bare pyzmq that decode the same."""

import json
import subprocess
import sys
import threading
import time

import zmq
from payloads import bare_decoder
from sides import serve

context = zmq.Context()
under_way = []


class Handler:
    """What it does with each message is what the agents' handlers do."""

    def __init__(self, expected):
        self.expected, self.number, self.ended = expected, 0, None

    def on_message(self, message):
        """Counts."""
        number = self.number = self.number + 1
        if number == self.expected:
            self.ended = time.monotonic()


def expect(payload, count):
    """A loop that reads so many, and the one more that comes first."""
    socket = context.socket(zmq.PULL)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    large, decode, handler = "array" in payload, bare_decoder(payload), Handler(count + 1)

    def loop():
        recv, call = socket.recv, handler.on_message
        if large:
            for _ in range(count + 1):
                call(decode(recv(copy=False).buffer))
        else:
            for _ in range(count + 1):
                call(decode(recv()))
        socket.close(0)

    thread = threading.Thread(target=loop)
    thread.start()
    under_way.append((thread, handler))
    return {"address": f"tcp://127.0.0.1:{port}"}


def received():
    """When the last has come."""
    thread, handler = under_way.pop()
    thread.join()
    return handler.ended


def requests(count):
    """Round trips a second, to another process."""
    other = subprocess.Popen([sys.executable, __file__, "answers"], stdout=subprocess.PIPE, text=True)
    socket = context.socket(zmq.REQ)
    socket.connect(other.stdout.readline().strip())
    for _ in range(100):
        trip(socket)
    began = time.perf_counter()
    for _ in range(count):
        trip(socket)
    took = time.perf_counter() - began
    other.kill()
    other.wait()
    socket.close(0)
    return count / took


def trip(socket):
    """One."""
    socket.send(json.dumps({"n": 1234}).encode())
    return json.loads(socket.recv())


def answer():
    """The other process."""
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(f"tcp://127.0.0.1:{port}", flush=True)
    while True:
        socket.send(json.dumps(json.loads(socket.recv())).encode())


if sys.argv[1:] == ["answers"]:
    answer()
else:
    serve(expect=expect, received=received, requests=requests)
