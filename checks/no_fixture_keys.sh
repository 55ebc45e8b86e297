#!/usr/bin/env bash
# Shows that nothing of the fixture keys is in a build with default features, and that the same search finds them in a build
# with the `testing` feature, so that it can fail.
set -euo pipefail
cd "$(dirname "$0")/.."

# A line out of the middle of each private key, and each kid.
needles=()
for pem in fixtures/keys/*.pem; do
    needles+=("$(sed -n 10p "$pem")" "$(basename "$pem" .pem)")
done
if [ "${#needles[@]}" -lt 6 ]; then
    echo "fixtures/keys does not hold the keys that are looked for" >&2
    exit 1
fi

# The library alone, without dev-dependencies, which would turn the feature on. Prints how many needles are in it.
found_with() {
    local rlib found=0
    rlib=$(cargo build --quiet --lib "$@" --message-format=json |
        sed -n 's/.*"filenames":\["\([^"]*libtower_cognito\.rlib\)".*/\1/p' | tail -n 1)
    if [ ! -s "$rlib" ]; then
        echo "the build left no library" >&2
        exit 1
    fi
    for needle in "${needles[@]}"; do
        if grep --quiet --text --fixed-strings -e "$needle" "$rlib"; then
            found=$((found + 1))
        fi
    done
    echo "$found"
}

in_testing=$(found_with --features testing)
in_default=$(found_with)
echo "with the testing feature: $in_testing of ${#needles[@]} traces of fixture keys; by default: $in_default"
[ "$in_testing" -eq "${#needles[@]}" ] && [ "$in_default" -eq 0 ]
