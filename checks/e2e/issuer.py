"""An issuer whose tokens say what a test wants: a key, its JWKS on loopback, and a backend for the gateway beside it."""

import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KID = "test+key/1="


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def payload(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def tampered(token: str) -> str:
    """Another scope under the old signature."""
    header, _, signature = token.split(".")
    return f"{header}.{encode(json.dumps(payload(token) | {'scope': 'profiles/get profiles/post'}).encode())}.{signature}"


class Issuer:
    """Serves discovery, the key set, and `backend` for any other path."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = issuer.reply(self.path).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.jwks_url = f"{self.url}/.well-known/jwks.json"

    def reply(self, path: str) -> str:
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": self.jwks_url})
        if path == "/.well-known/jwks.json":
            numbers = self.key.public_key().public_numbers()
            n, e = (encode(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
            return json.dumps({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": n, "e": e}]})
        return "backend"

    def token(self, header: dict | None = None, without: str = "", **claims) -> str:
        """A good client-credentials token, except for the given claims."""
        now = int(time.time())
        good = {
            "iss": self.url,
            "sub": "caller",
            "client_id": "caller",
            "token_use": "access",
            "scope": "profiles/get",
            "iat": now - 60,
            "exp": now + 3600,
            "jti": "1",
        }
        claims = {name: value for name, value in (good | claims).items() if name != without}
        header = {"alg": "RS256", "kid": KID} | (header or {})
        signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
        digest = hashes.SHA512() if header["alg"] == "RS512" else hashes.SHA256()
        return f"{signed}.{encode(self.key.sign(signed.encode(), padding.PKCS1v15(), digest))}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
