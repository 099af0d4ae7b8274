"""A TCP server: answers the name of a fruit with its price. It has never heard of osb."""

import os
import socketserver
import sys

with open(os.environ["PRICES"]) as file:
    prices = dict(line.split() for line in file)


class Counter(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            fruit = line.decode().strip()
            print("asked for", fruit, flush=True)
            self.wfile.write(prices.get(fruit, "none").encode() + b"\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Counter) as server:
    print("open, with", ", ".join(prices), flush=True)
    server.serve_forever()
