"""What a provider says about a person who logs in, or whose sessions end there: ID tokens and logout tokens (OpenID Connect)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from joserfc.errors import ClaimError
from joserfc.jwt import JWTClaimsRegistry

from gateway.security.claims import TokenRefusedError
from gateway.security.jwks import KeySource
from gateway.security.oidc import read_header, verified
from gateway.settings.identity import OidcSettings

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES: Final = frozenset({"logout+jwt", "application/logout+jwt", "jwt"})
ID_TYPES: Final = frozenset({"jwt"})
# How old a logout token may be: the provider sends it when somebody logs out.
LOGOUT_SECONDS_MAX: Final = 300
_CHARACTERS_MAX: Final = 255


class Person(NamedTuple):
    """Who logged in at the provider, and in which session there (None: it does not say)."""

    subject: str
    provider_session: str | None


class EndedThere(NamedTuple):
    """Whose sessions end: those of a session at the provider, or (None) all of a person."""

    subject: str | None
    provider_session: str | None


async def person_of(token: str, settings: OidcSettings, keys: KeySource, nonce: str, now: datetime) -> Person:
    """Return whose ID token this is (OpenID Connect Core, 3.1.3.7).

    Raises TokenRefusedError unless it was made for this login, UnavailableError (503) while no keys can be had.
    """
    claims = await _signed_claims(token, settings, keys, ID_TYPES)
    _check(claims, settings, now, needed=("exp", "iat", "sub"))
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise TokenRefusedError("its claim `nonce` is not that of this login")
    if claims.get("azp", settings.login.client_id) != settings.login.client_id:
        raise TokenRefusedError("its claim `azp` names another application")
    subject = _text(claims, "sub")
    if subject is None:
        raise TokenRefusedError("its claim `sub` does not hold")
    return Person(subject, _text(claims, "sid"))


async def ended_there(token: str, settings: OidcSettings, keys: KeySource, now: datetime) -> EndedThere:
    """Return whose sessions a logout token ends (OpenID Connect Back-Channel Logout, 2.6). Errors as `person_of`."""
    claims = await _signed_claims(token, settings, keys, LOGOUT_TYPES)
    _check(claims, settings, now, needed=("iat", "jti"))
    events = claims.get("events")
    if not isinstance(events, dict) or LOGOUT_EVENT not in events or "nonce" in claims:
        raise TokenRefusedError("it is not a logout token (`events`, `nonce`)")
    if now.timestamp() - float(claims["iat"]) > LOGOUT_SECONDS_MAX + settings.leeway_seconds:
        raise TokenRefusedError("its claim `iat` is too old")
    ended = EndedThere(_text(claims, "sub"), _text(claims, "sid"))
    if ended == (None, None):
        raise TokenRefusedError("it names no session (`sid`) and nobody (`sub`)")
    return ended


async def _signed_claims(
    token: str, settings: OidcSettings, keys: KeySource, types: frozenset[str]
) -> Mapping[str, Any]:
    header = read_header(token, settings, types)
    key = await keys.key(header.get("kid"))
    if key is None:
        raise TokenRefusedError("it is signed with a key that is not known")
    return verified(token, header, key)


def _check(claims: Mapping[str, Any], settings: OidcSettings, now: datetime, *, needed: tuple[str, ...]) -> None:
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=settings.leeway_seconds,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.login.client_id},
    )
    try:
        missing = next((name for name in needed if claims.get(name) in {None, ""}), None)
        if missing is not None:
            raise TokenRefusedError(f"its claim `{missing}` is missing or does not hold")
        registry.validate(dict(claims))
        float(claims["iat"])
    except ClaimError as error:
        raise TokenRefusedError(f"its claim `{error.claim}` is missing or does not hold") from None
    except (TypeError, ValueError, OverflowError):
        raise TokenRefusedError("its claims cannot be read") from None


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= _CHARACTERS_MAX else None
