#!/usr/bin/env bash
# Runs a Lambda function in cargo-lambda's emulator of the Lambda service, and a command beside it:
#
#   checks/lambda/with_function.sh example-lambda 'curl -i "$LAMBDA_URL/profiles"'
#
# The first argument is the package of the function, which gets this script's environment. The rest
# is the command, a shell line or a program with its arguments, which also gets
#
#   LAMBDA_URL         the function behind a function URL (events of payload format 2.0)
#   LAMBDA_INVOKE_URL  takes an event as the body of a POST and returns what the function returns
#
# Needs cargo-lambda, which `.ci/run` installs from PyPI. Everything listens on loopback and is stopped at
# the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$PWD/target/tools/bin:$PATH"
package="$1"
shift

if ! command -v cargo-lambda >/dev/null; then
    echo "cargo-lambda is missing: pip install --no-deps cargo-lambda" >&2
    exit 1
fi
program="$(checks/programs.sh "$package")"

log="$(mktemp)"
processes=()
finish() {
    # The function first, which would complain of the missing emulator.
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -f "$log"
}
trap finish EXIT

port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
# The emulator only: it would compile and start the function in its own way, and later.
cargo-lambda lambda watch --only-lambda-apis --invoke-address 127.0.0.1 --invoke-port "$port" >"$log" 2>&1 &
emulator=$!
processes=("$emulator")
for _ in $(seq 300); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$emulator" || { cat "$log" >&2; exit 1; }
    sleep 0.1
done

AWS_LAMBDA_RUNTIME_API="http://127.0.0.1:$port/.rt/$package" AWS_LAMBDA_FUNCTION_NAME="$package" \
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128 AWS_LAMBDA_FUNCTION_VERSION=1 "$program" &
processes=("$!" "$emulator")

export LAMBDA_URL="http://127.0.0.1:$port/lambda-url/$package"
export LAMBDA_INVOKE_URL="http://127.0.0.1:$port/2015-03-31/functions/$package/invocations"
if [ $# = 1 ]; then
    bash -c "$1"
else
    "$@"
fi
