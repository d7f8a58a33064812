"""Settings that are refused although each is of its type: they would lose or double orders, or open the service to strangers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct, structs

from gateway.errors import Problem
from gateway.settings.hub import HubSettings
from gateway.settings.identity import ALGORITHMS, SecuritySettings
from gateway.settings.tree import Settings
from gateway.settings.unsafe_notifications import unsafe_notifications
from gateway.settings.upstreams import AuthSettings, UpstreamSettings

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# No wait is longer than a year: what is meant is then another unit, and dates have an end.
SECONDS_MAX: Final = 31_536_000
# An order system's name stands in paths, in the names of variables, and in 64 characters of the database.
_UPSTREAM_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", re.ASCII)


def unsafe_combinations(settings: Settings) -> list[Problem]:
    """Return every combination of settings that would lose or double orders, or open the service to strangers."""
    problems = [
        *_wrong_numbers(settings, ""),
        *_unsafe_server(settings),
        *_unsafe_hub(settings.hub),
        *(
            problem
            for name, upstream in settings.upstreams.items()
            for problem in _unsafe_upstream(settings, name, upstream)
        ),
    ]
    if settings.qualification.base_url:
        problems += _unsafe_address("qualification", settings.qualification.base_url, settings.qualification.auth)
    if settings.catalogue.base_url:
        problems += _unsafe_address("catalogue", settings.catalogue.base_url, settings.catalogue.auth)
    default = settings.checkout.default_upstream
    if default and default not in settings.upstreams:
        known = ", ".join(sorted(settings.upstreams)) or "none"
        problems.append(Problem("checkout.default_upstream", f"names no upstream; there are: {known}"))
    return problems


def _wrong_numbers(node: Any, path: str) -> Iterator[Problem]:
    """Yield the numbers that no type refuses: infinite ones, waits below zero or beyond a year."""
    if isinstance(node, Struct):
        for name, value in structs.asdict(node).items():
            yield from _wrong_numbers(value, f"{path}.{name}" if path else name)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _wrong_numbers(value, f"{path}.{name}")
    elif isinstance(node, tuple):
        for index, value in enumerate(node):
            if isinstance(value, int | float) and value < 0:
                yield Problem(f"{path}[{index}]", "must not be negative")
            else:
                yield from _wrong_numbers(value, f"{path}[{index}]")
    elif isinstance(node, float) and not math.isfinite(node):
        yield Problem(path, "must be a finite number")
    elif isinstance(node, float) and node > SECONDS_MAX and "_seconds" in path.rpartition(".")[2]:
        yield Problem(path, f"must not be above {SECONDS_MAX} (a year)")


def _unsafe_server(settings: Settings) -> list[Problem]:
    problems = []
    if settings.security.mode == "none" and settings.server.host not in LOOPBACK_HOSTS:
        problems.append(
            Problem(
                "security.mode",
                "`none` is allowed only while server.host is a loopback address (127.0.0.1, ::1, localhost)",
            )
        )
    if settings.security.mode == "tokens" and not settings.security.tokens_file:
        problems.append(Problem("security.tokens_file", 'is needed when mode is "tokens"'))
    problems += _unsafe_login(settings)
    problems += _unsafe_identity(
        settings.security,
        notifiers=any(upstream.notifications.certificate_subject for upstream in settings.upstreams.values()),
    )
    problems += [
        Problem(f"cors.allowed_origins[{index}]", "must be an origin such as https://shop.example.com: no path, no `*`")
        for index, origin in enumerate(settings.cors.allowed_origins)
        if not _ORIGIN.fullmatch(origin)
    ]
    if settings.server.page_items_default > settings.server.page_items_max:
        problems.append(Problem("server.page_items_default", "must not be above server.page_items_max"))
    if settings.server.public_url and _url(settings.server.public_url) is None:
        problems.append(Problem("server.public_url", _URL))
    if not settings.storage.url.startswith(("sqlite:///", "postgresql://")):
        problems.append(Problem("storage.url", "must start with sqlite:/// or postgresql://"))
    return problems


def _unsafe_identity(security: SecuritySettings, *, notifiers: bool) -> list[Problem]:
    problems = []
    oidc, certificate = security.oidc, security.client_certificate
    if security.mode == "oidc":
        problems += [
            Problem(f"security.oidc.{key}", 'is needed when mode is "oidc"')
            for key in ("issuer", "audience")
            if not getattr(oidc, key)
        ]
        for key in ("issuer", "jwks_url"):
            url = _url(address) if (address := getattr(oidc, key)) else None
            if address and (url is None or (url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS)):
                problems.append(Problem(f"security.oidc.{key}", "must be an https URL"))
        problems += [
            Problem(f"security.oidc.algorithms[{index}]", f"must be one of {', '.join(ALGORITHMS)}")
            for index, name in enumerate(oidc.algorithms)
            if name not in ALGORITHMS
        ]
    if certificate.subject_header and not (certificate.trusted_proxies and (security.tokens_file or notifiers)):
        what = (
            "needs security.client_certificate.trusted_proxies, whose header is believed, and security.tokens_file or an upstream's "
            "notifications.certificate_subject, which say who clients are"
        )
        problems.append(Problem("security.client_certificate.subject_header", what))
    for index, text in enumerate(certificate.trusted_proxies):
        try:
            ip_network(text)
        except ValueError:
            path = f"security.client_certificate.trusted_proxies[{index}]"
            problems.append(Problem(path, "must be a network such as 10.1.2.0/24"))
    return problems


def _unsafe_login(settings: Settings) -> list[Problem]:
    login = settings.security.oidc.login
    if not login.client_id:
        return []
    problems = []
    if settings.security.mode != "oidc":
        problems.append(Problem("security.oidc.login.client_id", 'needs security.mode = "oidc"'))
    url = _url(settings.server.public_url)
    if url is None or (url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS):
        what = "must be an https URL where people log in with a browser: the provider sends them back there"
        problems.append(Problem("server.public_url", what))
    if "openid" not in login.scopes:
        problems.append(Problem("security.oidc.login.scopes", "must have `openid` among them"))
    return problems


def _unsafe_hub(hub: HubSettings) -> list[Problem]:
    problems = []
    for index, text in enumerate(hub.allowed_networks):
        try:
            ip_network(text)
        except ValueError:
            problems.append(
                Problem(f"hub.allowed_networks[{index}]", "must be a network such as 10.1.0.0/16 or fd00:1::/64")
            )
    if hub.lease_seconds < 2 * hub.timeout_seconds:
        problems.append(
            Problem(
                "hub.lease_seconds",
                "must be at least twice hub.timeout_seconds: a lease that ends during a delivery lets another process "
                "send the next event before it",
            )
        )
    return problems


def _unsafe_upstream(settings: Settings, name: str, upstream: UpstreamSettings) -> list[Problem]:
    problems = []
    path = f"upstreams.{name}"
    limits, submission = upstream.limits, settings.submission
    if not _UPSTREAM_NAME.fullmatch(name):
        problems.append(
            Problem(path, "must have a name of at most 63 letters, digits, _ and -, that begins with a letter or digit")
        )
    problems += [
        Problem(f"{path}.tenants[{index}]", "must be 1 to 63 lower-case letters, digits and hyphens")
        for index, tenant in enumerate(upstream.tenants)
        if not _TENANT.fullmatch(tenant)
    ]
    problems += unsafe_notifications(path, upstream, settings.security, settings.server.public_url)
    needed = limits.deadline_seconds + submission.guard_seconds
    if submission.lease_seconds <= needed:
        problems.append(
            Problem(
                "submission.lease_seconds",
                f"must be above {path}.limits.deadline_seconds + submission.guard_seconds = {needed:g}: "
                "a lease that ends during a call lets a second worker send it again",
            )
        )
    if limits.read_timeout_seconds > limits.deadline_seconds:
        problems.append(Problem(f"{path}.limits.read_timeout_seconds", "must not be above deadline_seconds"))
    return [*problems, *_unsafe_address(path, upstream.base_url, upstream.auth)]


_URL: Final = "must be an http or https URL without user name, query or fragment"


def _url(text: str) -> SplitResult | None:
    """Return the parts of an http or https URL, None when it is not one or carries more than an address."""
    try:
        url = urlsplit(text)
        is_address = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return url if is_address and not (url.query or url.fragment or "@" in url.netloc) else None


def _unsafe_address(path: str, base_url: str, auth: AuthSettings) -> list[Problem]:
    problems = []
    addresses = {"base_url": base_url}
    if auth.kind == "oauth2-client-credentials":
        problems += [
            Problem(f"{path}.auth.{key}", 'is needed when kind is "oauth2-client-credentials"')
            for key in ("token_url", "client_id", "client_secret")
            if not getattr(auth, key)
        ]
        if auth.token_url:
            addresses["auth.token_url"] = auth.token_url
    if auth.kind == "bearer" and not auth.token:
        problems.append(Problem(f"{path}.auth.token", 'is needed when kind is "bearer"'))
    for key, address in addresses.items():
        url = _url(address)
        if url is None:
            problems.append(Problem(f"{path}.{key}", _URL))
        elif auth.kind != "none" and url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS:
            problems.append(Problem(f"{path}.{key}", "must be https when credentials are sent"))
    return problems
