"""Verifies a token of the local issuer with PyJWT, and shows that it rejects what it must.

It takes the variables that the issuer prints, and needs nothing else.
"""

import base64
import json
import os
import urllib.parse
import urllib.request

import jwt

ISSUER = os.environ["COGNITO_ISSUER"]
CLIENT_ID = os.environ["COGNITO_CLIENT_ID"]
CLIENT_SECRET = os.environ["COGNITO_CLIENT_SECRET"]

# No proxy of the environment may see loopback traffic.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
KEYS = jwt.PyJWKClient(os.environ["COGNITO_JWKS_URL"], timeout=5)


def fetch_token(scope):
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": scope,
    }
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(os.environ["COGNITO_TOKEN_URL"], body, timeout=5) as reply:
        return json.load(reply)["access_token"]


def verify(token, issuer=ISSUER):
    key = KEYS.get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        issuer=issuer,
        options={"require": ["exp", "iat", "iss", "sub"]},
    )


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def expect_rejection(error, token, **options):
    try:
        verify(token, **options)
    except error:
        return
    raise AssertionError(f"not rejected with {error.__name__}")


token = fetch_token("profiles/get")
other = fetch_token("profiles/get")
header, payload, signature = token.split(".")

claims = verify(token)
assert claims["sub"] == claims["client_id"] == CLIENT_ID
assert claims["scope"] == "profiles/get"
assert claims["token_use"] == "access"
assert claims["exp"] - claims["iat"] == 3600

richer = encode({**claims, "scope": "profiles/get profiles/post"})
unsigned = encode({**jwt.get_unverified_header(token), "alg": "none"})
expect_rejection(jwt.InvalidSignatureError, f"{header}.{richer}.{signature}")
expect_rejection(jwt.InvalidSignatureError, f"{header}.{payload}.{other.split('.')[2]}")
expect_rejection(jwt.InvalidAlgorithmError, f"{unsigned}.{payload}.")
expect_rejection(jwt.InvalidIssuerError, token, issuer=ISSUER + "x")
print("PyJWT: 1 token accepted, 4 rejected as expected")
