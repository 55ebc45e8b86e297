"""An RFC 8693 server that others wrote: idpyoidc (PyPI), behind Python's own HTTP server.

It signs a user in without asking, prints what a caller needs as lines for a shell, and serves its token endpoint until it is
stopped.
"""

import json
import shlex
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from idpyoidc.message.oauth2 import AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.authn_event import create_authn_event
from idpyoidc.server.authz import AuthzHandling
from idpyoidc.server.client_authn import verify_client
from idpyoidc.server.configure import ASConfiguration
from idpyoidc.server.user_authn.authn_context import INTERNETPROTOCOLPASSWORD
from idpyoidc.server.user_info import UserInfo

SECRET = "one-secret-of-this-check"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ENCRYPTION = {"kwargs": {"keys": {"key_defs": [
    {"type": "OCT", "use": ["enc"], "kid": "password"},
    {"type": "OCT", "use": ["enc"], "kid": "salt"},
]}, "iterations": 1}}


def token_kind(lifetime):
    kwargs = {"lifetime": lifetime, "aud": ["downstream"]}
    return {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": kwargs}


def configuration(issuer):
    minting = {"supports_minting": ["access_token"]}
    usage_rules = {
        "authorization_code": {**minting, "max_usage": 1},
        "access_token": {**minting, "expires_in": 600},
    }
    authentication = {"class": "idpyoidc.server.user_authn.user.NoAuthn", "kwargs": {"user": "diana"}}
    return {
        "issuer": issuer,
        "keys": {"uri_path": "jwks.json", "key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]},
        "endpoint": {
            "authorization": {
                "path": "authorization",
                "class": "idpyoidc.server.oauth2.authorization.Authorization",
                "kwargs": {},
            },
            "token": {
                "path": "token",
                "class": "idpyoidc.server.oidc.token.Token",
                "kwargs": {"client_authn_method": ["client_secret_basic", "client_secret_post"]},
            },
        },
        "authentication": {"anon": {"acr": INTERNETPROTOCOLPASSWORD, **authentication}},
        "userinfo": {"class": UserInfo, "kwargs": {"db": {}}},
        "client_authn": verify_client,
        "authz": {
            "class": AuthzHandling,
            "kwargs": {"grant_config": {"usage_rules": usage_rules, "expires_in": 43200}},
        },
        "token_handler_args": {
            "jwks_def": {"key_defs": [{"type": "oct", "bytes": 24, "use": ["enc"], "kid": "code"}]},
            "code": {"lifetime": 600, "kwargs": {"crypt_conf": ENCRYPTION}},
            "token": token_kind(3600),
        },
        "session_params": {"encrypter": ENCRYPTION},
    }


def client(*grant_types):
    return {
        "client_secret": SECRET,
        "redirect_uris": [("https://example.com/cb", None)],
        "client_salt": "salted",
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types_supported": list(grant_types),
        "response_types": ["code"],
        "allowed_scopes": ["openid", "profile"],
    }


def policy():
    """Tokens for one audience only."""
    function = "idpyoidc.server.oauth2.token_helper.validate_token_exchange_policy"
    return {
        "requested_token_types_supported": ["urn:ietf:params:oauth:token-type:access_token"],
        "policy": {"": {"function": function, "kwargs": {"audience": ["downstream"]}}},
    }


def users_token(server, client_id):
    """An access token of a user who signed in to this client."""
    request = AuthorizationRequest(
        client_id=client_id,
        redirect_uri="https://example.com/cb",
        scope=["openid", "profile"],
        state="state",
        response_type="code",
    )
    sessions = server.context.session_manager
    session = sessions.create_session(create_authn_event("diana"), request, "diana", client_id=client_id)
    grant = server.context.authz(session, request)
    token = grant.mint_token(
        session_id=sessions.encrypted_session_id("diana", client_id, grant.id),
        context=server.context,
        token_class="access_token",
        token_handler=sessions.token_handler["access_token"],
        usage_rules=grant.usage_rules["access_token"],
        scope=["openid", "profile"],
    )
    return token.value


def handler(server):
    endpoint = server.get_endpoint("token")

    class TokenEndpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = endpoint.parse_request(body, {"headers": headers})
            outcome = request if "error" in request else endpoint.process_request(request=request)
            answer = outcome.get("response_args", outcome)
            answer = answer if isinstance(answer, dict) else answer.to_dict()
            status = 400 if "error" in answer else 200
            document = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_):
            pass

    return TokenEndpoint


def main():
    http = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    issuer = f"http://127.0.0.1:{http.server_port}/"
    server = Server(ASConfiguration(conf=configuration(issuer), base_path="."), cwd=".")
    server.context.map_supported_to_preferred()
    server.context.cdb["app"] = client("authorization_code")
    server.context.cdb["backend"] = {**client(EXCHANGE), "token_exchange": policy()}
    http.RequestHandlerClass = handler(server)
    for name, value in {
        "TOKEN_URL": issuer + "token",
        "CLIENT_ID": "backend",
        "CLIENT_SECRET": SECRET,
        "SUBJECT_TOKEN": users_token(server, "app"),
    }.items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    http.serve_forever()


if __name__ == "__main__":
    main()
