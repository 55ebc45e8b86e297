#!/usr/bin/env bash
# Runs the local issuer as a program, verifies its tokens with AWS's aws-jwt-verify (npm) and with PyJWT (PyPI), and lets OAuth
# clients get some: openid-client (npm), requests-oauthlib and the MCP SDK (PyPI), and oauth2 (crates.io). Needs
# cargo, node with npm, and python3 with venv. What it installs goes into a temporary directory that it removes.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../../.."

scratch="$(mktemp -d)"
issuer=
finish() {
    if [ -n "$issuer" ]; then
        kill "$issuer" 2>/dev/null || true
        wait "$issuer" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

cp "$here"/package.json "$here"/package-lock.json "$here"/verify.js "$here"/oauth_client.js "$scratch"
npm ci --prefix "$scratch" --silent --ignore-scripts --no-audit --no-fund
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
python3 -m venv "$scratch/oauth"
"$scratch/oauth/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/oauth.txt"
python3 -m venv "$scratch/mcp"
"$scratch/mcp/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/mcp.txt"

programs="$(checks/programs.sh local-issuer oauth2-client)"
{ read -r program; read -r oauth2_client; } <<<"$programs"

# Once as a pool on AWS names itself, once under its own URL.
run_with() {
    # What the issuer before this one printed would be taken for its own until its shell has emptied the file.
    rm -f "$scratch/exports"
    "$program" --client caller --scope profiles/get --scope profiles/post "$@" >"$scratch/exports" &
    issuer=$!
    for _ in $(seq 100); do
        grep --quiet --no-messages COGNITO_SCOPES "$scratch/exports" && break
        kill -0 "$issuer"
        sleep 0.1
    done
    # shellcheck disable=SC1091
    . "$scratch/exports"
    "${verify[@]}"
    kill "$issuer"
    wait "$issuer" 2>/dev/null || true
    issuer=
}

verify=(node "$scratch/verify.js")
run_with
verify=("$scratch/venv/bin/python" "$here/verify.py")
run_with
run_with --issuer-on-loopback
verify=("$scratch/oauth/bin/python" "$here/oauth_client.py")
run_with
verify=(node "$scratch/oauth_client.js")
run_with
verify=("$oauth2_client")
run_with
verify=("$scratch/mcp/bin/python" "$here/mcp_client.py")
run_with --issuer-on-loopback --bind-resource
