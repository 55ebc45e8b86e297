#!/usr/bin/env bash
# Whole in-process requests through other crates and through ours, side by side.
#
#   benches/peers/run.sh            builds, checks and measures every peer
#   benches/peers/run.sh --quick    one short round: that it still works
#
# Every peer is built by itself, so that no features are unified across peers. PEERS="ours from-fn" picks some.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TARGET_DIR="$PWD/target"
source ./peers.sh

build tokens
tokens="$CARGO_TARGET_DIR/tokens.json"
"$CARGO_TARGET_DIR/release/peer-tokens" 256 >"$tokens"
for peer in $PEERS; do build "$peer"; done
exec python3 drive.py "$CARGO_TARGET_DIR/release" "$tokens" "${1-}" $PEERS
