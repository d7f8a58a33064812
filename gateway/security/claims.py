"""What the claims of an access token say: whether it is for this gateway and valid now, and which client it makes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from joserfc.errors import ClaimError
from joserfc.jwt import JWTClaimsRegistry

from gateway.documents import Json
from gateway.errors import ForbiddenError, GatewayError
from gateway.roles import ROLES
from gateway.security.tokens import Client
from gateway.settings.identity import OidcSettings

CLIENT_CHARACTERS_MAX: Final = 64
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CLIENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:|@-]{0,63}")


class TokenRefusedError(GatewayError):
    """A token is not valid here; the message says why, for the client, and repeats nothing of the token."""


def check_claims(claims: Mapping[str, Json], settings: OidcSettings, now: datetime) -> None:
    """Raise TokenRefusedError unless the claims are of this issuer, for this gateway, and valid at `now`."""
    registry = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=settings.leeway_seconds,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.audience},
        exp={"essential": True},
        nbf={"essential": settings.nbf_required},
        sub={"essential": True},
    )
    try:
        registry.validate(dict(claims))
        float(claims["exp"])  # a whole number may be larger than any moment
    except ClaimError as error:
        raise TokenRefusedError(f"its claim `{error.claim}` is missing or does not hold") from None
    except (TypeError, ValueError, OverflowError):
        raise TokenRefusedError("its claims cannot be read") from None


def client_of_claims(claims: Mapping[str, Json], settings: OidcSettings) -> Client:
    """Return the client that the claims make. Raises ForbiddenError (403) when they name no usable tenant or client."""
    given = claim(claims, settings.tenant_claim)
    tenant = given if given is not None else settings.tenant
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise ForbiddenError(f"The token names no tenant: its claim `{settings.tenant_claim}` must be one.")
    name = claim(claims, settings.owner_claim)
    if not isinstance(name, str) or not _CLIENT.fullmatch(name):
        message = f"The token names no client: its claim `{settings.owner_claim}` must be 1 to {CLIENT_CHARACTERS_MAX} letters and digits."
        raise ForbiddenError(message)
    named = {
        value.removeprefix(settings.roles_prefix)
        for path in settings.roles_claims
        for value in _texts(claim(claims, path))
        if value.startswith(settings.roles_prefix)
    }
    return Client(name=name, tenant=tenant, roles=frozenset(role for role in ROLES if role in named))


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path of names with dots between them; None when it is not there.

    The names may have dots themselves, as addresses and the clients of some providers do.
    """
    if path in claims:
        return claims[path]
    names = path.split(".")
    for count in range(1, len(names)):
        inner = claims.get(".".join(names[:count]))
        found = claim(inner, ".".join(names[count:])) if isinstance(inner, dict) else None
        if found is not None:
            return found
    return None


def _texts(value: Any) -> Iterator[str]:
    """Yield the words of a list, or of a text with blanks between them (`scope`)."""
    if isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))
