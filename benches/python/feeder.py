"""Sends as fast as it can, by a bare socket."""

import time

import zmq
from payloads import frame
from sides import serve

context = zmq.Context()


def feed(address, payload, count, format):
    """Sends one more first, which waits for the connection. Returns when it began, and how many a second it could send."""
    socket = context.socket(zmq.PUSH)
    socket.immediate = 1
    socket.sndhwm = 0 if "array" not in payload else 100
    socket.connect(address)
    data = frame(payload, format)
    copies = "array" not in payload
    socket.send(data)
    began = time.monotonic()
    for _ in range(count):
        socket.send(data, 0, copies)
    took = time.monotonic() - began
    socket.close(-1)
    return began, count / took


serve(feed=feed)
