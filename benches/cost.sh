#!/usr/bin/env bash
# Searches for the tokens that cost most per byte before their signature, by counting, and counts their instructions.
#
#   benches/cost.sh            tries 20 000 tokens of each length
#   benches/cost.sh TRIES      tries so many
#
# benches/cost.rs has the method. Nothing in it is timed. Two runs still differ by a few instructions a token.
set -euo pipefail
cd "$(dirname "$0")/.."
tries=${1:-20000}
rounds=8
command -v valgrind >/dev/null || { echo "valgrind is not installed (apt-get install valgrind)" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build() { # arguments of cargo
    cargo bench -p benches --bench cost --no-run --message-format=json "$@" 2>"$scratch/build" |
        sed -n 's/.*"executable":"\([^"]*cost-[^"]*\)".*/\1/p' | tail -1 || { cat "$scratch/build" >&2; exit 1; }
}

# A directory for these flags, so that no other build is thrown away. With --target, build scripts and procedural macros, which do not
# define the callback, are compiled without the flags. The pass runs after the optimizer, and would run again with ThinLTO, which
# is what one codegen unit prevents. Blocks are not pruned: those that others imply run, too.
flags='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 -Cllvm-args=-sanitizer-coverage-trace-pc'
flags+=' -Cllvm-args=-sanitizer-coverage-prune-blocks=0'
host=$(rustc -vV | sed -n 's/^host: //p')
counting=$(RUSTFLAGS=$flags CARGO_PROFILE_BENCH_CODEGEN_UNITS=1 build --target-dir target/cost --target "$host")
plain=$(build)

# What it found stays there.
known=target/cost/known found=target/cost/found
rm -rf "$known" "$found"
mkdir -p "$known" "$found"

total() { # number of the dump
    sed -n 's/^\(summary\|totals\): //p' "$scratch/out.$1" | head -1
}
count() { # directory of an index
    rm -f "$scratch"/out*
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --toggle-collect='*measured' --dump-after='*measured' \
        --dump-line=no "$plain" verify "$1" 2>"$scratch/log" >&2 || { cat "$scratch/log" >&2; exit 1; }
    # The first dump is of nothing, the second of the RSA verification.
    local nothing number
    nothing=$(total 1)
    rsa=$(($(total 2) - nothing))
    for number in $(seq "$(wc -l <"$1/index")"); do
        echo $(($(total $((number + 2))) - nothing))
    done >"$1/counted"
}

"$counting" known "$known"
count "$known"
"$counting" seeds "$found"
count "$found"
for round in $(seq "$rounds"); do
    "$counting" search "$round" $((tries / rounds)) "$found"
    count "$found"
done

print() {
    awk -F'\t' -v rsa="$rsa" '
        BEGIN { printf "%7s %12s %9s %8s %8s  %s\n", "bytes", "instructions", "per byte", "of rsa", "blocks", "token" }
        { printf "%7d %12d %9.2f %7.2f%% %8d  %s\n", $3, $1, $1 / $3, 100 * $1 / rsa, $4, $2 ": " $5 }'
}
echo "one RSA verification: $rsa instructions"
echo
echo "known to be awkward, the costliest:"
paste "$known/counted" "$known/index" | sort -t$'\t' -k1,1nr | awk 'NR <= 20' | print
for length in $(cut -f5 "$found/index" | sort -nu); do
    echo
    echo "found of $length bytes:"
    paste "$found/counted" "$found/index" | awk -F'\t' -v length_="$length" '$6 == length_' | sort -t$'\t' -k1,1nr | awk 'NR <= 3' | print
done
