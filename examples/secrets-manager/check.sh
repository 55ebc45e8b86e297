#!/usr/bin/env bash
# Runs the example against moto, an emulator of AWS (PyPI), on loopback. Needs cargo and python3 with venv. What it installs goes
# into a temporary directory that it removes.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch="$(mktemp -d)"
emulator=
finish() {
    if [ -n "$emulator" ]; then
        kill "$emulator" 2>/dev/null || true
        wait "$emulator" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

# At the same time: neither needs the other.
cargo build --quiet --manifest-path examples/secrets-manager/Cargo.toml &
building=$!
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.5'
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$scratch/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$scratch/log" 2>&1 &
emulator=$!
for _ in $(seq 100); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$emulator"
    sleep 0.1
done

wait "$building"
AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x \
    cargo run --quiet --manifest-path examples/secrets-manager/Cargo.toml -- --check
