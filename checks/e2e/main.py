"""Runs the documents' blocks and then asks the service that they started. See run.sh."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import gateway
import story
from document import Document, Shell, ShellFailed, missing_line
from issuer import Issuer
from report import Report
from service import Service

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/cognito"
SECONDS_IN_ALL = 600


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def listens(port: int) -> bool:
    """Whether something still does after 5 seconds."""
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
        time.sleep(0.1)
    return True


def environment(scratch: str, backend: str) -> dict[str, str]:
    """Nothing of the caller's AWS configuration, so that no account can be touched by mistake."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {name: f"{scratch}/none" for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    return kept | nowhere | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "BACKEND": backend,
        "STATE_DIR": f"{scratch}/emulator",
        "TMPDIR": scratch,
    }


def run_block(report: Report, shell: Shell, document: Document, name: str) -> str:
    printed = shell.run(document.commands[name], seconds=300)
    missing = missing_line(document.expected(name), printed)
    if missing is None:
        report.check(f"{document.path.name}: {name}", True, True)
    else:
        report.fail(f"{document.path.name}: {name}", f"{missing!r} is not in what it printed:\n{printed}")
    return printed


def tokens(shell: Shell) -> tuple[story.Tokens, str]:
    """Tokens of every kind, and the id of the client that users sign in to."""
    shell.run("""
        USERS=$(aws cognito-idp create-user-pool-client --user-pool-id "$POOL_ID" --client-name users \
            --explicit-auth-flows ALLOW_USER_PASSWORD_AUTH ALLOW_REFRESH_TOKEN_AUTH \
            --query UserPoolClient.ClientId --output text)
        aws cognito-idp admin-create-user --user-pool-id "$POOL_ID" --username ada --message-action SUPPRESS
        aws cognito-idp admin-set-user-password --user-pool-id "$POOL_ID" --username ada --password 'Ada-1815-12' --permanent
        set -- $(aws cognito-idp initiate-auth --client-id "$USERS" --auth-flow USER_PASSWORD_AUTH \
            --auth-parameters USERNAME=ada,PASSWORD=Ada-1815-12 \
            --query 'AuthenticationResult.[AccessToken, IdToken]' --output text)
        USER_ACCESS=$1 USER_ID=$2

        (umask 077; aws cognito-idp create-user-pool-client --user-pool-id "$POOL_ID" --client-name other \
            --generate-secret --allowed-o-auth-flows client_credentials --allowed-o-auth-scopes profiles/get \
            --allowed-o-auth-flows-user-pool-client \
            --query 'UserPoolClient.[ClientId, ClientSecret]' --output text > "$TMPDIR/other")
        read -r OTHER_ID OTHER_SECRET < "$TMPDIR/other"
        printf '%s' "$OTHER_SECRET" > "$TMPDIR/other.secret"
        OTHER_CLIENT=$(CLIENT_ID=$OTHER_ID CLIENT_SECRET_FILE=$TMPDIR/other.secret examples/cognito/get-token.sh profiles/get)
        printf '%s' "$HAND_SECRET" > "$TMPDIR/hand.secret"
        OTHER_POOL=$(CLIENT_ID=$HAND_CLIENT CLIENT_SECRET_FILE=$TMPDIR/hand.secret examples/cognito/get-token.sh profiles/get)
    """)
    found = story.Tokens(
        scope=shell.variable("TOKEN"),
        both=shell.variable("BOTH"),
        other_client=shell.variable("OTHER_CLIENT"),
        other_pool=shell.variable("OTHER_POOL"),
        user_access=shell.variable("USER_ACCESS"),
        user_id=shell.variable("USER_ID"),
    )
    return found, shell.variable("USERS")


def check_template(report: Report, shell: Shell) -> None:
    """The template makes what the script makes, as far as the emulator can tell."""
    report.section("cloudformation.yaml")
    linter = pathlib.Path(sys.executable).with_name("cfn-lint")
    lint = subprocess.run([linter, "examples/cognito/cloudformation.yaml"], cwd=ROOT, capture_output=True, text=True)
    report.check("cfn-lint finds nothing", (lint.returncode, lint.stdout), (0, ""))
    printed = shell.run("""
        aws cloudformation deploy --stack-name e2e --template-file examples/cognito/cloudformation.yaml \
            --parameter-overrides Name=by-template
        output() {
            aws cloudformation describe-stacks --stack-name e2e \
                --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
        }
        TEMPLATE_POOL=$(output PoolId) TEMPLATE_CLIENT=$(output ClientId)
        printf 'issuer %s\\n' "$(output Issuer)"
        (umask 077; aws cognito-idp describe-user-pool-client --user-pool-id "$TEMPLATE_POOL" --client-id "$TEMPLATE_CLIENT" \
            --query UserPoolClient.ClientSecret --output text > "$TMPDIR/template.secret")
        TEMPLATE_TOKEN=$(CLIENT_ID=$TEMPLATE_CLIENT CLIENT_SECRET_FILE=$TMPDIR/template.secret \
            examples/cognito/get-token.sh profiles/get profiles/post)
    """)
    pool, client = shell.variable("TEMPLATE_POOL"), shell.variable("TEMPLATE_CLIENT")
    issuer = f"https://cognito-idp.eu-west-1.amazonaws.com/{pool}"
    report.check("its issuer is the pool's", f"issuer {issuer}" in printed, True)
    jwks_url = f"{shell.variable('AWS_ENDPOINT_URL')}/{pool}/.well-known/jwks.json"
    service = Service(BINARY, "--pool", pool, "--clients", client, "--jwks-url", jwks_url)
    try:
        answer = story.call(service.url + "/both", [f"Bearer {shell.variable('TEMPLATE_TOKEN')}"])
        report.check("its client's token is accepted", answer.status, 200)
    finally:
        service.stop()


