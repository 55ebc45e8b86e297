#!/usr/bin/env bash
# Requests a second over loopback: no auth, our layer, and other crates, with 500 tokens in rotation.
#
#   benches/load/run.sh            9 rounds of 2 seconds each
#   benches/load/run.sh --quick    one round of a second
#
# Needs wrk (apt-get install wrk) and two cores: the server has one and wrk the other. Loopback only, and everything ends
# by itself. PEERS="none ours" picks some ("seen" is ours without the tokens of first sight). One round can be a tenth off:
# ROUNDS=70 LENGTH=1 takes many short ones.
set -euo pipefail
cd "$(dirname "$0")/../peers"
for tool in wrk taskset; do
    command -v "$tool" >/dev/null || { echo "this needs $tool (apt-get install wrk util-linux)" >&2; exit 1; }
done
[ "$(nproc)" -ge 2 ] || { echo "this needs two cores: one for the server, one for wrk" >&2; exit 1; }

rounds=${ROUNDS-9} seconds=${LENGTH-2}
[ "${1-}" = --quick ] && rounds=1 seconds=1
PEERS=${PEERS-"none ours from-fn tower-oauth2-resource-server aliri-tower axum-jwks jwt-authorizer jwt-verify axum-jwt-auth"}
export CARGO_TARGET_DIR="$PWD/target"
source ./peers.sh

build tokens
fixture="$CARGO_TARGET_DIR/tokens-load.json"
"$CARGO_TARGET_DIR/release/peer-tokens" 500 >"$fixture"
tokens="$CARGO_TARGET_DIR/tokens-load.txt"
python3 -c 'import json, sys; print(*json.load(sys.stdin)["good"], sep="\n")' <"$fixture" >"$tokens"

scratch=$(mktemp -d)
servers=()
finish() {
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap finish EXIT

names=() ports=()
port=${PORT-39100}
start() { # name, package, variant
    PEER_VARIANT=$3 taskset -c 0 "$CARGO_TARGET_DIR/release/peer-$2" "$fixture" serve "$port" 900 >"$scratch/$port" &
    servers+=($!) names+=("$1") ports+=("$port")
    for _ in $(seq 100); do grep -q listening "$scratch/$port" && break; sleep 0.1; done
    grep -q listening "$scratch/$port" || { echo "$1 does not listen" >&2; exit 1; }
    port=$((port + 1))
}
for peer in $PEERS; do
    build "${peer/seen/ours}"
    case $peer in
    seen) start "ours, seen before" ours "" ;;
    none) start "no auth" none "" && start "inserts an Arc" none arc ;;
    ours) start "ours, seen before" ours "" && start "ours, first sight" ours uncached ;;
    *) start "$peer" "$peer" "" ;;
    esac
done

# Processor time that a server and the kernel for it have taken so far.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

for round in $(seq "$rounds"); do
    # Each round begins with another server, so that none always follows the same one.
    for place in "${!names[@]}"; do
        index=$(((place + round) % ${#names[@]}))
        before=$(ticks "${servers[index]}")
        taskset -c 1 wrk -t1 -c32 -d"${seconds}s" -s ../load/tokens.lua "http://127.0.0.1:${ports[index]}/" -- "$tokens" >"$scratch/wrk"
        if grep -E 'Socket errors|Non-2xx' "$scratch/wrk"; then echo "${names[index]} rejected" >&2; exit 1; fi
        spent=$(($(ticks "${servers[index]}") - before))
        requests=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$scratch/wrk")
        rate=$(sed -n 's/^Requests\/sec: *//p' "$scratch/wrk")
        printf '%s\t%s\t%s\n' "${names[index]}" "$rate" "$(awk "BEGIN { print $spent * 1e6 / $(getconf CLK_TCK) / $requests }")" >>"$scratch/results"
    done
done
python3 - "$scratch/results" <<'PY'
import statistics, sys
rates, costs = {}, {}
for line in open(sys.argv[1]):
    name, rate, cost = line.rstrip("\n").split("\t")
    rates.setdefault(name, []).append(float(rate))
    costs.setdefault(name, []).append(float(cost))
load = open("/proc/loadavg").read().split()[0]
print(f"medians of {min(map(len, rates.values()))} interleaved rounds, load average {load}")
print(f"{'over loopback':<32} {'requests/s':>12} {'of no auth':>12} {'middle half of the rounds':>26} {'ours, seen / it':>16} {'server, us each':>16}")
for name in sorted(rates, key=lambda name: -statistics.median(rates[name])):
    of_no_auth = [x / y for x, y in zip(rates[name], rates["no auth"])]
    low, _, high = statistics.quantiles(of_no_auth, n=4, method="inclusive") if len(of_no_auth) > 1 else of_no_auth * 3
    ours = statistics.median(x / y for x, y in zip(rates["ours, seen before"], rates[name]))
    print(f"{name:<32} {statistics.median(rates[name]):>12.0f} {statistics.median(of_no_auth):>12.3f} {f'{low:.3f} to {high:.3f}':>26} {ours:>16.2f} {statistics.median(costs[name]):>16.2f}")
PY
