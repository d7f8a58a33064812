"""An identity provider that people log in at: authorization code with PKCE, tokens for the code, its keys and its configuration.

It answers over a real socket and refuses what a real one refuses: another redirect, a code that was used, a verifier that does not fit.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from http_servers import SilentHandler, served
from identity_provider import AUDIENCE, IdentityProvider

CLIENT_ID, CLIENT_SECRET = "gateway-console", "s3cret:with colon"


class LoginProvider(SilentHandler, BaseHTTPRequestHandler):
    """`person` are claims of whoever logs in; `changes` are made to the ID token; `log` has the forms that were posted."""

    identity = IdentityProvider()
    address = ""
    person: ClassVar[dict[str, Any]] = {}
    changes: ClassVar[dict[str, Any]] = {}
    access_changes: ClassVar[dict[str, Any]] = {}
    token_status = 200
    codes: ClassVar[dict[str, dict[str, str]]] = {}
    forms: ClassVar[list[dict[str, str]]] = []

    @classmethod
    def begin(cls, address: str) -> None:
        """Forget what was."""
        cls.address, cls.token_status = address, 200
        cls.identity = IdentityProvider(keys=cls.identity.keys)
        cls.person = {"sub": "anna", "tenant": "acme", "roles": ["operator"]}
        cls.changes, cls.access_changes, cls.codes, cls.forms = {}, {}, {}, []

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            names = {"authorization": "authorize", "token": "token", "end_session": "end"}
            found = {f"{name}_endpoint": f"{self.address}/{path}" for name, path in names.items()}
            self.answer(200, {"issuer": self.address, "jwks_uri": f"{self.address}/certs", **found})
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            assert asked["client_id"] == CLIENT_ID
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"], "iss": self.address})
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(200, self.identity.public())

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.forms.append(form)
        if self.token_status != 200:
            self.answer(self.token_status, {"error": "server_error"})
            return
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        pair = base64.b64encode(b"gateway-console:s3cret%3Awith%20colon").decode()
        is_right = (
            asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() == asked["code_challenge"]
            and self.headers["Authorization"] == f"Basic {pair}"
        )
        if not is_right or asked is None:
            self.answer(400, {"error": "invalid_grant"})
            return
        claims = {"iss": self.address, **self.person}
        said = {"aud": CLIENT_ID, "nonce": asked["nonce"], "sid": "there-1", **self.changes}
        id_token = self.identity.token(header={"typ": "JWT"}, **{**claims, **said})
        access_token = self.identity.token(**{**claims, "aud": AUDIENCE, **self.access_changes})
        self.answer(200, {"token_type": "Bearer", "access_token": access_token, "id_token": id_token})

    @classmethod
    def logout_token(cls, **claims: Any) -> str:
        """Return what the provider posts when somebody logged out there; a claim that is None is left out."""
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        said = {
            "iss": cls.address,
            "aud": CLIENT_ID,
            "jti": secrets.token_hex(8),
            "events": events,
            "sub": "anna",
            **claims,
        }
        return cls.identity.token(header={"typ": "logout+jwt"}, **said)


@contextmanager
def login_provider() -> Iterator[type[LoginProvider]]:
    """Serve the provider."""
    with served(LoginProvider) as address:
        LoginProvider.begin(address)
        yield LoginProvider
