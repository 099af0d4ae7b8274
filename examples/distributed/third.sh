#!/bin/sh
# The script that configures them all.
cd "$(dirname "$0")" || exit
exec osb up topology.yaml
