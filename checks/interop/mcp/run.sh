#!/usr/bin/env bash
# The MCP server of examples/mcp, and the clients of the MCP project: the SDKs of npm, PyPI and crates.io are challenged, discover the
# issuer, register, sign in, call a tool, are rejected another, step up, and call it. Then the project's conformance suite.
#
# Needs cargo, node with npm, and python3 with venv. What it installs goes into a temporary directory that it removes, also a Node of
# version 22 where the one at hand is older, for the suite. Everything it starts listens on 127.0.0.1, and ends with it.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../../.."

for program in cargo node npm python3; do
    if ! command -v "$program" >/dev/null; then
        echo "the MCP interoperability test needs $program, which is not installed" >&2
        exit 1
    fi
done

scratch="$(mktemp -d)"
started=()
finish() {
    for process in "${started[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap finish EXIT

# At the same time: neither needs the other.
checks/programs.sh example-mcp local-issuer rmcp-client >"$scratch/programs" &
building=$!
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$scratch"
npm ci --prefix "$scratch" --silent --ignore-scripts --no-audit --no-fund
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/../local_issuer/mcp.txt"
node22=node
if [ "$(node -p 'process.versions.node.split(".")[0] >= 22')" = false ]; then
    package="node-$(node -p 'process.platform')-$(node -p 'process.arch')"
    npm install --prefix "$scratch/node22" --silent --ignore-scripts --no-audit --no-fund "$package@22.23.3"
    node22="$scratch/node22/node_modules/$package/bin/node"
fi

wait "$building"
{ read -r server; read -r issuer; read -r rmcp_client; } <"$scratch/programs"

# Starts a program, and waits until what it prints has this in it.
start() {
    local printed="$1" wanted="$2"
    shift 2
    "$@" >"$printed" &
    started+=($!)
    for _ in $(seq 200); do
        grep --quiet --no-messages "$wanted" "$printed" && return
        kill -0 "${started[-1]}"
        sleep 0.1
    done
    echo "$1 does not serve" >&2
    exit 1
}

start "$scratch/server" /mcp "$server"
url="$(cat "$scratch/server")"
(cd "$scratch" && timeout 60 node client.mjs "$url")
timeout 60 "$scratch/venv/bin/python" "$here/client.py" "$url"
timeout 60 "$rmcp_client" "$url"

port="$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
start "$scratch/exports" COGNITO_SCOPES "$issuer" --issuer-on-loopback --oauth-metadata --sign-in-as ada \
    --client web --scope notes/read --redirect-uri "http://127.0.0.1:$port/callback"
# shellcheck disable=SC1091
. "$scratch/exports"
suite="$scratch/node_modules/@modelcontextprotocol/conformance/dist/index.js"
(cd "$scratch" &&
    timeout 120 "$node22" conformance.mjs "$suite" "$here/expected-failures.yml" "$url" "$COGNITO_ISSUER" web "$port")
