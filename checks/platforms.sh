#!/usr/bin/env bash
# Type-checks the library with all features for targets whose standard library is not installed:
# cargo builds it from its source (`-Z build-std`), and Zig compiles AWS-LC for them.
#
#     checks/platforms.sh             all of them
#     checks/platforms.sh TARGET ...  these
#
# It needs the source of the standard library, of the same version as rustc: `rustup component add
# rust-src`, or its directory `library` in RUST_SRC (Debian's package rust-src has one).
# Zig is installed into target/zig, and takes 400 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

source=${RUST_SRC:-$(rustc --print sysroot)/lib/rustlib/src/rust/library}
if [ ! -f "$source/std/Cargo.toml" ]; then
    echo "no source of the standard library in $source: rustup component add rust-src, or set RUST_SRC" >&2
    exit 1
fi
if [ ! -x target/zig/bin/python ]; then
    python3 -m venv target/zig
    target/zig/bin/pip install --quiet --disable-pip-version-check ziglang==0.17.1
fi
# Where cargo looks in place of the sysroot.
export __CARGO_TESTS_ONLY_SRC_ROOT="$source" RUSTC_BOOTSTRAP=1

# Under its own name of the target, in place of the one that the build script gives it.
cat > target/zig/cc << 'END'
#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
    [[ "$argument" = --target=* ]] || arguments+=("$argument")
done
exec "$(dirname "$0")/bin/python" -m ziglang cc -target "$ZIG_TARGET" "${arguments[@]}"
END
cat > target/zig/ar << 'END'
#!/usr/bin/env bash
exec "$(dirname "$0")/bin/python" -m ziglang ar "$@"
END
chmod +x target/zig/cc target/zig/ar

check() {
    local target=$1 name=${1//-/_}
    echo "$target"
    env "CC_$name=$PWD/target/zig/cc" "AR_$name=$PWD/target/zig/ar" "ZIG_TARGET=$2" AWS_LC_SYS_PREBUILT_NASM=1 \
        cargo check --quiet --lib --all-features -Z build-std=std,panic_abort --target "$target" --target-dir target/platforms
}

[ $# -gt 0 ] || set -- i686-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-pc-windows-gnu aarch64-apple-darwin
for target in "$@"; do
    case "$target" in
        i686-unknown-linux-gnu) check "$target" x86-linux-gnu ;;
        x86_64-unknown-linux-musl) check "$target" x86_64-linux-musl ;;
        aarch64-unknown-linux-musl) check "$target" aarch64-linux-musl ;;
        x86_64-pc-windows-gnu) check "$target" x86_64-windows-gnu ;;
        aarch64-apple-darwin) check "$target" aarch64-macos ;;
        *) echo "$target: its name in Zig is not known here" >&2; exit 1 ;;
    esac
done
