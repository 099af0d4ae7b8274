"""Asks the shop for prices and reports them by ZeroMQ. With pyzmq the class Push would be
zmq.Context().socket(zmq.PUSH); it is written out here so that nothing has to be installed."""

import argparse
import json
import socket


class Push:
    """A PUSH socket, as ZeroMQ's protocol (ZMTP 3.0) has it."""

    def __init__(self, address):
        host, port = address.removeprefix("tcp://").rsplit(":", 1)
        self.peer = socket.create_connection((host, int(port)))
        self.peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.read(64)
        self.frame(4, b"\x05READY" + b"\x0bSocket-Type" + b"\0\0\0\x04PUSH")
        self.read(self.read(2)[1])

    def send(self, message):
        self.frame(0, json.dumps(message).encode())

    def frame(self, flags, body):
        self.peer.sendall(bytes([flags, len(body)]) + body)

    def read(self, count):
        data = b""
        while len(data) < count:
            data += self.peer.recv(count - len(data)) or exit("the till has hung up")
        return data


options = argparse.ArgumentParser()
for option in ("--shop", "--till", "--currency"):
    options.add_argument(option, required=True)
options = options.parse_args()

till = Push(options.till)
host, port = options.shop.split(":")
with socket.create_connection((host, int(port))) as connection:
    shop = connection.makefile("rw")
    for fruit in ("apple", "pear"):
        print(fruit, file=shop, flush=True)
        till.send({"fruit": fruit, "price": f"{shop.readline().strip()} {options.currency}"})
