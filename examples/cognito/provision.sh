#!/bin/sh
# Makes what a service needs to be called server to server with Amazon Cognito tokens: a user pool, a resource server
# with two scopes, an app client for the client-credentials flow, and a domain for the token endpoint.
#
#   examples/cognito/provision.sh > pool.env        make it, or bring what exists in line
#   . ./pool.env                                    use it
#   examples/cognito/provision.sh --delete          take all of it down
#
# Standard output has shell assignments, and progress goes to standard error. The client's secret goes to a file with mode
# 600 and nowhere else, unless --show-secret is given.
#
# Options:
#   --name NAME          name of the pool, its client and, with the pool's id, its domain   (profiles-api)
#   --secret-file FILE   where the secret goes                                              (NAME.secret)
#   --show-secret        also print the secret, as CLIENT_SECRET
#   --delete             delete the pool with everything in it, and the secret file
#
# Account, region and endpoint are those of the AWS CLI: AWS_PROFILE, AWS_REGION, and AWS_ENDPOINT_URL for an emulator.
# It needs the AWS CLI (1 or 2) and these permissions of cognito-idp: ListUserPools, CreateUserPool, DescribeUserPool,
# DeleteUserPool, ListTagsForResource, TagResource, DescribeResourceServer, CreateResourceServer, UpdateResourceServer,
# ListUserPoolClients, CreateUserPoolClient, DescribeUserPoolClient, UpdateUserPoolClient, CreateUserPoolDomain,
# DeleteUserPoolDomain.

set -eu

# A user pool holds people's accounts, and its name is not unique. Only a pool with this tag is ever changed or deleted.
TAG=made-by
TAG_VALUE=tower-cognito-example

IDENTIFIER=profiles

name=profiles-api
secret_file=
show_secret=no
delete=no

say() { printf '%s\n' "$*" >&2; }
fail() { say "provision.sh: $*"; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --name | --secret-file) [ $# -ge 2 ] || fail "$1 needs a value" ;;
    esac
    case $1 in
        --name) name=$2; shift 2 ;;
        --secret-file) secret_file=$2; shift 2 ;;
        --show-secret) show_secret=yes; shift ;;
        --delete) delete=yes; shift ;;
        -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "unknown option $1 (--help lists them)" ;;
    esac
done

case $name in
    '' | *[!a-z0-9-]* | -* | *-) fail "--name must be lower-case letters, digits and inner hyphens: it becomes a host name" ;;
    *aws* | *amazon* | *cognito*) fail "--name must not contain aws, amazon or cognito: Cognito rejects such domains" ;;
esac
: "${secret_file:=$name.secret}"
command -v aws > /dev/null || fail "the AWS CLI is not installed"

cognito() { AWS_PAGER='' aws cognito-idp "$@"; }

# The id of the pool that this script made under this name; empty if there is none.
find_pool() {
    # shellcheck disable=SC2016  # the backquotes are JMESPath's
    ids=$(cognito list-user-pools --max-results 60 --query "UserPools[?Name=='$name'].Id" --output text)
    # shellcheck disable=SC2086  # ids are separated by white space
    set -- $ids
    case $# in
        0) return ;;
        1) ;;
        *) fail "there are $# user pools named $name: $*; give another --name" ;;
    esac
    # "None" is what the CLI prints for null.
    [ "$1" != None ] || return 0
    arn=$(cognito describe-user-pool --user-pool-id "$1" --query UserPool.Arn --output text)
    tag=$(cognito list-tags-for-resource --resource-arn "$arn" --query "Tags.\"$TAG\"" --output text)
    [ "$tag" = "$TAG_VALUE" ] || fail "the user pool $1 is named $name, but was not made by this script; give another --name"
    printf '%s\n' "$1"
}

pool_domain() {
    domain=$(cognito describe-user-pool --user-pool-id "$1" --query UserPool.Domain --output text)
    [ "$domain" = None ] || printf '%s\n' "$domain"
}

pool=$(find_pool)

if [ "$delete" = yes ]; then
    if [ -z "$pool" ]; then
        say "no user pool named $name: nothing to delete"
    else
        # A pool cannot be deleted while it has a domain. Clients and resource servers go with it.
        domain=$(pool_domain "$pool")
        if [ -n "$domain" ]; then
            cognito delete-user-pool-domain --user-pool-id "$pool" --domain "$domain"
            say "deleted domain $domain"
        fi
        cognito delete-user-pool --user-pool-id "$pool"
        say "deleted user pool $pool"
    fi
    rm -f -- "$secret_file"
    exit 0
fi

