#!/usr/bin/env bash
# Puts into fuzz/found/TARGET/ few inputs that cover the edges which those of fuzz/found/, fuzz/corpus/ and the directories
# named cover and the seeds do not, as far as 1500 bytes suffice. `just fuzz` must have built the programs.
#
#   fuzz/keep.sh [DIRECTORY ...]    each has a directory for each target, like fuzz/corpus
set -euo pipefail
cd "$(dirname "$0")/.."

keep() { # target, directory of the seeds, directories of inputs
    local target=$1 seeds=$2/$1 from=() merged program before
    program=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release/$target
    merged=$2/merged/$target
    mkdir -p "$merged" "$seeds" "fuzz/found/$target"
    cp -r "$seeds/." "$merged"
    for directory in fuzz/found fuzz/corpus "${@:3}"; do
        [ ! -d "$directory/$target" ] || from+=("$directory/$target")
    done
    before=$(find "fuzz/found/$target" -type f | wc -l)
    # What is longer is cut, and is kept only if the rest is still of use.
    "$program" -set_cover_merge=1 -use_counters=0 -max_len=1500 "$merged" "${from[@]}" > "$merged.log" 2>&1 \
        || { tail -n 20 "$merged.log" >&2; return 1; }
    (cd "$seeds" && find . -type f -exec rm -f "$merged/{}" \;)
    rm -rf "fuzz/found/$target"
    cp -r "$merged" "fuzz/found/$target"
    echo "$target: $before inputs before, $(find "fuzz/found/$target" -type f | wc -l) now"
}

# This script calls itself for each target.
if [ "${1-}" = one ]; then
    keep "${@:2}"
    exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cargo run --quiet -p fuzz-seeds -- "$scratch"
# Fails if one of them does, after all have run.
cargo fuzz list | xargs -P "$(nproc)" -I TARGET fuzz/keep.sh one TARGET "$scratch" "$@"
