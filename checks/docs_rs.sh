#!/usr/bin/env bash
# The documentation as docs.rs builds it: from what is published, with all features, `--cfg
# docsrs`, unstable features of rustdoc, and no network. Then whether what a reader needs is
# there. The pages are in target/docs-rs/doc.
#
# docs.rs has the latest nightly. Here the stable compiler takes its flags by RUSTC_BOOTSTRAP=1,
# unless a nightly is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo package --allow-dirty --no-verify --quiet
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
rm -rf target/docs-rs/source target/docs-rs/doc
mkdir -p target/docs-rs/source
tar --extract --file "target/package/tower-cognito-$version.crate" --directory target/docs-rs/source --strip-components 1
# It is below this workspace, and no part of it.
printf '\n[workspace]\n' >> target/docs-rs/source/Cargo.toml
cargo fetch --quiet --locked --manifest-path target/docs-rs/source/Cargo.toml

toolchain=()
if command -v rustup > /dev/null && rustup toolchain list | grep -q '^nightly'; then
    toolchain=(rustup run nightly)
fi
export RUSTC_BOOTSTRAP=1
# What docs.rs gives besides the flags of `package.metadata.docs.rs`.
RUSTDOCFLAGS="--cfg docsrs -D warnings -Z unstable-options --extern-html-root-takes-precedence" \
    "${toolchain[@]}" cargo rustdoc --quiet --lib --all-features --locked --offline -Zunstable-options -Zrustdoc-map \
    --config 'doc.extern-map.registries.crates-io="https://docs.rs/"' \
    --manifest-path target/docs-rs/source/Cargo.toml --target-dir target/docs-rs
# docs.rs reads the flags from here.
grep -qF 'all-features = true' Cargo.toml && grep -qF 'rustdoc-args = ["--cfg", "docsrs"]' Cargo.toml

doc=target/docs-rs/doc/tower_cognito
missing=()
for page in index client/index testing/index guide/keys/index guide/observability/index guide/testing/index denylist/index \
    keys/index struct.CustomClaims struct.Verifier all; do
    [ -s "$doc/$page.html" ] || missing+=("$page")
done
[ ${#missing[@]} = 0 ] || { echo "no such pages: ${missing[*]}" >&2; exit 1; }

# What needs a feature says so, and what is there for the documentation only says nothing.
badge() { grep -qF "Available on <strong>crate feature <code>$2</code></strong> only" "$doc/$1.html" || { echo "$1 does not say that it needs $2" >&2; exit 1; }; }
badge client/index client
badge testing/index testing
badge struct.CustomClaims axum
if grep -lrE 'Available on.*(<code>|<strong>)(doc|docsrs|doctest|test)\b' "$doc"; then
    echo "these pages say that they are available in the documentation only" >&2
    exit 1
fi
# What leads into other crates leads to docs.rs.
grep -qF 'https://docs.rs/http/' "$doc/all.html" "$doc/struct.Verifier.html" "$doc/bearer_auth/index.html" "$doc/client/struct.AccessToken.html" \
    || { echo "links to other crates do not lead to docs.rs" >&2; exit 1; }
echo "$(find target/docs-rs/doc/tower_cognito -name '*.html' | wc -l) pages in target/docs-rs/doc/tower_cognito"
