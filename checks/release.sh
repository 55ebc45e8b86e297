#!/usr/bin/env bash
# Whether this tree can be released. With a tag, whether it is the tag of this version, and the
# changelog has an entry of it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
fail() { echo "$1" >&2; exit 1; }

grep -qF "tower-cognito $version" README.md || fail "README.md does not name version $version"
grep -qF "Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" README.md || fail "README.md names another Rust version"
if [ $# -gt 0 ]; then
    [ "$1" = "v$version" ] || fail "the tag is $1, and Cargo.toml has version $version"
    grep -qE "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || fail "CHANGELOG.md has no dated entry of $version"
    grep -qE '^repository = "https://' Cargo.toml || fail "Cargo.toml names no repository"
fi
echo "version $version"
