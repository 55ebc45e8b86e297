#!/usr/bin/env bash
# Runs the example against moto, an emulator of AWS (PyPI), on loopback. Needs cargo and python3 with
# venv. What it installs goes into a temporary directory that it removes.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.5'

MOTO_SERVER="$scratch/venv/bin/moto_server" \
    cargo test --quiet --manifest-path examples/denylist-dynamodb/Cargo.toml -- --ignored --nocapture
