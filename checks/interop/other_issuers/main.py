"""Each foreign token through examples/cognito: its answer, and the reason that the service logs. See run.sh."""

import contextlib
import json
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import boto3
from moto.server import ThreadedMotoServer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "checks/e2e"))

from http_call import call  # noqa: E402
from report import Report  # noqa: E402
from service import Service  # noqa: E402

BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/cognito"
SECONDS_IN_ALL = 180


class TimedOut(Exception):
    """The test took too long, or was interrupted."""


class Issuers:
    """The issuers that are Node programs."""

    def __init__(self, directory: str):
        self.process = subprocess.Popen(
            ["node", HERE / "issuers.mjs"],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.errors: list[str] = []
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()

    def answer(self) -> dict:
        """The next line of JSON. Lines that a library prints are skipped."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.process.wait(timeout=10)
        raise RuntimeError(f"issuers.mjs ended: {''.join(self.errors)}")

    def rotate(self) -> dict:
        self.process.stdin.write("rotate\n")
        self.process.stdin.flush()
        return self.answer()

    def stop(self) -> None:
        """Lets it end, and then makes sure of it and of what it started."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


class Asker:
    """Asks one service, and reports its answer together with the reason in its log."""

    def __init__(self, report: Report, services: list[Service], issuer: str, jwks_url: str, clients: str, *flags: str):
        self.report = report
        self.service = Service(BINARY, "--issuer", issuer, "--jwks-url", jwks_url, "--clients", clients, *flags)
        services.append(self.service)

    def ask(self, name: str, path: str, token: str, status: int, reason: str, challenge: str = "") -> None:
        before = len(self.service.reasons())
        answer = call(self.service.url + path, [f"Bearer {token}"])
        found = (answer.status, self.service.next_reason(before), challenge in (answer.challenge or ""))
        self.report.check(name, found, (status, reason, True))


def user_tokens(endpoint: str) -> tuple[str, str, str, str]:
    """Pool and client ids, access token and ID token of a user who signs in, by the API of Cognito."""
    cognito = boto3.client(
        "cognito-idp",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    pool = cognito.create_user_pool(PoolName="users")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="users", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    name, password = "ada@example.com", "Ada-1815-12"
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", DesiredDeliveryMediums=["EMAIL"])
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)
    result = cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": password}
    )["AuthenticationResult"]
    return pool, client, result["AccessToken"], result["IdToken"]


def check_mock(report: Report, services: list[Service], issuers: Issuers, told: dict, client: str) -> None:
    report.section("oauth2-mock-server, shaped like Cognito")
    service = Asker(report, services, told["issuer"], told["jwks_url"], client)
    service.ask("a client-credentials token is accepted", "/profiles", told["like_cognito"], 200, "accepted")
    service.ask("a `typ` in the header changes nothing", "/profiles", told["with_typ"], 200, "accepted")
    scope = 'error="insufficient_scope"'
    service.ask("both scopes are not there", "/both", told["like_cognito"], 403, "accepted", scope)
    service.ask("unshaped, it does not say what it is for", "/profiles", told["as_it_comes"], 401, "token_use_not_allowed")
    rotated = issuers.rotate()
    report.check("the issuer has another key now", rotated["kid"] != told["kid"], True)
    service.ask("after a rotation, the new key's token is accepted", "/profiles", rotated["new_key"], 200, "accepted")
    service.ask("and so is the old key's", "/profiles", told["like_cognito"], 200, "accepted")

    stranger = Asker(report, services, told["issuer"], told["jwks_url"], "another")
    stranger.ask("another client is not allowed", "/profiles", told["like_cognito"], 401, "client_not_allowed")


def check_provider(report: Report, services: list[Service], told: dict, client: str) -> None:
    report.section("oidc-provider")
    service = Asker(report, services, told["issuer"], told["jwks_url"], client)
    service.ask("a JWT access token of RFC 9068 has no token_use", "/profiles", told["as_it_comes"], 401, "token_use_not_allowed")
    service.ask(
        "with one, it is bound to another audience", "/profiles", told["for_another_audience"], 401, "audience_not_allowed"
    )
    service.ask("bound to its own client, it is accepted", "/profiles", told["for_its_own_client"], 200, "accepted")
    service.ask("bound to an MCP server, it is not", "/profiles", told["for_mcp"], 401, "audience_not_allowed")

    report.section("oidc-provider, tokens that are bound to a resource (RFC 8707)")
    audience = ("--audience", "https://mcp.example.com/mcp")
    accepting = Asker(report, services, told["issuer"], told["jwks_url"], client, *audience)
    requiring = Asker(report, services, told["issuer"], told["jwks_url"], client, *audience, "--require-audience")
    for which, service, unbound in (("accepts", accepting, (200, "accepted")), ("requires", requiring, (401, "audience_not_allowed"))):
        where = f"where the service {which} the resource"
        service.ask(f"{where}, its token is accepted", "/profiles", told["for_mcp"], 200, "accepted")
        service.ask(f"{where}, one of its parent is not", "/profiles", told["for_the_parent_of_mcp"], 401, "audience_not_allowed")
        service.ask(f"{where}, one that names its client: {unbound[1]}", "/profiles", told["for_its_own_client"], *unbound)


def check_users(report: Report, services: list[Service], name: str, endpoint: str, issuer_of) -> None:
    report.section(f"{name}, tokens of a user")
    pool, client, access, identity = user_tokens(endpoint)
    issuer = issuer_of(pool)
    jwks_url = f"{endpoint}/{pool}/.well-known/jwks.json"
    service = Asker(report, services, issuer, jwks_url, client)
    scope = 'error="insufficient_scope"'
    service.ask("the access token is good where no scope is needed", "/whoami", access, 200, "accepted")
    service.ask("but has no scope of the API", "/profiles", access, 403, "accepted", scope)
    service.ask("the ID token is of the wrong use", "/whoami", identity, 401, "token_use_not_allowed")
    stranger = Asker(report, services, issuer, jwks_url, "another")
    stranger.ask("where its client is not allowed, it is rejected", "/whoami", access, 401, "client_not_allowed")
    elsewhere = Asker(report, services, issuer + "x", jwks_url, client)
    elsewhere.ask("where another pool is trusted, it is rejected", "/whoami", access, 401, "issuer_not_allowed")


def main() -> None:
    def stop(*_):
        raise TimedOut(f"stopped, or not done after {SECONDS_IN_ALL} s")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.alarm(SECONDS_IN_ALL)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    report = Report()
    services: list[Service] = []
    scratch = tempfile.mkdtemp(prefix="tower-cognito-interop-")
    issuers = Issuers(scratch)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    try:
        told = issuers.answer()
        check_mock(report, services, issuers, told["mock"], told["client"])
        check_provider(report, services, told["provider"], told["client"])
        local = told["cognito_local"]["url"]
        check_users(report, services, "cognito-local", local, lambda pool: f"{local}/{pool}")
        moto.start()
        host, port = moto.get_host_and_port()
        on_aws = "https://cognito-idp.eu-west-1.amazonaws.com"
        check_users(report, services, "moto", f"http://{host}:{port}", lambda pool: f"{on_aws}/{pool}")
    except Exception as error:  # whatever it is, it is a failure to be counted, and everything is stopped
        report.fail("the interop test", f"{type(error).__name__}: {error}")
    finally:
        signal.alarm(0)
        for service in services:
            service.stop()
        issuers.stop()
        moto.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    report.close()


if __name__ == "__main__":
    main()
