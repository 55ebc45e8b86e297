"""Looks into the token that came of an exchange: who asked for it, and what it may do."""

import base64
import json
import sys


def payload(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


subject, issued = payload(sys.argv[1]), payload(sys.argv[2])
assert issued["client_id"] == "backend" and subject["client_id"] == "app", (subject, issued)
assert issued["scope"] == "profile" and subject["scope"] == "openid profile", (subject, issued)
assert issued["jti"] != subject["jti"], issued
print("idpyoidc exchanged a user's token for a narrower one, and rejected a forged one and another audience")
