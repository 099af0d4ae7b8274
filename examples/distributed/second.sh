#!/bin/sh
# Another terminal: Bob, with a program of his own, and nothing about where he is connected.
cd "$(dirname "$0")" || exit
exec osb agent Bob --ns "127.0.0.1:${PORT:-7411}" -- python3 bob.py
