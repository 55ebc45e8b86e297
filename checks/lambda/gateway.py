#!/usr/bin/env python3
"""The authorizer behind an emulated API Gateway, a REST API and an HTTP API, with the cache of results on.

The emulator is MiniStack, which others wrote. `example.sh` installs it, builds the function and starts
a local issuer, whose settings and tokens are in the environment. Loopback only.
"""

import http.server
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile

import botocore.session

ACCOUNT, REGION = "000000000000", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorizer"
FUNCTION_URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"


class Service(http.server.BaseHTTPRequestHandler):
    """What the gateway guards."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bootstrap(program):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        file.writestr(entry, pathlib.Path(program).read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def rest_api(client, service, kind):
    """A stage with `GET /profiles`, `POST /profiles` and `GET /profiles/{id}`. Its URL."""
    api = client.create_rest_api(name=f"rest-{kind}")["id"]
    authorizer = client.create_authorizer(
        restApiId=api,
        name="authorizer",
        type=kind,
        authorizerUri=FUNCTION_URI,
        identitySource="method.request.header.Authorization",
        authorizerResultTtlInSeconds=300,
    )["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    profiles = client.create_resource(restApiId=api, parentId=root, pathPart="profiles")["id"]
    profile = client.create_resource(restApiId=api, parentId=profiles, pathPart="{id}")["id"]
    for resource, method in ((profiles, "GET"), (profiles, "POST"), (profile, "GET")):
        where = {"restApiId": api, "resourceId": resource, "httpMethod": method}
        client.put_method(**where, authorizationType="CUSTOM", authorizerId=authorizer)
        client.put_integration(**where, type="HTTP_PROXY", integrationHttpMethod=method, uri=service)
    client.create_deployment(restApiId=api, stageName="v1")
    return f"/restapis/{api}/v1/_user_request_"


def http_api(client, service, identity_sources):
    api = client.create_api(Name="http", ProtocolType="HTTP")["ApiId"]
    authorizer = client.create_authorizer(
        ApiId=api,
        Name="authorizer",
        AuthorizerType="REQUEST",
        AuthorizerUri=FUNCTION_URI,
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=identity_sources,
        AuthorizerResultTtlInSeconds=300,
    )["AuthorizerId"]
    for key in ("GET /profiles", "POST /profiles", "GET /profiles/{id}"):
        integration = client.create_integration(
            ApiId=api,
            IntegrationType="HTTP_PROXY",
            IntegrationMethod=key.split()[0],
            IntegrationUri=service,
            PayloadFormatVersion="1.0",
        )["IntegrationId"]
        client.create_route(
            ApiId=api, RouteKey=key, Target=f"integrations/{integration}", AuthorizationType="CUSTOM", AuthorizerId=authorizer
        )
    client.create_stage(ApiId=api, StageName="v1", AutoDeploy=True)
    return f"/_aws/execute-api/{api}/v1"


def main(ministack, program):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service = f"http://127.0.0.1:{server.server_port}/"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "TMPDIR": folder}
        emulator = subprocess.Popen([pathlib.Path(ministack).absolute()], env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            return check(url, service, program)
        finally:
            emulator.terminate()
            emulator.wait()


def check(url, service, program):
    session = botocore.session.get_session()
    session.set_credentials("x", "x")

    def client(name):
        return session.create_client(name, region_name=REGION, endpoint_url=url)

    client("lambda").create_function(
        FunctionName="authorizer",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=f"arn:aws:iam::{ACCOUNT}:role/x",
        Code={"ZipFile": bootstrap(program)},
        Timeout=30,
        Environment={"Variables": {name: os.environ[name] for name in ("COGNITO_USER_POOL_ID", "COGNITO_JWKS_URL", "COGNITO_CLIENT_IDS")}},
    )
    reader, writer = (f"Bearer {os.environ[name]}" for name in ("GOOD", "OTHER"))
    forged = reader[:-8] + ("A" * 8)
    failed = 0

    def call(api, method, path, token):
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(f"{url}{api}{path}", method=method, headers=headers)
        try:
            return urllib.request.urlopen(request, timeout=60).status
        except urllib.error.HTTPError as error:
            return error.code

    def expect(name, api, rows):
        nonlocal failed
        for method, path, who, token, expected in rows:
            found = call(api, method, path, token)
            print(f"{name}: {method} {path}, {who}: {found}", "" if found == expected else f"expected {expected}")
            failed += found != expected

    # The second and later rows of a token are answered from the cache.
    for kind in ("TOKEN", "REQUEST"):
        expect(
            f"REST {kind}",
            rest_api(client("apigateway"), service, kind),
            [
                ("GET", "/profiles", "no token", None, 401),
                ("GET", "/profiles", "reader", reader, 200),
                ("GET", "/profiles/7", "reader", reader, 200),
                ("POST", "/profiles", "reader", reader, 403),
                ("GET", "/profiles", "writer", writer, 403),
                ("POST", "/profiles", "writer", writer, 200),
                ("GET", "/profiles", "forged", forged, 401),
            ],
        )
    per_route = http_api(client("apigatewayv2"), service, ["$request.header.Authorization", "$context.routeKey"])
    expect(
        "HTTP",
        per_route,
        [
            ("GET", "/profiles", "no token", None, 401),
            ("GET", "/profiles", "reader", reader, 200),
            ("GET", "/profiles/7", "reader", reader, 200),
            ("POST", "/profiles", "reader", reader, 403),
            ("GET", "/profiles", "writer", writer, 403),
            ("POST", "/profiles", "writer", writer, 200),
            ("GET", "/profiles", "forged", forged, 403),
        ],
    )
    # Why the route belongs to the identity sources: without it, one answer is that of every route.
    shared = http_api(client("apigatewayv2"), service, ["$request.header.Authorization"])
    expect(
        "HTTP, cached without the route",
        shared,
        [("GET", "/profiles", "reader", reader, 200), ("POST", "/profiles", "reader", reader, 200)],
    )
    return failed


sys.exit(1 if main(*sys.argv[1:]) else 0)
