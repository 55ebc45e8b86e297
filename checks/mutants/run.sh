#!/usr/bin/env bash
# Runs the tests against every mutant of src/; see run.py. Needs cargo-mutants, and python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

python="$PWD/target/mutants/python"
[ -e "$python" ] || python3 -m venv "$python"
"$python/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement checks/mutants/requirements.txt
exec "$python/bin/python" checks/mutants/run.py "$@"
