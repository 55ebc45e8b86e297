"""What the issue of the walk-through promises: which token gets which answer, and why."""

import dataclasses

from http_call import call
from issuer import payload, tampered
from report import Report
from service import Service


@dataclasses.dataclass
class Tokens:
    """Fresh tokens of the emulator."""

    scope: str
    both: str
    other_client: str
    other_pool: str
    user_access: str
    user_id: str


def check_scripts(report: Report, first: str, again: str, secret_mode: int, printed: str, secret: str) -> None:
    report.section("provision.sh")
    report.check("a second run prints the same and makes nothing new", again, first)
    report.check("the secret's file is for its owner only", oct(secret_mode), oct(0o600))
    report.check("the secret is not printed", secret in printed, False)
    report.check("the secret is one", len(secret.strip()) >= 24, True)


def check_service(report: Report, service: Service, tokens: Tokens, client: str) -> None:
    """A service that allows the client and the users' client."""
    report.section("the guarded service")

    def ask(name, path, token, status, reason, error=None, method="GET"):
        before = len(service.reasons())
        answer = call(service.url + path, [f"Bearer {token}"] if token else [], method)
        found = (answer.status, service.next_reason(before), error and f'error="{error}"' in (answer.challenge or ""))
        report.check(name, found, (status, reason, error and True))
        return answer

    ask("a fresh token is accepted", "/profiles", tokens.scope, 200, "accepted")
    ask("without the scope it is 403", "/profiles", tokens.scope, 403, "accepted", "insufficient_scope", "POST")
    ask("with the scope the other route is 201", "/profiles", tokens.both, 201, "accepted", method="POST")
    ask("a route that needs both rejects one", "/both", tokens.scope, 403, "accepted", "insufficient_scope")
    ask("a route that needs both accepts both", "/both", tokens.both, 200, "accepted")
    ask("no token is 401", "/profiles", None, 401, "missing_token")
    ask("a tampered token is 401", "/profiles", tampered(tokens.scope), 401, "invalid_signature", "invalid_token")
    ask("an ID token is 401", "/whoami", tokens.user_id, 401, "token_use_not_allowed", "invalid_token")
    ask("a user's token without the scope is 403", "/profiles", tokens.user_access, 403, "accepted", "insufficient_scope")
    ask("a token of another client is 401", "/whoami", tokens.other_client, 401, "client_not_allowed", "invalid_token")
    ask("a token of another pool is 401", "/whoami", tokens.other_pool, 401, "issuer_not_allowed", "invalid_token")

    claims = payload(tokens.scope)
    me = ask("the claims reach the handler", "/whoami", tokens.scope, 200, "accepted").body
    expected = f'{{"client_id":"{client}","principal":"client","scopes":["profiles/get"],"subject":"{claims["sub"]}"}}'
    report.check("they are the token's", me, expected)
    user = ask("a user's token is good where no scope is needed", "/whoami", tokens.user_access, 200, "accepted").body
    report.check("and its principal is a user", '"principal":"user"' in user, True)
    log = "".join(service.log)
    report.check("no token is in the log", any(token.split(".")[2] in log for token in vars(tokens).values()), False)


def check_users_client_is_rejected(report: Report, url: str, tokens: Tokens) -> None:
    """A service that allows only the client of the client-credentials flow, as the walk-through starts it."""
    found = [call(url + "/whoami", [f"Bearer {token}"]).status for token in (tokens.user_access, tokens.user_id, tokens.scope)]
    report.check("users are 401 where only the service's client is allowed", found, [401, 401, 200])
