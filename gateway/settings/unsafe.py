"""Combinations of settings that are refused: they would lose or double orders, or open the service to strangers."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.parse import urlsplit

from gateway.errors import Problem
from gateway.settings.hub import HubSettings
from gateway.settings.tree import Settings
from gateway.settings.upstreams import AuthSettings, UpstreamSettings

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def unsafe_combinations(settings: Settings) -> list[Problem]:
    """Return every combination of settings that would lose or double orders, or open the service to strangers."""
    problems = [
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


def _unsafe_server(settings: Settings) -> list[Problem]:
    problems = []
    if settings.security.mode == "none" and settings.server.host not in LOOPBACK_HOSTS:
        problems.append(
            Problem(
                "security.mode",
                "`none` is allowed only while server.host is a loopback address (127.0.0.1, ::1, localhost)",
            )
        )
    if settings.security.mode == "tokens":
        problems += [
            Problem(
                f"upstreams.{name}.notification_token_sha256",
                'is for mode "none": in mode "tokens" the order system needs a client of its tenant with the role notifier',
            )
            for name, upstream in settings.upstreams.items()
            if upstream.notification_token_sha256
        ]
    if settings.security.mode == "tokens" and not settings.security.tokens_file:
        problems.append(Problem("security.tokens_file", 'is needed when mode is "tokens"'))
    if settings.server.page_items_default > settings.server.page_items_max:
        problems.append(Problem("server.page_items_default", "must not be above server.page_items_max"))
    if not settings.storage.url.startswith(("sqlite:///", "postgresql://")):
        problems.append(Problem("storage.url", "must start with sqlite:/// or postgresql://"))
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
    if any(seconds < 0 for seconds in (*hub.retry_seconds, *hub.pause_seconds)):
        problems.append(Problem("hub.retry_seconds", "waits cannot be negative"))
    return problems


def _unsafe_upstream(settings: Settings, name: str, upstream: UpstreamSettings) -> list[Problem]:
    problems = []
    path = f"upstreams.{name}"
    limits, submission = upstream.limits, settings.submission
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


def _unsafe_address(path: str, base_url: str, auth: AuthSettings) -> list[Problem]:
    problems = []
    url = urlsplit(base_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        problems.append(Problem(f"{path}.base_url", "must be an http or https URL without query or fragment"))
    in_clear = url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS
    if in_clear and auth.kind in {"bearer", "oauth2-client-credentials"}:
        problems.append(Problem(f"{path}.base_url", "must be https when credentials are sent"))
    if auth.kind == "bearer" and not auth.token:
        problems.append(Problem(f"{path}.auth.token", 'is needed when kind is "bearer"'))
    if auth.kind == "oauth2-client-credentials":
        problems += [
            Problem(f"{path}.auth.{key}", 'is needed when kind is "oauth2-client-credentials"')
            for key in ("token_url", "client_id", "client_secret")
            if not getattr(auth, key)
        ]
    return problems
