#!/usr/bin/env bash
# Calls `examples/lambda` and `examples/lambda-authorizer` in cargo-lambda's emulator, with keys and
# tokens of a local issuer: without a token, with one that lacks the scope, and with a valid one. With
# the argument `gateway`, then the authorizer behind an emulated API Gateway.
set -euo pipefail
cd "$(dirname "$0")/../.."

exports="$(mktemp)"
issuer=
finish() {
    if [ -n "$issuer" ]; then
        kill "$issuer" 2>/dev/null || true
        wait "$issuer" 2>/dev/null || true
    fi
    rm -f "$exports"
}
trap finish EXIT

programs="$(checks/programs.sh local-issuer example-lambda-authorizer)"
{ read -r local_issuer; read -r authorizer; } <<<"$programs"
"$local_issuer" --client caller --scope profiles/get --scope profiles/post >"$exports" &
issuer=$!
for _ in $(seq 100); do
    grep --quiet COGNITO_SCOPES "$exports" && break
    kill -0 "$issuer"
    sleep 0.1
done
# shellcheck disable=SC1090
. "$exports"

# A token of the caller with this scope.
token() {
    curl --silent --fail --user "$COGNITO_CLIENT_ID:$COGNITO_CLIENT_SECRET" \
        --data "grant_type=client_credentials&scope=$1" "$COGNITO_TOKEN_URL" | grep --only-matching 'eyJ[^"]*'
}

GOOD="$(token profiles/get)" OTHER="$(token profiles/post)"
export GOOD OTHER
# shellcheck disable=SC2016
checks/lambda/with_function.sh example-lambda '
    set -euo pipefail
    # Prints the status, then the challenge or the body.
    call() {
        curl --silent --max-time 30 --include "$LAMBDA_URL/profiles?limit=2" "$@" | tr -d "\r" |
            sed -n -e "s/^HTTP[^ ]* \([0-9]*\).*/\1/p" -e "s/^www-authenticate: //Ip" -e "/profiles for/p"
    }
    expect() {
        if [ "$1" != "$2" ]; then
            printf "expected:\n%s\nreceived:\n%s\n" "$2" "$1" >&2
            exit 1
        fi
    }
    expect "$(call)" "401
Bearer"
    expect "$(call --header "authorization: Bearer $OTHER" | head -n 1)" 403
    expect "$(call --header "authorization: Bearer $GOOD")" "200
2 profiles for caller"
'
echo "the function returned 401, 403 and 200"

# shellcheck disable=SC2016
checks/lambda/with_function.sh example-lambda-authorizer '
    set -euo pipefail
    # Prints what the function returns for a recorded event with this token.
    ask() {
        sed "s/Bearer TOKEN/Bearer $2/" "examples/lambda-authorizer/events/$1.json" |
            curl --silent --max-time 30 --data @- "$LAMBDA_INVOKE_URL"
    }
    expect() {
        if ! grep --quiet --fixed-strings "$2" <<<"$1"; then
            printf "expected: %s\nreceived: %s\n" "$2" "$1" >&2
            exit 1
        fi
    }
    for event in rest-token rest-request; do
        expect "$(ask "$event" none)" "\"errorMessage\":\"Unauthorized\""
        expect "$(ask "$event" "$OTHER")" "\"Effect\":\"Allow\",\"Resource\":[\"arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/POST/profiles\"]"
        expect "$(ask "$event" "$GOOD")" "prod/GET/profiles/*"
    done
    expect "$(ask http-api none)" "\"isAuthorized\":false"
    expect "$(ask http-api "$OTHER")" "\"isAuthorized\":false"
    expect "$(ask http-api "$GOOD")" "{\"isAuthorized\":true,\"context\":{\"clientId\":\"caller\""
'
echo "the authorizer answered both kinds of API"

if [ "${1-}" != gateway ]; then
    exit
fi
# The emulator is one of those that the end-to-end test uses, in the same environment.
venv=target/cognito-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement checks/e2e/requirements.txt
# It takes at most 50 MB, as Lambda does.
strip -o target/example-lambda-authorizer "$authorizer"
timeout 300 "$venv/bin/python" checks/lambda/gateway.py "$venv/bin/ministack" target/example-lambda-authorizer
