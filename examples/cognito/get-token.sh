#!/bin/sh
# Gets an access token by the client-credentials flow (RFC 6749 §4.4) and prints it, and nothing else.
#
#   . ./pool.env
#   examples/cognito/get-token.sh profiles/get
#
# Arguments are the scopes to ask for; with none, the token has all that the client may have.
# TOKEN_URL, CLIENT_ID and CLIENT_SECRET_FILE come from the environment: export what provision.sh printed.

set -eu

say() { printf '%s\n' "get-token.sh: $*" >&2; }

: "${TOKEN_URL:?is not set; provision.sh prints it}"
: "${CLIENT_ID:?is not set; provision.sh prints it}"
: "${CLIENT_SECRET_FILE:?is not set; provision.sh prints it}"

# The secret must not travel in the clear, except within this machine.
case $TOKEN_URL in
    https://*) protocol='=https' ;;
    http://127.0.0.1[:/]* | http://localhost[:/]* | http://\[::1\][:/]*) protocol='=http' ;;
    *) say "TOKEN_URL must be https, or http on this machine"; exit 1 ;;
esac

secret=$(cat -- "$CLIENT_SECRET_FILE")
case $secret in
    '' | *[\"\\]*) say "$CLIENT_SECRET_FILE holds no client secret"; exit 1 ;;
esac

# Client and secret go in a Basic header, which curl makes from its standard input: other users can read a command line.
scope=$*
reply=$(printf 'user = "%s:%s"\n' "$CLIENT_ID" "$secret" | curl \
    --config - \
    --silent --show-error --max-time 10 --proto "$protocol" \
    --write-out '\n%{http_code}' \
    --data grant_type=client_credentials \
    ${scope:+--data-urlencode "scope=$scope"} \
    "$TOKEN_URL")
status=${reply##*
}
body=${reply%
*}

member() { printf '%s' "$body" | tr -d '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

token=$(member access_token)
if [ "$status" != 200 ] || [ -z "$token" ]; then
    error=$(member error)
    say "the token endpoint answered $status${error:+ ($error)}"
    case $error in
        invalid_client) say "CLIENT_ID and the secret in CLIENT_SECRET_FILE do not belong together" ;;
        invalid_scope | invalid_grant) say "the client may not have the scope asked for: $scope" ;;
    esac
    exit 1
fi
printf '%s\n' "$token"
