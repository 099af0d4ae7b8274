#!/bin/sh
# One terminal: Alice, and nothing about what she is to do.
exec osb agent Alice --ns "127.0.0.1:${PORT:-7411}"
