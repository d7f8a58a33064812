"""Settings of notifications that are refused: weak secrets, and order systems whose orders nobody knows."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from gateway.errors import Problem
from gateway.settings.identity import SecuritySettings
from gateway.settings.upstreams import UpstreamSettings

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_CLIENT_ID: Final = re.compile(r"[ -~]{1,255}", re.ASCII)
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
# Standard Webhooks: 24 to 64 bytes.
_SECRET_BYTES_MIN, _SECRET_BYTES_MAX = 24, 64


def unsafe_notifications(
    path: str, upstream: UpstreamSettings, security: SecuritySettings, public_url: str
) -> list[Problem]:
    """Return what is wrong with how the notifications of one order system prove whose they are; `path` is that of its settings."""
    own = upstream.notifications
    hashes = {
        "notification_token_sha256": upstream.notification_token_sha256,
        "notifications.token_sha256": own.token_sha256,
        "notifications.client_secret_sha256": own.client_secret_sha256,
    }
    problems = [
        Problem(f"{path}.{key}", "must be 64 hexadecimal digits, or several such separated by blanks")
        for key, text in hashes.items()
        if not all(_SHA256.fullmatch(each) for each in text.split())
    ]
    if security.mode != "none" and upstream.has_own_notifier and not upstream.tenants:
        told = "notification_token_sha256" if upstream.notification_token_sha256 else "notifications"
        what = "needs `tenants`, which say whose orders it reports; or make the order system a client of its tenant with the role notifier"
        problems.append(Problem(f"{path}.{told}", what))
    if bool(own.client_id) != bool(own.client_secret_sha256):
        missing = "client_secret_sha256" if own.client_id else "client_id"
        problems.append(Problem(f"{path}.notifications.{missing}", "is needed: one goes with the other"))
    if own.client_id and not _CLIENT_ID.fullmatch(own.client_id):
        problems.append(Problem(f"{path}.notifications.client_id", "must be 1 to 255 printable ASCII characters"))
    if not all(_is_signing_secret(each) for each in own.signing_secret.split()):
        what = "must be `whsec_` and 24 to 64 bytes in base64, or several such separated by blanks"
        problems.append(Problem(f"{path}.notifications.signing_secret", what))
    if own.certificate_subject and not security.client_certificate.subject_header:
        what = "needs security.client_certificate: the header and the proxies that name the subject of a certificate"
        problems.append(Problem(f"{path}.notifications.certificate_subject", what))
    if own.register and not public_url:
        problems.append(Problem(f"{path}.notifications.register", "needs server.public_url: where it is to send them"))
    return problems


def _is_signing_secret(text: str) -> bool:
    if not text.startswith(_SECRET_PREFIX):
        return False
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return _SECRET_BYTES_MIN <= len(secret) <= _SECRET_BYTES_MAX
