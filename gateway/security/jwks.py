"""The keys of an identity provider: read when they are needed, by one reader at a time, and not too often.

Keys are used for `refresh_seconds`. A token that names another key has them read again, once in `cooldown_seconds` whatever
tokens name; while the provider is down the last keys are used for `stale_seconds` more.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from gateway.errors import UnavailableError
from gateway.logs import get_logger
from gateway.settings.identity import OidcSettings

Key: TypeAlias = RSAKey | ECKey | OKPKey
Fetch: TypeAlias = Callable[[str], Awaitable[Any]]

KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2048
DOCUMENT_BYTES_MAX: Final = 512 * 1024
_log = get_logger("gateway.security")


class KeysUnreadableError(Exception):
    """The provider could not be asked, or did not answer with keys."""


class KeySource:
    """The keys of one provider by their id (`kid`). `fetch` reads a JSON document; over HTTPS unless another is given."""

    def __init__(
        self, settings: OidcSettings, fetch: Fetch | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._fetch = fetch or over_http(settings)
        self._monotonic = monotonic
        self._keys: dict[str, Key] = {}
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        # Counts the sets of keys, so that what was found out with one is not used with the next.
        self.generation = 0
        # Whether the keys could not be read when that was tried last.
        self.is_failing = False

    async def key(self, kid: str | None) -> Key | None:
        """Return the key of this id; without one the only key there is. None when there is no such key.

        Raises UnavailableError (503) while no keys are known, or the last ones are too old.
        """
        if self._is_old() or self._find(kid) is None:
            await self._refresh(kid)
        if self._monotonic() - self._read_at > self._settings.refresh_seconds + self._settings.stale_seconds:
            raise UnavailableError(
                "Access tokens cannot be checked now: the keys of the identity provider cannot be read.",
                headers={"Retry-After": str(int(self._settings.cooldown_seconds))},
            )
        return self._find(kid)

    def _is_old(self) -> bool:
        return self._monotonic() - self._read_at > self._settings.refresh_seconds

    def _find(self, kid: str | None) -> Key | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self, kid: str | None) -> None:
        async with self._lock:
            # Who waited for another's look has its answer.
            is_answered = not self._is_old() and self._find(kid) is not None
            if is_answered or self._monotonic() - self._tried_at < self._settings.cooldown_seconds:
                return
            self._tried_at = self._monotonic()
            try:
                found = usable_keys(await self._fetch(await self._address()))
            except KeysUnreadableError as error:
                self.is_failing = True
                _log.error("oidc.keys_unreadable", reason=str(error), keys_in_force=len(self._keys))
                return
            self._keys, self._read_at, self.is_failing = found, self._tried_at, False
            self.generation += 1
            _log.info("oidc.keys_read", keys=len(found))

    async def _address(self) -> str:
        settings = self._settings
        if settings.jwks_url:
            return settings.jwks_url
        found = await self._fetch(f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        address = found.get("jwks_uri") if isinstance(found, dict) else None
        if not isinstance(address, str) or found.get("issuer") != settings.issuer:
            raise KeysUnreadableError("its configuration names no keys, or another issuer")
        if settings.issuer.startswith("https://") and not address.startswith("https://"):
            raise KeysUnreadableError("its configuration names keys without https")
        return address


def usable_keys(document: Any) -> dict[str, Key]:
    """Return the keys of a JWK set that signatures are checked with, by id; those of other kinds are passed over.

    Raises KeysUnreadableError when there is none: a set without keys is taken for a fault, not for the end of all tokens.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, Key] = {}
    for each in listed[:KEYS_MAX] if isinstance(listed, list) else ():
        is_for_signatures = isinstance(each, dict) and each.get("use", "sig") == "sig"
        if not is_for_signatures or each.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        public = {name: value for name, value in each.items() if name not in {"d", "p", "q", "dp", "dq", "qi", "oth"}}
        try:
            with warnings.catch_warnings():
                # It warns of a short key; here such a key is passed over.
                warnings.simplefilter("ignore")
                key = import_key(public)
            is_strong = not isinstance(key, RSAKey) or key.public_key.key_size >= RSA_BITS_MIN
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if is_strong and isinstance(key, RSAKey | ECKey | OKPKey):
            kid = each.get("kid")
            found[kid if isinstance(kid, str) else ""] = key
    if not found:
        raise KeysUnreadableError("its answer holds no key that signatures can be checked with")
    return found


def over_http(settings: OidcSettings) -> Fetch:
    """Return what reads a JSON document of the provider; it raises KeysUnreadableError."""

    async def fetch(address: str) -> Any:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                return await _read(address, context, settings.timeout_seconds)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            raise KeysUnreadableError(f"{type(error).__name__} while it was read") from None

    return fetch


async def _read(address: str, context: ssl.SSLContext, timeout_seconds: float) -> Any:
    """Return the JSON document at an address; redirects are not followed."""
    async with (
        httpx.AsyncClient(verify=context, timeout=timeout_seconds, trust_env=False) as client,
        client.stream("GET", address, headers={"Accept": "application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise KeysUnreadableError(f"it answered {answer.status_code}")
        text = b""
        async for piece in answer.aiter_bytes():
            text += piece
            if len(text) > DOCUMENT_BYTES_MAX:
                raise KeysUnreadableError("its answer is too large")
    return json.loads(text)
