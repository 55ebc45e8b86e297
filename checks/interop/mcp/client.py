"""The MCP SDK of PyPI against the MCP server at the URL given; see client.mjs. It keeps the scopes that it has when it steps up."""

import asyncio
import base64
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import ClientSession
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

URL = sys.argv[1]
CALLBACK = "http://127.0.0.1:8765/callback"


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


class Browser:
    """Its user agrees to everything."""

    def __init__(self):
        self.asked = []

    async def open(self, url):
        query = parse_qs(urlsplit(url).query)
        self.asked.append(set(query["scope"][0].split()))
        assert query["resource"] == [URL], query
        async with httpx2.AsyncClient(trust_env=False) as http:
            reply = await http.get(url)
        self.sent_back = parse_qs(urlsplit(reply.headers["location"]).query)

    async def wait(self):
        code, state, issuer = (self.sent_back[name][0] for name in ("code", "state", "iss"))
        return AuthorizationCodeResult(code=code, state=state, iss=issuer)


async def main():
    browser, storage = Browser(), InMemory()
    metadata = OAuthClientMetadata(client_name="interop", redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
    provider = OAuthClientProvider(
        URL, metadata, storage, redirect_handler=browser.open, callback_handler=browser.wait
    )
    async with (
        httpx2.AsyncClient(auth=provider, trust_env=False) as http,
        streamable_http_client(URL, http_client=http) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()

        async def call(name, **arguments):
            return (await session.call_tool(name, arguments)).content[0].text

        assert browser.asked == [{"notes/use"}], browser.asked
        payload = storage.tokens.access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert claims["aud"] == URL, claims
        assert await call("whoami") == "user ada"
        assert len(browser.asked) == 1

        assert await call("read_notes", notebook="shared") == "the notes of shared"
        assert browser.asked[1] == {"notes/use", "notes/read"}, browser.asked
        assert await call("read_notes", notebook="private") == "the notes of private"
        assert browser.asked[2] == {"notes/use", "notes/read", "notes/private"}, browser.asked
        assert await call("read_notes", notebook="shared") == "the notes of shared"
        assert len(browser.asked) == 3, browser.asked
    print("PyPI: challenged, signed in, called, rejected, stepped up twice")


asyncio.run(asyncio.wait_for(main(), 60))
