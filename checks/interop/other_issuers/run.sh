#!/bin/sh
# Tokens of issuers that others wrote, through examples/cognito: oauth2-mock-server, oidc-provider, cognito-local and moto.
#
# Needs node 20 or later with npm, python3 with venv, and cargo. Installs what package-lock.json and requirements.txt name.
# Everything it starts listens on 127.0.0.1, and ends with it.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."

# At the same time: neither needs the other.
cargo build --quiet -p example-cognito &
building=$!
venv=target/interop-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
(cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null)
wait "$building"
exec "$venv/bin/python" "$here/main.py"
