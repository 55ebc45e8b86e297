#!/usr/bin/env bash
# What `cargo publish` would upload: it builds by itself, is small, and holds only what a user of the crate needs.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo package --allow-dirty --quiet
listed=$(cargo package --allow-dirty --list)
crate=$(ls -t target/package/tower-cognito-*.crate | head -n 1)
bytes=$(wc -c < "$crate")
echo "$(wc -l <<< "$listed") files, $bytes bytes packed"

for unwanted in '^\.ci/' '^fuzz/' '^benches/peers/' '^benches/load/' '\.secret$' 'venv'; do
    if grep -E "$unwanted" <<< "$listed"; then
        echo "does not belong into the package" >&2
        exit 1
    fi
done
for wanted in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE src/lib.rs fixtures/keys/test-only-access.pem; do
    grep -qxF "$wanted" <<< "$listed" || { echo "$wanted is missing from the package" >&2; exit 1; }
done
[ "$bytes" -lt 2000000 ]
