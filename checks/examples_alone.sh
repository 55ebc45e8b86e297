#!/usr/bin/env bash
# Type-checks each package of examples/ and tools/ by itself. The other checks build them together, where a package gets the features
# that another one names. Without its tests, whose dependencies would add features, too.
set -euo pipefail
cd "$(dirname "$0")/.."

for manifest in examples/*/Cargo.toml tools/*/Cargo.toml; do
    # Those in another workspace are built by themselves in any case.
    if grep -qE '^(\[workspace\]|workspace = ")' "$manifest"; then continue; fi
    package=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -n 1)
    echo "$package"
    cargo check --quiet -p "$package"
done
