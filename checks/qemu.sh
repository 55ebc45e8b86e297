#!/usr/bin/env bash
# The tests on aarch64, which QEMU emulates: the library's own and those of tests/, except what
# concerns the compiler or the documentation.
#
# It needs `apt-get install gcc-aarch64-linux-gnu qemu-user`, and the target's standard library. If
# rustc lacks that (`rustup target add aarch64-unknown-linux-gnu`), Debian's compiler and libraries
# are unpacked into target/qemu/rust. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/target/qemu
target=aarch64-unknown-linux-gnu
# They repeat one thing thousands of times, which takes an emulated processor too long.
repetitive=(--skip differential:: --skip fuzz_seeds:: --skip model:: --skip properties:: --skip stress::
    --skip no_sequence_of_events --skip every_stack_of_three_layers --skip with_and_without_a_token_cache
    --skip has_seen_before_changes_no_answer)
# They start their own program again, which only QEMU can run.
starting=(--skip tls::)

has_std() { # rustc
    compgen -G "$("$1" --print sysroot)/lib/rustlib/$target/lib/libstd-*.rlib" > /dev/null
}

# Debian's rustc, with the standard libraries of this machine and of the target.
unpack_debian() {
    local rust=$out/rust own
    own=$(dpkg --print-architecture)
    # With its own lists of packages, so that the system need not know the other architecture.
    local apt=(apt-get -qq -o "APT::Architectures=$own,arm64" -o APT::Sandbox::User=root
        -o "Dir::State::Lists=$rust/lists" -o "Dir::Cache=$rust/cache")
    mkdir -p "$rust/lists/partial" "$rust/cache" "$rust/packages"
    "${apt[@]}" update
    (
        cd "$rust/packages"
        rm -f ./*.deb
        "${apt[@]}" download rustc-web libstd-rust-web-dev libstd-rust-web-dev:arm64
        # The compiler's own libraries, of the versions that it names.
        "${apt[@]}" download $(depends libstd-rust-web-dev_*_"$own".deb libstd-rust-web)
        "${apt[@]}" download $(depends libstd-rust-web-[0-9]*.deb libllvm)
        for package in *.deb; do
            dpkg-deb --extract "$package" ..
        done
    )
    cat > "$rust/rustc" << END
#!/bin/sh
LD_LIBRARY_PATH=$(echo "$rust"/usr/lib/*-linux-gnu) exec "$rust/usr/bin/rustc" "\$@"
END
    chmod +x "$rust/rustc"
}

depends() { # package file, how the names start
    dpkg-deb --field "$1" Depends | tr ',' '\n' | sed -n "s/^ *\($2[^ ]*\).*/\1/p"
}

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed" >&2; exit 1; }
done
export RUSTC=${RUSTC:-rustc}
if ! has_std "$RUSTC"; then
    RUSTC=$out/rust/rustc
    [ -x "$RUSTC" ] || unpack_debian
fi
"$RUSTC" --version
# Nothing is debugged here, and debug information doubles what is linked.
export CARGO_PROFILE_DEV_DEBUG=0
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
cargo test --quiet --target "$target" --target-dir "$out" \
    --lib --test layer --test tokens --test keys --test client --test kit --test observability -- "${repetitive[@]}" "${starting[@]}"
