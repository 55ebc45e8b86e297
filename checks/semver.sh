#!/usr/bin/env bash
# Whether the version in Cargo.toml permits what has changed in the public API since a revision: the last tag unless given. While
# the version is the same, only what a minor version may add is permitted. Needs cargo-semver-checks
# (cargo install cargo-semver-checks --locked).
set -euo pipefail
cd "$(dirname "$0")/.."

baseline=${1:-$(git describe --tags --abbrev=0 2> /dev/null || true)}
if [ -z "$baseline" ]; then
    echo "no version is tagged yet: name a revision, as in 'just semver HEAD~10'" >&2
    exit 1
fi
version_in() { sed -n '/^\[package\]$/,/^\[/s/^version = "\(.*\)"$/\1/p'; }
now=$(version_in < Cargo.toml)
before=$(git show "$baseline:Cargo.toml" | version_in)
[ -n "$now" ] && [ -n "$before" ] || { echo "no version is in Cargo.toml" >&2; exit 1; }
kind=()
[ "$now" != "$before" ] || kind=(--release-type minor)
cargo semver-checks --package tower-cognito --baseline-rev "$baseline" --all-features "${kind[@]}"
