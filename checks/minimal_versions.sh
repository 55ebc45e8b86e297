#!/usr/bin/env bash
# The lowest versions that Cargo.toml permits are enough: the library compiles with each of its
# dependencies at the lowest version that its own line permits. (What these depend on is as new as
# it may be: their bounds are not ours.)
set -euo pipefail
cd "$(dirname "$0")/.."

copy=target/minimal-versions
rm -rf "$copy"
mkdir -p "$copy"
cp -R Cargo.toml src docs README.md fixtures "$copy"
# Only what is published: other packages and tests may need more.
python3 - "$copy/Cargo.toml" << 'END'
import re, sys
text = open(sys.argv[1]).read()
text = re.sub(r"^members = \[.*?^\]$", "members = []", text, flags=re.M | re.S)
text = re.sub(r"^\[dev-dependencies\]$.*?(?=^\[)", "", text, flags=re.M | re.S)
text = re.sub(r"^\[\[example\]\]$.*?^$", "", text, flags=re.M | re.S)
open(sys.argv[1], "w").write(text)
END
cd "$copy"
# The option is unstable; with this variable the stable cargo accepts it.
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
cargo check --quiet --lib --all-features --locked --target-dir ..
echo "compiles with"
cargo tree --quiet --locked --all-features --depth 1 --edges normal --prefix none --format '{p}' | sed '1d; s/ (proc-macro)//; s/^/    /'
