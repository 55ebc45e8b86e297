#!/usr/bin/env bash
# The public API with all features: it is what listing.txt says, and names no crates but those of external_types.txt.
# With --write, writes listing.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=checks/public_api
out=target/public-api
mkdir -p "$out"

RUSTDOC="$PWD/$here/rustdoc.sh" cargo rustdoc --quiet --lib --all-features --target-dir target -- \
    -Z unstable-options --output-format json --cap-lints allow
if ! cargo run --quiet --locked --manifest-path "$here/Cargo.toml" --target-dir "$out" \
    -- target/doc/tower_cognito.json > "$out/listing.txt"; then
    written=$(grep -oE '"format_version":[0-9]+' target/doc/tower_cognito.json || true)
    echo "$(rustc --version) writes $written; take the version of public-api that reads it (checks/public_api/Cargo.toml)" >&2
    exit 1
fi
if [ "${1:-}" = --write ]; then
    cp "$out/listing.txt" "$here/listing.txt"
fi
failed=0
if ! diff -u "$here/listing.txt" "$out/listing.txt"; then
    echo "the public API is not the one listed; if it is meant to change: just public-api --write" >&2
    failed=1
fi

grep -oP '^\w+' "$here/external_types.txt" > "$out/allowed.txt"
# A path begins where no `::` and no letter comes before it.
grep -oP '(?<![\w:])[a-z_][a-z0-9_]*(?=::)' "$out/listing.txt" | sort -u > "$out/named.txt"
while read -r crate; do
    case $crate in tower_cognito) continue ;; esac
    if ! grep -qxF "$crate" "$out/allowed.txt"; then
        echo "$crate is in the public API, and not in external_types.txt:" >&2
        grep -P "(?<![\w:])$crate::" "$out/listing.txt" >&2
        failed=1
    fi
done < "$out/named.txt"
while read -r crate; do
    if ! grep -qxF "$crate" "$out/named.txt"; then
        echo "$crate is in external_types.txt, but no longer in the public API" >&2
        failed=1
    fi
done < "$out/allowed.txt"

echo "$(wc -l < "$out/listing.txt") items, crates named: $(paste -sd ' ' "$out/named.txt")"
exit "$failed"
