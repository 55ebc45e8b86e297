"""The client-credentials provider of the MCP SDK (PyPI) gets a token of the local issuer, bound to the resource it calls.

The resource is a stand-in for an MCP server: it answers 401 with its metadata (RFC 9728) until a token for it comes.
"""

import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import jwt
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

METADATA_PATH = "/.well-known/oauth-protected-resource/mcp"


class Resource(BaseHTTPRequestHandler):
    keys = None

    def do_GET(self):
        origin = f"http://127.0.0.1:{self.server.server_port}"
        if self.path == METADATA_PATH:
            issuers = [os.environ["COGNITO_ISSUER"]]
            # Without scopes here the SDK asks for those of the issuer's discovery document, which are for users.
            scopes = ["profiles/get"]
            return self.answer(200, {"resource": origin + "/mcp", "authorization_servers": issuers, "scopes_supported": scopes})
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            challenge = f'Bearer resource_metadata="{origin}{METADATA_PATH}"'
            return self.answer(401, {}, {"www-authenticate": challenge})
        key = self.keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, ["RS256"], audience=origin + "/mcp", issuer=os.environ["COGNITO_ISSUER"])
        return self.answer(200, {"client_id": claims["client_id"], "aud": claims["aud"]})

    def answer(self, status, document, headers=()):
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class InMemory(TokenStorage):
    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def main():
    Resource.keys = jwt.PyJWKClient(os.environ["COGNITO_JWKS_URL"])
    server = HTTPServer(("127.0.0.1", 0), Resource)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/mcp"
    provider = ClientCredentialsOAuthProvider(
        server_url=url,
        storage=InMemory(),
        client_id=os.environ["COGNITO_CLIENT_ID"],
        client_secret=os.environ["COGNITO_CLIENT_SECRET"],
        scope="profiles/get",
        issuer=os.environ["COGNITO_ISSUER"],
    )
    async with httpx2.AsyncClient(auth=provider, trust_env=False) as client:
        answer = await client.get(url)
    assert answer.status_code == 200, (answer.status_code, answer.text)
    assert answer.json() == {"client_id": os.environ["COGNITO_CLIENT_ID"], "aud": url}, answer.text
    print("the MCP SDK's client got a token that is bound to the resource it called")


asyncio.run(main())
