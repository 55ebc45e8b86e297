#!/usr/bin/env bash
# Runs the example, and then the crate's whole test suite, on the FIPS module of aws-lc. Needs Go, CMake
# and a C compiler (Debian: apt-get install golang cmake gcc g++).
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in go cmake c++ nm; do
    command -v "$tool" >/dev/null || { echo "this needs $tool (apt-get install golang cmake g++ binutils)" >&2; exit 1; }
done
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target/fips}"

# The tree has both modules, because rustls' `fips` turns on its `aws_lc_rs`, which names the other. A
# program must have the FIPS module only.
has_one_module() {
    local modules
    modules="$(nm "$1" | grep -oE 'aws_lc(_fips)?_[0-9]+_[0-9]+_[0-9]+' | sort -u)"
    if ! [[ "$modules" =~ ^aws_lc_fips_[0-9_]+$ ]]; then
        printf '%s is linked with:\n%s\n' "$1" "$modules" >&2
        exit 1
    fi
}

cargo run --quiet --locked --manifest-path examples/fips/Cargo.toml -- --check
has_one_module "$CARGO_TARGET_DIR/debug/example-fips"

# The suite, in a copy whose manifest has a feature for the module.
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$copy"
sed -i 's/^\[features\]$/&\nfips = ["aws-lc-rs\/fips", "rustls?\/fips"]/' "$copy/Cargo.toml"
cd "$copy"
cargo metadata --format-version 1 >/dev/null
# bindgen does not compile with syn 2, which is in the lock file, and prettyplease 0.3, which has syn 3.
cargo update --quiet --package prettyplease --precise 0.2.37
cargo test --features fips
has_one_module "$(cargo test --features fips --test tokens --no-run --message-format json-render-diagnostics 2>/dev/null |
    python3 -c 'import json, sys; print([path for line in sys.stdin if (path := json.loads(line).get("executable"))][-1])')"
echo "the test suite passed on the FIPS module"
