"""Lets requests-oauthlib get a token from the local issuer, and shows that it sees each rejection.

It takes the variables that the issuer prints, and needs nothing else.
"""

import os

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session

# The issuer serves plain http on loopback.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

CLIENT_ID = os.environ["COGNITO_CLIENT_ID"]
CLIENT_SECRET = os.environ["COGNITO_CLIENT_SECRET"]


def fetch_token(scopes, secret=CLIENT_SECRET, in_body=False):
    session = OAuth2Session(client=BackendApplicationClient(client_id=CLIENT_ID, scope=scopes))
    # No proxy of the environment may see loopback traffic.
    session.trust_env = False
    return session.fetch_token(
        os.environ["COGNITO_TOKEN_URL"],
        client_id=CLIENT_ID,
        client_secret=secret,
        include_client_id=in_body,
        timeout=5,
    )


def expect_rejection(error, *arguments):
    try:
        fetch_token(*arguments)
    except OAuth2Error as rejection:
        assert rejection.error == error, f"{rejection.error} instead of {error}"
        return
    raise AssertionError(f"not rejected with {error}")


for in_body in (False, True):
    token = fetch_token(["profiles/get", "profiles/post"], in_body=in_body)
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3600
    assert token["access_token"].count(".") == 2
expect_rejection("invalid_client", ["profiles/get"], "another secret")
expect_rejection("invalid_scope", ["profiles/delete"])
print("requests-oauthlib: 2 tokens obtained, 2 requests rejected as expected")
