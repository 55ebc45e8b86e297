#!/bin/sh
# Replays the cases through npm's aws-jwt-verify and jose. They are installed into a temporary directory, exactly as the lock
# file says, without running any script of theirs.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$here/replay.mjs" "$place"
cd "$place"
npm ci --ignore-scripts --no-audit --no-fund --silent
node replay.mjs "$here/../../fixtures"
