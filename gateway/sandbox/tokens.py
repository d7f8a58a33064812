"""The OAuth 2.0 token endpoint (client credentials) and the check of bearer tokens."""

from __future__ import annotations

import base64
import binascii
import time
from hashlib import sha256
from urllib.parse import parse_qsl, unquote

from gateway.sandbox.answers import Answer, RefusedError, json_answer
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.wire import Request

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path


class TokenEndpoint:
    """Issues tokens that expire after `options.token_seconds`, without saying so in the answer, as Salesforce does."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options
        self._expires_at: dict[str, float] = {}
        self.issued = 0

    def issue(self, request: Request, instance_url: str) -> Answer:
        """Answer a token request: form-encoded, credentials in the form or in a Basic header."""
        if request.method != "POST":
            return json_answer(405, {"error": "invalid_request", "error_description": "use POST"}, (("Allow", "POST"),))
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("grant_type") != "client_credentials":
            raise _oauth_error("unsupported_grant_type", "grant type not supported; use client_credentials")
        client_id, client_secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if not client_id or not client_secret:
            raise _oauth_error("invalid_client", "client_id and client_secret are needed, in the form or as Basic")
        if self._options.client_id not in (None, client_id):
            raise _oauth_error("invalid_client_id", "client identifier invalid")
        if self._options.client_secret not in (None, client_secret):
            raise _oauth_error("invalid_client", "invalid client credentials")
        self.issued += 1
        token = "00DSB!" + sha256(f"{self._options.seed}:{self.issued}".encode()).hexdigest()
        self._expires_at[token] = time.monotonic() + self._options.token_seconds
        return json_answer(
            200,
            {
                "access_token": token,
                "signature": base64.b64encode(sha256(token.encode()).digest()).decode(),
                "scope": "api",
                "instance_url": instance_url,
                "id": f"{instance_url}/id/00D000000000001/005000000000001",
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            },
            (("Cache-Control", "no-store"),),
        )

    def accepts(self, request: Request) -> bool:
        """Whether the call carries a token that was issued here and has not expired; always when none is asked for."""
        if not self._options.require_token:
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expires_at = self._expires_at.get(token.strip())
        return scheme.lower() == "bearer" and expires_at is not None and time.monotonic() < expires_at

    def expire_all(self) -> None:
        """Make every token that was issued so far invalid."""
        self._expires_at.clear()


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote(name), unquote(secret)


def _oauth_error(error: str, description: str) -> RefusedError:
    return RefusedError(400, {"error": error, "error_description": description})
