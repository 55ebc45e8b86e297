#!/usr/bin/env bash
# Builds programs of the workspace, and prints the path of each, in the order given.
#
# `just examples` has compiled their dependencies, for all packages together. So the same packages are selected here, and
# `--examples`, of which they have none, makes cargo count dev-dependencies as well: with other features, everything would be
# compiled a second time.
set -euo pipefail
cd "$(dirname "$0")/.."

messages="$(cargo build --quiet --message-format=json --workspace \
    --exclude tower-cognito --exclude compile-fail --exclude interleavings --examples "${@/#/--bin=}")"
for program in "$@"; do
    sed -n 's/.*"name":"'"$program"'".*"executable":"\([^"]*\)".*/\1/p' <<<"$messages" | tail -n 1 | grep .
done
