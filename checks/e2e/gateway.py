"""The rows of examples/cognito/API-GATEWAY.md: the same request to the gateway and to the service."""

import dataclasses
import socket
import time

from document import Shell
from http_call import call
from issuer import Issuer, tampered
from report import Report
from story import Tokens

Request = tuple[str, list[str]]


@dataclasses.dataclass
class Front:
    """The gateway and the service, before and behind the same rules."""

    gateway: str
    service: str


def add_routes(shell: Shell, issuer: Issuer, users_client: str) -> None:
    """What the document's own block leaves out: the other routes, the users' client, and two issuers of the test."""
    shell.run(f"""
        aws apigatewayv2 update-authorizer --api-id "$API_ID" --authorizer-id "$AUTHORIZER_ID" \
            --jwt-configuration "Audience=$CLIENT_ID,{users_client},Issuer=$ISSUER"
        authorizer() {{
            aws apigatewayv2 create-authorizer --api-id "$API_ID" --name "$1" --authorizer-type JWT \
                --identity-source '$request.header.Authorization' --jwt-configuration "Audience=caller,Issuer=$2" \
                --query AuthorizerId --output text
        }}
        route() {{
            path=$1 authorizer=$2
            shift 2
            aws apigatewayv2 create-route --api-id "$API_ID" --route-key "GET $path" \
                --target "integrations/$INTEGRATION_ID" --authorization-type JWT --authorizer-id "$authorizer" "$@"
        }}
        route /whoami "$AUTHORIZER_ID"
        route /both "$AUTHORIZER_ID" --authorization-scopes profiles/get profiles/post
        MINTED=$(authorizer minted {issuer.url})
        route /minted/whoami "$MINTED"
        route /minted/profiles "$MINTED" --authorization-scopes profiles/get
        UNREACHABLE=$(authorizer unreachable {unreachable_issuer()})
        route /unreachable/whoami "$UNREACHABLE"
    """)


def unreachable_issuer() -> str:
    """A port of this machine on which nothing listens."""
    return f"http://127.0.0.1:{_unused_port}"


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    _unused_port = probe.getsockname()[1]


def bearer(path: str, token: str) -> Request:
    return path, [f"Bearer {token}"]


def requests(tokens: Tokens, issuer: Issuer) -> dict[str, Request]:
    now = int(time.time())
    return {
        "no token": ("/profiles", []),
        "client-credentials token with the scope": bearer("/profiles", tokens.scope),
        "client-credentials token without the scope": bearer("/minted/profiles", issuer.token(scope="profiles/post")),
        "signature of another payload": bearer("/profiles", tampered(tokens.scope)),
        "token of a client that is not listed": bearer("/whoami", tokens.other_client),
        "token of another pool": bearer("/whoami", tokens.other_pool),
        "expired a minute ago": bearer("/minted/whoami", issuer.token(iat=now - 120, exp=now - 60)),
        "not valid for another minute": bearer("/minted/whoami", issuer.token(nbf=now + 60)),
        "issued a minute ahead": bearer("/minted/whoami", issuer.token(iat=now + 60)),
        "unknown key": bearer("/minted/whoami", issuer.token({"kid": "another"})),
        "RS512": bearer("/minted/whoami", issuer.token({"alg": "RS512"})),
        "token of a user without the scope": bearer("/profiles", tokens.user_access),
        "token of a user, where none is needed": bearer("/whoami", tokens.user_access),
        "both scopes needed, both there": bearer("/both", tokens.both),
        "both scopes needed, one there": bearer("/both", tokens.scope),
        "ID token, where no scope is needed": bearer("/whoami", tokens.user_id),
        "ID token, where a scope is needed": bearer("/profiles", tokens.user_id),
        "no `token_use`": bearer("/minted/whoami", issuer.token(without="token_use")),
        "scope in `scp`": bearer("/minted/profiles", issuer.token(without="scope", scp=["profiles/get"])),
        "token without `Bearer`": ("/whoami", [tokens.scope]),
        "two `Authorization` fields, both good": ("/whoami", [f"Bearer {tokens.scope}", f"Bearer {tokens.both}"]),
        "`crit` in the header": bearer("/minted/whoami", issuer.token({"crit": ["exp"], "exp": 1})),
        "expired 5 seconds ago": bearer("/minted/whoami", issuer.token(exp=now - 5)),
        "no `exp`": bearer("/minted/whoami", issuer.token(without="exp")),
        "keys cannot be fetched": bearer("/unreachable/whoami", issuer.token(iss=unreachable_issuer())),
    }


def check_table(report: Report, rows: list[list[str]], asked: dict[str, Request], fronts: dict[str, Front]) -> None:
    """Each row of the document, both ways: what it says must be so, and nothing may be missing from it."""
    report.section("API Gateway's JWT authorizer and this crate")
    report.check("the document has a row for every request, and no other", sorted(row[0] for row in rows), sorted(asked))
    for name, gateway, service, relation, why in rows:
        if name not in asked:
            continue
        path, authorization = asked[name]
        prefix = next(prefix for prefix in sorted(fronts, reverse=True) if path.startswith(prefix))
        front = fronts[prefix]
        found = (
            call(front.gateway + path, authorization).status,
            call(front.service + path.removeprefix(prefix), authorization).status,
        )
        report.check(name, found, (int(gateway), int(service)))
        expected = "same" if found[0] == found[1] else "differs"
        report.check(f"{name}: {expected}", (relation, bool(why)), (expected, expected == "differs"))
