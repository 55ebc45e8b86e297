#!/usr/bin/env bash
# Exchanges a token at an RFC 8693 server that others wrote: idpyoidc (PyPI), on loopback. Needs cargo and python3 with venv. What
# it installs goes into a temporary directory that it removes.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../../.."

scratch="$(mktemp -d)"
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
caller="$(checks/programs.sh token-exchange-caller)"

# It writes its keys beside itself.
(cd "$scratch" && exec "$scratch/venv/bin/python" "$here/server.py") >"$scratch/exports" &
server=$!
for _ in $(seq 100); do
    grep --quiet SUBJECT_TOKEN "$scratch/exports" && break
    kill -0 "$server"
    sleep 0.1
done
# shellcheck disable=SC1091
. "$scratch/exports"
issued="$("$caller")"
python3 "$here/check.py" "$SUBJECT_TOKEN" "$issued"
