"""Our own token endpoint (RFC 6749, 4.4): order systems and clients get short-lived tokens for their client id and secret.

An order system's id and secret are those of `upstreams.NAME.notifications`; those of a client are its name and a token of the file of
clients. A token is random and kept by its hash alone, so that every replica knows it and a restart forgets none; it is valid no longer
than the secret that it was given for.
"""

from __future__ import annotations

import hmac
import secrets
import time
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from litestar import Request
from litestar.handlers import post
from sqlalchemy import Connection

from gateway.documents import JsonObject
from gateway.errors import MalformedBodyError, Problem, RequestError, UnauthenticatedError
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import read_body
from gateway.roles import PUBLIC
from gateway.security.admission import Admission
from gateway.security.guard import ISSUED_PREFIX, file_client
from gateway.security.notifiers import basic_credentials
from gateway.security.refusals import RefusedCredential, note_refused
from gateway.security.tokens import token_sha256
from gateway.services import Services, services_of
from gateway.storage import access_tokens
from gateway.storage.access_tokens import AccessToken

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path
BODY_BYTES_MAX: Final = 16_384
FIELDS_MAX: Final = 20
_FORM: Final = frozenset({"application/x-www-form-urlencoded"})
_NOT_STORED: Final = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
_TOKEN_BYTES: Final = 32

SCHEMAS: Final[dict[str, Any]] = {
    "AccessToken": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"type": "string", "enum": ["Bearer"]},
            "expires_in": {"type": "integer", "description": "Seconds until it is no longer valid."},
        },
    }
}
_OPENAPI: Final[dict[str, Any]] = {
    "tags": ["token"],
    "security": [],
    "description": "The client id and secret go into the body, or into a header `Authorization: Basic`. An order system's are those of "
    "its settings, a client's are its name and a token of the file of clients.",
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "additionalProperties": False,
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                        "scope": {"type": "string", "description": "Not looked at: roles are what the settings say."},
                    },
                },
                "example": {"grant_type": "client_credentials", "client_id": "crm", "client_secret": "the secret"},
            }
        },
    },
    "responses": {
        "200": {
            "description": "A token for `Authorization: Bearer`",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/AccessToken"},
                    "example": {"access_token": f"{ISSUED_PREFIX}Zx1", "token_type": "Bearer", "expires_in": 3600},
                }
            },
        }
    },
}


class Credential(NamedTuple):
    """A secret that was recognised: its hash, whose it is, and the order system that it belongs to."""

    sha256: str
    tenant: str
    client: str
    upstream: str | None = None


class TokenIssuer:
    """Gives out tokens, to each client no faster than `limits.client` says."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._admission = Admission()

    async def issue(self, client_id: str, client_secret: str) -> JsonObject:
        """Return the answer of the endpoint for a client id and secret.

        Raises UnauthenticatedError (401, invalid_client), TooManyRequestsError (429), UnavailableError (503).
        """
        services = self._services
        credential = self._recognised(client_id, client_secret)
        if credential is None:
            raise _refused("invalid_client", "The client is not known, or its secret is not right (any more).")
        self._admission.admit(credential.tenant, credential.client, services.settings.limits, time.monotonic())
        token = ISSUED_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        seconds = services.settings.security.access_token_seconds

        def keep(connection: Connection) -> None:
            now = services.database.now(connection)
            issued = AccessToken(
                sha256=token_sha256(token),
                credential=credential.sha256,
                upstream=credential.upstream,
                expires_at=now + timedelta(seconds=seconds),
            )
            access_tokens.keep(connection, issued, now)

        await services.database.write(keep)
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds}

    def _recognised(self, client_id: str, client_secret: str) -> Credential | None:
        sha256, settings = token_sha256(client_secret), self._services.settings
        for name, upstream in settings.upstreams.items():
            own = upstream.notifications
            if own.client_id and hmac.compare_digest(own.client_id.encode(), client_id.encode()):
                known = own.client_secret_sha256.lower().split()
                if any(hmac.compare_digest(sha256, each) for each in known):
                    return Credential(sha256, settings.security.tenant, f"notifier.{name}", name)
        client = file_client(self._services, sha256)
        if client is not None and hmac.compare_digest(client.name.encode(), client_id.encode()):
            return Credential(sha256, client.tenant, client.name)
        return None


@post(TOKEN_PATH, status_code=200, opt={"openapi": _OPENAPI, "roles": PUBLIC})
async def give_token(request: Request[Any, Any, Any]) -> Answer:
    """Give a token for client credentials."""
    services_of(request)
    raw = await read_body(request, bytes_max=BODY_BYTES_MAX, media_types=_FORM)
    fields = _fields(raw)
    if fields.get("grant_type") != "client_credentials":
        said = "invalid_request" if "grant_type" not in fields else "unsupported_grant_type"
        raise _malformed(said, "grant_type", "must be client_credentials")
    client_id, client_secret = _given(request, fields)
    issuer: TokenIssuer = request.app.state.token_issuer
    try:
        return json_answer(await issuer.issue(client_id, client_secret), headers=list(_NOT_STORED))
    except UnauthenticatedError:
        scope: Any = request.scope
        note_refused(scope, RefusedCredential("The client is not known, or its secret is not right."))
        raise


def _fields(raw: bytes) -> dict[str, str]:
    """Return the fields of a form. Raises MalformedBodyError (400, invalid_request) for what is not a form, or names a field twice."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=False, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError:
        raise _malformed("invalid_request", "", "must be a form (application/x-www-form-urlencoded)") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _malformed("invalid_request", "", "must name each field once")
    return fields


def _given(request: Request[Any, Any, Any], fields: dict[str, str]) -> tuple[str, str]:
    """Return the client id and secret of a request, of its header or of its body."""
    values = [value.decode("latin-1") for name, value in request.scope["headers"] if name == b"authorization"]
    if values:
        basic = basic_credentials(values[0]) if len(values) == 1 else None
        if basic is None or "client_secret" in fields:
            raise _refused("invalid_client", "The client's credentials must be there once: Basic, or in the body.")
        client_id = unquote_plus(basic[0])
        if fields.get("client_id", client_id) != client_id:
            raise _refused("invalid_client", "client_id in the body is another than that of Authorization: Basic.")
        return client_id, unquote_plus(basic[1])
    missing = [name for name in ("client_id", "client_secret") if name not in fields]
    if missing:
        what = "The client's credentials are missing: send client_id and client_secret, or Authorization: Basic."
        raise _refused("invalid_client", what)
    return fields["client_id"], fields["client_secret"]


def _malformed(code: str, path: str, what: str) -> RequestError:
    message = f"{path or 'The body'} {what}."
    return MalformedBodyError(message, problems=[Problem(path, what)], extension=_said(code, message))


def _refused(code: str, message: str) -> RequestError:
    headers = {"WWW-Authenticate": 'Basic realm="gateway"', "Cache-Control": "no-store"}
    return UnauthenticatedError(message, headers=headers, extension=_said(code, message))


def _said(code: str, message: str) -> dict[str, Any]:
    """Return what RFC 6749 (5.2) says of an error, beside what TMF630 says."""
    return {"error": code, "error_description": message}


handlers: Final[list[Any]] = [give_token]
