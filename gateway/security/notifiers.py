"""How order systems prove that notifications are theirs: a bearer token, a token of our token endpoint, a signature, a certificate."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from litestar.types import Scope
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.errors import UnauthenticatedError
from gateway.settings import Settings, UpstreamSettings

# Where the scope of a request says that its body is to be verified: the handler that reads it calls `require_signature`.
SIGNED_KEY: Final = "gateway_signed_body"
SIGNATURE_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_HEADER_CHARACTERS_MAX: Final = 4_096
_REFUSED: Final = (
    "The signature of the notification is not right, or too old: sign the body as it is sent by Standard Webhooks "
    "(webhook-id, webhook-timestamp, webhook-signature), with a clock that is right."
)


def own_notifier(scope: Scope, settings: Settings) -> tuple[str, UpstreamSettings] | None:
    """Return the order system that a path of notifications names, where its notifications prove by themselves whose they are."""
    name: str = scope["path_params"].get("upstream", "")
    upstream = settings.upstreams.get(name)
    return (name, upstream) if upstream is not None and upstream.has_own_notifier else None


def carries_signature(scope: Scope) -> bool:
    """Tell whether a request carries a signature."""
    return any(name == b"webhook-signature" for name, _ in scope["headers"])


def require_signature(scope: Scope, raw: bytes, upstream: UpstreamSettings) -> str | None:
    """Verify the body of a request that was let in for its signature; return the message's id. None where nothing is to be verified.

    Raises UnauthenticatedError (401) when none of the secrets made the signature, or it is older than five minutes.
    """
    if not scope.get(SIGNED_KEY):
        return None
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = name.decode("latin-1")
        if text in SIGNATURE_HEADERS:
            if text in headers or len(value) > _HEADER_CHARACTERS_MAX:
                raise refused()
            headers[text] = value.decode("latin-1")
    for secret in upstream.notifications.signing_secret.split():
        try:
            Webhook(secret).verify(raw, headers, json_parse=False)
        except (WebhookVerificationError, ValueError, binascii.Error):
            continue  # another secret, or headers that are not a signature
        return headers["webhook-id"]
    raise refused()


def refused() -> UnauthenticatedError:
    """Return the error for a notification whose signature proves nothing."""
    return UnauthenticatedError(_REFUSED, headers={"WWW-Authenticate": 'Bearer realm="gateway"'})


def basic_credentials(value: str) -> tuple[str, str] | None:
    """Return user and password of a header `Basic ...`; None for other headers."""
    scheme, _, encoded = value.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None
