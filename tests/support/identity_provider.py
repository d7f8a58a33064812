"""A small identity provider: keys, tokens that it signs, and the two documents it is asked for; each read is counted."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from gateway.security.jwks import KeysUnreadableError

ISSUER = "https://id.example.com/realms/shop"
AUDIENCE = "tmf-gateway"
NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def new_key(kid: str, kind: str = "RSA") -> RSAKey | ECKey:
    """Return a private key with this id."""
    return RSAKey.generate_key(2048, {"kid": kid}) if kind == "RSA" else ECKey.generate_key("P-256", {"kid": kid})


@dataclass
class IdentityProvider:
    """`keys` are those it signs with, by id; `down` makes every read fail; `reads` are the addresses that were read."""

    keys: dict[str, RSAKey | ECKey] = field(default_factory=lambda: {"k1": new_key("k1")})
    down: bool = False
    reads: list[str] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)

    def public(self) -> dict[str, Any]:
        """Return its JWK set."""
        return {"keys": [*(key.as_dict(private=False) for key in self.keys.values()), *self.others]}

    async def fetch(self, address: str) -> Any:
        """Answer a read."""
        self.reads.append(address)
        if self.down:
            raise KeysUnreadableError("it is down")
        if address.endswith("/.well-known/openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/certs"}
        return self.public()

    def token(self, kid: str = "k1", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Return a token; a claim that is None is left out."""
        named = {"alg": "RS256", "kid": kid, "typ": "at+jwt", **(header or {})}
        key = self.keys[kid] if kid in self.keys else next(iter(self.keys.values()))
        return jwt.encode(
            {name: value for name, value in named.items() if value is not None},
            self.claims(**claims),
            key,
            algorithms=[named["alg"]],
            registry=jws.JWSRegistry(algorithms=[named["alg"]], strict_check_header=False),
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a token."""
        now = int(NOW.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "web-shop",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "tenant": "acme",
            "roles": ["channel"],
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def unsigned(self, **header: Any) -> str:
        """Return a token that nobody signed."""
        parts = [{"alg": "none", "typ": "JWT", **header}, self.claims()]
        return ".".join(encoded(json.dumps(part).encode()) for part in parts) + "."

    def signed_with_public_key(self) -> str:
        """Return a token whose HMAC has the text of the public key for its secret (key confusion)."""
        parts = [{"alg": "HS256", "kid": "k1", "typ": "JWT"}, self.claims()]
        text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        made = hmac.digest(self.keys["k1"].as_pem(private=False), text.encode(), "sha256")
        return f"{text}.{encoded(made)}"


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