def tell(report: Report, shell: Shell, services: list[Service], issuer: Issuer, service_port: int) -> None:
    walkthrough = Document(ROOT / "examples/cognito/README.md")
    api_gateway = Document(ROOT / "examples/cognito/API-GATEWAY.md")
    first = [name for name in walkthrough.commands if not name.startswith("stop")]

    report.section("examples/cognito/README.md, block by block")
    printed = "".join(run_block(report, shell, walkthrough, name) for name in first)

    env_file = ROOT / "target/pool.env"
    secret_file = ROOT / "target/profiles-api.secret"
    before = env_file.read_text()
    again = shell.run("examples/cognito/provision.sh --secret-file target/profiles-api.secret 2> /dev/null\n").strip()
    mode = secret_file.stat().st_mode & 0o777
    story.check_scripts(report, before.strip(), again, mode, printed + before, secret_file.read_text().strip())

    fresh, users_client = tokens(shell)
    client = shell.variable("CLIENT_ID")
    pool = ["--pool", shell.variable("POOL_ID"), "--jwks-url", shell.variable("JWKS_URL")]
    both_clients = Service(BINARY, *pool, "--clients", f"{client},{users_client}")
    services.append(both_clients)
    story.check_service(report, both_clients, fresh, client)
    story.check_users_client_is_rejected(report, f"http://127.0.0.1:{service_port}", fresh)
    check_template(report, shell)

    report.section("examples/cognito/API-GATEWAY.md, block by block")
    for name in api_gateway.commands:
        run_block(report, shell, api_gateway, name)
    gateway.add_routes(shell, issuer, users_client)
    minted = Service(BINARY, "--issuer", issuer.url, "--jwks-url", issuer.jwks_url, "--clients", "caller")
    services.append(minted)
    nowhere = gateway.unreachable_issuer()
    unreachable = Service(BINARY, "--issuer", nowhere, "--jwks-url", f"{nowhere}/jwks.json", "--clients", "caller")
    services.append(unreachable)
    url = shell.variable("API_URL")
    fronts = {
        "": gateway.Front(url, both_clients.url),
        "/minted": gateway.Front(url, minted.url),
        "/unreachable": gateway.Front(url, unreachable.url),
    }
    rows = api_gateway.table("## Compare the decisions")
    gateway.check_table(report, rows, gateway.requests(fresh, issuer), fronts)

    report.section("examples/cognito/README.md, the end")
    run_block(report, shell, walkthrough, "stop")
    report.check("the service has stopped", listens(service_port), False)
    report.check("the secret's file is gone", secret_file.exists(), False)
    left = shell.run("aws cognito-idp list-user-pools --max-results 60 --query 'UserPools[].Name' --output text\n")
    report.check("the pools are gone", left.split(), ["by-template"])
    run_block(report, shell, walkthrough, "stop-emulator")


def main() -> None:
    def stop(*_):
        raise ShellFailed(f"stopped, or not done after {SECONDS_IN_ALL} s")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.alarm(SECONDS_IN_ALL)

    report = Report()
    emulator_port, service_port = free_ports(2)
    scratch = tempfile.mkdtemp(prefix="tower-cognito-e2e-")
    issuer = Issuer()
    # The ports that the documents name may be taken.
    ports = {"4566": str(emulator_port), "8080": f"{service_port}"}
    shell = Shell(ROOT, environment(scratch, issuer.url) | {"LISTEN": f"127.0.0.1:{service_port}"}, ports)
    services: list[Service] = []
    try:
        tell(report, shell, services, issuer, service_port)
    except (ShellFailed, RuntimeError, OSError, subprocess.SubprocessError) as error:
        report.fail("the story", str(error))
    finally:
        signal.alarm(0)
        for service in services:
            service.stop()
        shell.stop()
        issuer.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    report.close()


if __name__ == "__main__":
    sys.exit(main())
