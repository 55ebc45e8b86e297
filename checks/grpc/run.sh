#!/usr/bin/env bash
# `examples/grpc` called by a client that others wrote: grpcio (PyPI), on loopback. Needs cargo, curl and
# python3 with venv. What it installs goes into a temporary directory that it removes.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
program="$(checks/programs.sh example-grpc)"
"$scratch/venv/bin/python" "$here/call.py" "$program"
