"""Clients known by a certificate: the proxy in front checks it and names its subject in a header (mutual TLS)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

from gateway.errors import ForbiddenError
from gateway.settings.identity import ClientCertificateSettings

SUBJECT_CHARACTERS_MAX: Final = 1024
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})


def certificate_subject(scope: Any, settings: ClientCertificateSettings) -> str | None:
    """Return the subject of the certificate that a trusted proxy checked; None where none is believed.

    `scope` is that of an ASGI request, whose `client` is who connected. What others send in that header is not looked at, and a
    header that is there twice is nobody's.
    """
    if not settings.subject_header:
        return None
    name = settings.subject_header.lower().encode("latin-1")
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) != 1 or not values[0] or len(values[0]) > SUBJECT_CHARACTERS_MAX:
        return None
    return values[0].decode("latin-1") if _is_trusted(scope.get("client"), settings.trusted_proxies) else None


def require_own_page(scope: Any) -> None:
    """Raise ForbiddenError (403) when a browser says that the page of another site changes something: it sends a certificate unasked.

    Programs do not send the header, and browsers let no page set it (Fetch Metadata).
    """
    sites = [value for key, value in scope["headers"] if key == b"sec-fetch-site"]
    if scope["method"] not in _SAFE_METHODS and not set(sites) <= _OWN_SITES:
        raise ForbiddenError("A page of another site changes nothing with the certificate of whoever looks at it.")


def _is_trusted(peer: Any, networks: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer[0])
    except (TypeError, ValueError, IndexError):
        return False
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)
