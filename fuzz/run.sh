#!/usr/bin/env bash
# Each fuzz target for some seconds, from the seeds and what was found before; as many at a time as there are cores. Needs cargo-fuzz.
#
#   fuzz/run.sh                 8 seconds each
#   fuzz/run.sh 3600 address    an hour each, with AddressSanitizer
#
# A sanitizer is not the default: this crate has no unsafe code, so what counts is coverage, debug assertions and the promises in
# tests/support/fuzz_bodies.rs. Its base64 and JSON decoders have some. Without one, AWS-LC is built as it always is, which keeps this
# affordable in CI.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzz() { # target, seconds, directory of the programs
    local target=$1 seconds=$2 programs=$3 log=fuzz/target/$1.log
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    # New inputs go to the first directory.
    local corpus=("fuzz/corpus/$target")
    [ ! -d "fuzz/found/$target" ] || corpus+=("fuzz/found/$target")
    local TIMEFORMAT='%U + %S' took
    if ! took=$({ time "$programs/$target" "${corpus[@]}" -dict=fuzz/words.dict -artifact_prefix="fuzz/artifacts/$target/" \
        -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 > "$log" 2>&1; } 2>&1); then
        grep -A 1 -m 1 "panicked at" "$log" >&2 || true
        tail -n 20 "$log" >&2
        echo "$target broke a promise; put the input into fuzz/regressions/$target/" >&2
        return 1
    fi
    local runs covered inputs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(grep -oP '\bcov: \K[0-9]+' "$log" | tail -n 1)
    inputs=$(find "fuzz/corpus/$target" -type f | wc -l)
    echo "$target: $runs executions in $took seconds of a processor (user + system), $covered edges covered, $inputs inputs kept"
    # A target that never gets past its start checks nothing. The slowest makes some thousands a second, and with a
    # sanitizer some hundreds.
    if [ "$runs" -lt $((seconds * 50)) ]; then
        echo "$target made too few executions to mean anything" >&2
        return 1
    fi
}

# This script calls itself for each target.
if [ "${1-}" = one ]; then
    fuzz "${@:2}"
    exit
fi

cargo run --quiet -p fuzz-seeds -- "$PWD/fuzz/corpus"
host=$(rustc -vV | sed -n 's/^host: //p')
# libFuzzer needs compiler flags that are not stable.
RUSTC_BOOTSTRAP=1 cargo fuzz build --sanitizer "${2:-none}" --target "$host"
# Fails if one of them does, after all have run.
cargo fuzz list | xargs -P "$(nproc)" -I TARGET fuzz/run.sh one TARGET "${1:-8}" "fuzz/target/$host/release"
