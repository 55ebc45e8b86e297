#!/usr/bin/env bash
# Instructions per call, counted by callgrind: the figures of a benchmark that are the same on every run.
#
#   benches/instructions.sh            prints the table
#   benches/instructions.sh --check    fails if a count is above its bound (what CI runs)
#
# Valgrind knows no AVX-512, with which RSA is about twice as fast as in here. So only what is ours has a bound, and the
# ratios to the RSA verification say less than those of `just bench`.
set -euo pipefail
cd "$(dirname "$0")/.."

check=no
[ "${1-}" = --check ] && check=yes
if ! command -v valgrind >/dev/null; then
    echo "SKIPPED: valgrind is not installed (apt-get install valgrind), so no instruction was counted" >&2
    # Without valgrind the table is an error, and a check is skipped with a message.
    [ "$check" = yes ] && exit 0
    exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build() { # features
    cargo bench -p benches --features "$1" --bench instructions --no-run --message-format=json 2>"$scratch/build" |
        sed -n 's/.*"executable":"\([^"]*instructions-[^"]*\)".*/\1/p' | tail -1 || { cat "$scratch/build" >&2; exit 1; }
}
plain=$(build '')
# The counters are a feature. Only the table needs the second build.
metered=
[ "$check" = yes ] || metered=$(build metrics)

# case, bound (- is none), what it is
cases='
rsa - the RSA verification alone (aws-lc-rs, key parsed)
first-sight - a token never seen, without the token cache
seen 660 a token seen before
garbage 3300 rejected: a thousand bytes that are no token
expired 7200 rejected: expired
unknown-kid 8900 rejected: names no key of ours
hostile-members 70000 16 KiB, unsigned: members
hostile-escapes 85000 16 KiB, unsigned: members with escaped names
hostile-audience 70000 16 KiB, unsigned: a long list of audiences
hostile-depth 45000 16 KiB, unsigned: lists in lists
hostile-string 55000 16 KiB, unsigned: a long string
hostile-space 50000 16 KiB, unsigned: white space
hostile-kid 135000 16 KiB, unsigned: a `kid` of escapes, then numbers
axum-plain - whole request through a Router, no auth
axum-arc - the same with a layer that inserts an Arc
axum-takes-arc - the same with a handler that takes the Arc
axum-seen - the same with our layer, a scope and a handler that takes the claims, token seen before
'
[ -z "$metered" ] || cases+='axum-counted - the same with the feature `metrics`, and no recorder
axum-metered - the same with a Prometheus recorder installed
'

declare -A counted
failed=no
printf '%-16s %12s %10s %8s  %s\n' case instructions 'of rsa' bound 'what it is'
while read -r name bound what; do
    [ -n "$name" ] || continue
    binary=$plain
    [[ $name != axum-counted && $name != axum-metered ]] || binary=$metered
    total() {
        valgrind --tool=callgrind --callgrind-out-file="$scratch/out" --toggle-collect='*measured*' \
            "$binary" "$name" "$1" 2>"$scratch/log" >&2 || { cat "$scratch/log" >&2; exit 1; }
        sed -n 's/^\(summary\|totals\): //p' "$scratch/out" | head -1
    }
    # A difference, so that what is paid once is not in it.
    few=$(total 10)
    many=$(total 60)
    counted[$name]=$(((many - few) / 50))
    count=${counted[$name]}
    verdict=
    if [ "$count" -eq 0 ]; then
        verdict='   <-- nothing was counted'
        failed=yes
    elif [ "$bound" != - ] && [ "$count" -gt "$bound" ]; then
        verdict='   <-- above its bound'
        failed=yes
    fi
    printf '%-16s %12d %9.2f%% %8s  %s%s\n' "$name" "$count" \
        "$(awk -v a="$count" -v b="${counted[rsa]}" 'BEGIN { print 100 * a / b }')" "$bound" "$what" "$verdict"
done <<<"$cases"

# What the layer itself adds to a request. The rest of it is axum's, and varies with what the compiler inlines there.
over_arc=$((counted[axum-seen] - counted[axum-takes-arc]))
over_arc_bound=900
[ "$over_arc" -le "$over_arc_bound" ] || failed=yes

echo
echo "first sight, without the RSA verification: $((counted[first-sight] - counted[rsa]))"
echo "our layer over one that inserts an Arc:     $over_arc (bound $over_arc_bound)"
if [ -n "$metered" ]; then
    echo "counters without a recorder:                $((counted[axum-counted] - counted[axum-seen]))"
    echo "a recorder over none:                       $((counted[axum-metered] - counted[axum-counted]))"
fi
[ "$check" = no ] || [ "$failed" = no ]
