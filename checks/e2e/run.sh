#!/bin/sh
# The Cognito story, end to end: the blocks of examples/cognito/README.md and examples/cognito/API-GATEWAY.md are run as they stand, against
# an emulator of Cognito and API Gateway that is not ours, with the AWS CLI; then the guarded service is asked in many ways.
#
# Needs python3 with venv, curl and cargo. Installs checks/e2e/requirements.txt into target/cognito-venv.
# Everything it starts listens on 127.0.0.1, and ends with it.

set -eu
cd "$(dirname "$0")/../.."

# At the same time: neither needs the other.
cargo build --quiet -p example-cognito -p cognito-explain &
building=$!
venv=target/cognito-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement checks/e2e/requirements.txt
wait "$building"
exec "$venv/bin/python" checks/e2e/main.py
