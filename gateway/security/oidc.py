"""Access tokens of an identity provider: signature, claims, and the client that they make (RFC 8725, RFC 9068)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.documents import JsonObject
from gateway.security.claims import TokenRefusedError, check_claims, client_of_claims
from gateway.security.jwks import Key, KeySource
from gateway.security.tokens import Client
from gateway.settings.identity import OidcSettings

KID_CHARACTERS_MAX: Final = 256
# A token that was found valid is not looked at again for so long; many requests carry the same.
CHECKED_SECONDS: Final = 30
CHECKED_MAX: Final = 4096
TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_PIECES: Final = 3


class AccessTokens:
    """Checks the access tokens of one provider."""

    def __init__(self, settings: OidcSettings, keys: KeySource | None = None) -> None:
        self._settings = settings
        self.keys = keys or KeySource(settings)
        self._checked: dict[bytes, tuple[Client, datetime, int]] = {}

    async def client(self, token: str, now: datetime) -> Client:
        """Return the client whose token this is.

        Raises TokenRefusedError when it is not valid, ForbiddenError (403) when it names no tenant or client, UnavailableError
        (503) while no keys can be had.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = self._checked.get(digest)
        if found is not None and found[1] > now and found[2] == self.keys.generation:
            return found[0]
        client, claims = await self.checked(token, now)
        self._remember(digest, client, claims, now)
        return client

    async def checked(self, token: str, now: datetime) -> tuple[Client, JsonObject]:
        """Return the client whose token this is, and its claims, whatever was found out before. Errors as `client`."""
        header = read_header(token, self._settings)
        key = await self.keys.key(header.get("kid"))
        if key is None:
            raise TokenRefusedError("it is signed with a key that is not known")
        claims = verified(token, header, key)
        check_claims(claims, self._settings, now)
        return client_of_claims(claims, self._settings), claims

    def _remember(self, digest: bytes, client: Client, claims: dict[str, Any], now: datetime) -> None:
        if len(self._checked) >= CHECKED_MAX:
            self._checked.clear()
        left = float(claims["exp"]) - now.timestamp()
        until = now + timedelta(seconds=max(0.0, min(left, CHECKED_SECONDS)))
        self._checked[digest] = (client, until, self.keys.generation)


def looks_like_jwt(token: str) -> bool:
    """Tell whether a bearer token has the form of a JWT; the tokens of the file of clients have no dots."""
    return token.count(".") == _PIECES - 1


def read_header(token: str, settings: OidcSettings, types: frozenset[str] = TYPES) -> JsonObject:
    """Return the header of a token, as far as it is believed: `alg` and `kid` alone choose how it is checked.

    `types` are the kinds of token (`typ`, in lower case) that will do.
    What it says of other keys (`jku`, `x5u`, `jwk`, `x5c`) is never followed. Raises TokenRefusedError.
    """
    if len(token) > settings.token_bytes_max or not looks_like_jwt(token):
        raise TokenRefusedError("it is not a JWT, or it is too large")
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise TokenRefusedError("its header cannot be read") from None
    if not isinstance(header, dict):
        raise TokenRefusedError("its header cannot be read")
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    checks: tuple[tuple[bool, Callable[[], str]], ...] = (
        (
            header.get("alg") in settings.algorithms,
            lambda: f"its algorithm is not one of {', '.join(settings.algorithms)}",
        ),
        (
            kid is None or (isinstance(kid, str) and 0 < len(kid) <= KID_CHARACTERS_MAX),
            lambda: "its `kid` is not a name of a key",
        ),
        (isinstance(kind, str) and kind.lower() in types, lambda: "it is a token of another kind (`typ`)"),
        ("crit" not in header, lambda: "it demands extensions (`crit`)"),
    )
    for holds, why in checks:
        if not holds:
            raise TokenRefusedError(why())
    return header


def verified(token: str, header: JsonObject, key: Key) -> JsonObject:
    """Return the claims of a token that this key signed with the algorithm of its header. Raises TokenRefusedError."""
    algorithm: str = header["alg"]
    kinds = {"R": RSAKey, "P": RSAKey}
    fits = isinstance(key, kinds.get(algorithm[0], ECKey)) if algorithm[:2] != "Ed" else key.key_type == "OKP"
    if not fits or key.get("alg", algorithm) != algorithm:
        raise TokenRefusedError("its key is of another algorithm")
    try:
        return dict(jwt.decode(token, key, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefusedError("its signature does not hold") from None