# 1. The user pool: the issuer.
if [ -z "$pool" ]; then
    # Services use this pool: users cannot sign up.
    pool=$(cognito create-user-pool \
        --pool-name "$name" \
        --user-pool-tags "$TAG=$TAG_VALUE" \
        --admin-create-user-config AllowAdminCreateUserOnly=true \
        --query UserPool.Id --output text)
    say "created user pool $pool"
else
    say "user pool $pool exists"
fi

# 2. The resource server: the API, and what may be done with it. Its scopes are written identifier/name.
servers=$(cognito list-resource-servers --user-pool-id "$pool" --max-results 50 --query "ResourceServers[?Identifier=='$IDENTIFIER'].Identifier" --output text)
if [ "$servers" = "$IDENTIFIER" ]; then
    action=update-resource-server
else
    action=create-resource-server
fi
cognito "$action" \
    --user-pool-id "$pool" \
    --identifier "$IDENTIFIER" \
    --name "$IDENTIFIER" \
    --scopes ScopeName=get,ScopeDescription=read ScopeName=post,ScopeDescription=write \
    > /dev/null
say "$action: scopes $IDENTIFIER/get and $IDENTIFIER/post"

# 3. The app client: who calls. It gets a secret, and may have every scope of the API or ask for fewer.
client=$(cognito list-user-pool-clients --user-pool-id "$pool" --max-results 60 --query "UserPoolClients[?ClientName=='$name'].ClientId" --output text)
case $client in
    *[[:space:]]*) fail "there are several app clients named $name in $pool: $client" ;;
    '' | None)
        # The answer has the secret in it, so only the id is let out.
        client=$(cognito create-user-pool-client \
            --user-pool-id "$pool" \
            --client-name "$name" \
            --generate-secret \
            --allowed-o-auth-flows client_credentials \
            --allowed-o-auth-scopes "$IDENTIFIER/get" "$IDENTIFIER/post" \
            --allowed-o-auth-flows-user-pool-client \
            --query UserPoolClient.ClientId --output text)
        say "created app client $client"
        ;;
    *)
        cognito update-user-pool-client \
            --user-pool-id "$pool" \
            --client-id "$client" \
            --client-name "$name" \
            --allowed-o-auth-flows client_credentials \
            --allowed-o-auth-scopes "$IDENTIFIER/get" "$IDENTIFIER/post" \
            --allowed-o-auth-flows-user-pool-client \
            > /dev/null
        say "app client $client exists"
        ;;
esac

# Written beside and moved, so that there is no moment in which others can read it, whatever mode an old file has.
(
    umask 077
    rm -f -- "$secret_file.new"
    cognito describe-user-pool-client --user-pool-id "$pool" --client-id "$client" --query UserPoolClient.ClientSecret --output text > "$secret_file.new"
    mv -f -- "$secret_file.new" "$secret_file"
)

# 4. The domain: where tokens are issued. Prefixes are unique in a region, which the pool's id makes likely.
domain=$(pool_domain "$pool")
if [ -z "$domain" ]; then
    domain=$name-$(printf '%s' "${pool#*_}" | tr '[:upper:]' '[:lower:]')
    cognito create-user-pool-domain --user-pool-id "$pool" --domain "$domain" > /dev/null
    say "created domain $domain"
else
    say "domain $domain exists"
fi

# The issuer is in the tokens, also in an emulator's. Where keys and tokens are served differs.
region=${pool%_*}
issuer=https://cognito-idp.$region.amazonaws.com/$pool
endpoint=${AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER:-${AWS_ENDPOINT_URL:-}}
if [ -n "$endpoint" ]; then
    jwks_url=${endpoint%/}/$pool/.well-known/jwks.json
    token_url=${endpoint%/}/oauth2/token
else
    jwks_url=$issuer/.well-known/jwks.json
    case $region in
        us-gov-*) token_url=https://$domain.auth-fips.$region.amazoncognito.com/oauth2/token ;;
        cn-* | *-iso* | eusc-*)
            token_url=
            say "the form of Cognito domains in $region is not known here; set TOKEN_URL from the pool's domain in the console"
            ;;
        *) token_url=https://$domain.auth.$region.amazoncognito.com/oauth2/token ;;
    esac
fi

case $secret_file in
    /*) ;;
    *) secret_file=$(pwd)/$secret_file ;;
esac
say "the client's secret is in $secret_file"

# What stands between single quotes is taken as it is.
assign() { printf "%s='%s'\n" "$1" "$(printf '%s' "$2" | sed "s/'/'\\\\''/g")"; }

assign POOL_ID "$pool"
assign ISSUER "$issuer"
assign JWKS_URL "$jwks_url"
[ -z "$token_url" ] || assign TOKEN_URL "$token_url"
assign CLIENT_ID "$client"
assign CLIENT_SECRET_FILE "$secret_file"
[ "$show_secret" = no ] || assign CLIENT_SECRET "$(cat -- "$secret_file")"
