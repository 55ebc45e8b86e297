#!/usr/bin/env bash
# Each fuzz target for some seconds (8 unless given), from the seeds and what was found before. Needs cargo-fuzz.
#
# Without a sanitizer: this crate has no unsafe code, so what counts is coverage, debug assertions and the promises in
# tests/support/fuzz_bodies.rs. (Its base64 and JSON decoders have some; to look there, too, run `cargo fuzz run TARGET`, which takes
# AddressSanitizer.) So AWS-LC is built as it always is, which keeps this affordable in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-8}

cargo run --quiet -p fuzz-seeds -- "$PWD/fuzz/corpus"
host=$(rustc -vV | sed -n 's/^host: //p')
# libFuzzer needs compiler flags that are not stable.
RUSTC_BOOTSTRAP=1 cargo fuzz build --sanitizer none --target "$host"

failed=0
for target in $(cargo fuzz list); do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=fuzz/target/$target.log
    # New inputs go to the first directory.
    corpus=("fuzz/corpus/$target")
    [ ! -d "fuzz/found/$target" ] || corpus+=("fuzz/found/$target")
    if "fuzz/target/$host/release/$target" "${corpus[@]}" -dict=fuzz/words.dict -artifact_prefix="fuzz/artifacts/$target/" \
        -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 > "$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(grep -oP '\bcov: \K[0-9]+' "$log" | tail -n 1)
        inputs=$(find "fuzz/corpus/$target" -type f | wc -l)
        echo "$target: $runs executions, $covered edges covered, $inputs inputs kept"
        # A target that never gets past its start checks nothing. The slowest makes some thousands a second.
        if [ "$runs" -lt $((seconds * 50)) ]; then
            echo "$target made too few executions to mean anything" >&2
            failed=1
        fi
    else
        grep -A 1 -m 1 "panicked at" "$log" >&2 || true
        tail -n 20 "$log" >&2
        echo "$target broke a promise; put the input into fuzz/regressions/$target/" >&2
        failed=1
    fi
done
exit "$failed"
