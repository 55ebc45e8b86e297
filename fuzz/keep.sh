#!/usr/bin/env bash
# Puts into fuzz/found/TARGET/ the fewest inputs that cover the edges which those of fuzz/found/, fuzz/corpus/ and the directories
# named cover and the seeds do not, as far as 1500 bytes suffice. `just fuzz` must have built the programs.
#
#   fuzz/keep.sh [DIRECTORY ...]    each has a directory for each target, like fuzz/corpus
set -euo pipefail
cd "$(dirname "$0")/.."

longest=1500
programs=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cargo run --quiet -p fuzz-seeds -- "$scratch/seeds"

for target in $(cargo fuzz list); do
    merged=$scratch/merged/$target
    mkdir -p "$merged" "$scratch/seeds/$target"
    cp -r "$scratch/seeds/$target/." "$merged"
    from=()
    for directory in fuzz/found fuzz/corpus "$@"; do
        [ ! -d "$directory/$target" ] || from+=("$directory/$target")
    done
    before=$(find "fuzz/found/$target" -type f 2> /dev/null | wc -l)
    # What is longer is cut, and is kept only if the rest is still of use.
    "$programs/$target" -set_cover_merge=1 -use_counters=0 -max_len="$longest" "$merged" "${from[@]}" > "$scratch/log" 2>&1 \
        || { tail -n 20 "$scratch/log" >&2; exit 1; }
    (cd "$scratch/seeds/$target" && find . -type f -exec rm -f "$merged/{}" \;)
    rm -rf "fuzz/found/$target"
    mkdir -p fuzz/found
    cp -r "$merged" "fuzz/found/$target"
    echo "$target: $before inputs before, $(find "fuzz/found/$target" -type f | wc -l) now"
done
