#!/usr/bin/env bash
# What `cargo publish` would upload: it builds by itself, is small, and holds only what a user of the crate needs.
set -euo pipefail
cd "$(dirname "$0")/.."

# The whole is some 400 kB, half of it source. What makes it much larger was not meant to be in it.
most=460000

# All that `cargo publish` does except the upload: it asks the registry, and builds what it would get.
cargo publish --dry-run --allow-dirty --quiet
cargo package --allow-dirty --no-verify --quiet
listed=$(cargo package --allow-dirty --list --quiet)
crate=$(ls -t target/package/tower-cognito-*.crate | head -n 1)
bytes=$(wc -c < "$crate")
sed 's/^/    /' <<< "$listed"
echo "$(wc -l <<< "$listed") files, $bytes bytes packed, at most $most"

# Everything is in one of these places, so that a new directory is noticed.
if grep -vE '^(\.cargo_vcs_info\.json|\.gitignore|Cargo\.(lock|toml|toml\.orig)|[A-Z]+\.md|LICENSE-(MIT|APACHE)|(src|docs|examples)/.+|fixtures/(README\.md|keys/test-only-[a-z]+\.pem))$' <<< "$listed"; then
    echo "does not belong into the package, or has to be named here" >&2
    exit 1
fi
# Programs of the maintainers, which need what is not in it; secrets; what tools leave behind.
if grep -E '^tools/|\.(secret|env|dot|sh\.orig)$|venv|__pycache__' <<< "$listed"; then
    echo "does not belong into the package" >&2
    exit 1
fi
for wanted in README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE src/lib.rs docs/guide/keys.md fixtures/keys/test-only-access.pem; do
    grep -qxF "$wanted" <<< "$listed" || { echo "$wanted is missing from the package" >&2; exit 1; }
done
if [ "$bytes" -gt "$most" ]; then
    echo "larger than it should be" >&2
    exit 1
fi
