"""Clients of order systems, of a catalogue and of a qualification service, built from settings."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from gateway.errors import Problem, SettingsError
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import AuthSettings, CatalogueSettings, QualificationSettings, Settings, UpstreamSettings
from gateway.upstream.auth import BearerAuth, ClientCredentialsAuth, TokenRequest, UpstreamAuth
from gateway.upstream.catalogue import CatalogueClient
from gateway.upstream.client import UpstreamClient
from gateway.upstream.options import UpstreamOptions, resource_options
from gateway.upstream.port import Upstream
from gateway.upstream.qualification import QualificationClient
from gateway.upstream.transport import tls_context


def build_upstreams(settings: Settings, mappings: Mapping[str, OrderMapping]) -> dict[str, Upstream]:
    """Return the client of every upstream of the settings. Raises SettingsError for what cannot be built.

    Clients that trust the same certificates share one TLS context: reading the trust store takes longer than all the rest.
    """
    contexts: dict[str, ssl.SSLContext] = {}
    clients: dict[str, Upstream] = {}
    for name, upstream in settings.upstreams.items():
        tls = contexts.get(upstream.ca_file)
        if tls is None:
            tls = contexts[upstream.ca_file] = _tls(f"upstreams.{name}", upstream.ca_file)
        clients[name] = UpstreamClient(_options(name, upstream, mappings[upstream.mapping], tls))
    return clients


def upstream_options(settings: Settings, name: str, mapping: OrderMapping) -> UpstreamOptions:
    """Return how one upstream of the settings is talked to. Raises SettingsError for what cannot be built."""
    upstream = settings.upstreams[name]
    return _options(name, upstream, mapping, _tls(f"upstreams.{name}", upstream.ca_file))


def build_qualifications(settings: Settings) -> QualificationClient | None:
    """Return the reader of qualifications, if checkouts are to be confirmed by it. Raises SettingsError."""
    wanted = settings.qualification
    if not settings.checkout.require_qualification or not wanted.base_url:
        return None
    return QualificationClient(_reading("qualification", wanted))


def build_catalogue(settings: Settings) -> CatalogueClient | None:
    """Return what asks the TMF620 catalogue, if one is set. Raises SettingsError."""
    wanted = settings.catalogue
    if not wanted.base_url:
        return None
    return CatalogueClient(_reading("catalogue", wanted), wanted)


def _reading(name: str, wanted: QualificationSettings | CatalogueSettings) -> UpstreamOptions:
    """Return the options of a service that is only read."""
    tls = _tls(name, wanted.ca_file)
    return resource_options(
        name,
        wanted.resource,
        base_url=wanted.base_url,
        auth=_auth(wanted.auth, tls),
        tls=tls,
        connect_timeout_seconds=wanted.connect_timeout_seconds,
        read_timeout_seconds=wanted.deadline_seconds,
        deadline_seconds=wanted.deadline_seconds,
        response_bytes_max=wanted.response_bytes_max,
        concurrency_max=wanted.concurrency_max,
    )


def _tls(path: str, ca_file: str) -> ssl.SSLContext:
    try:
        return tls_context(ca_file=ca_file or None)
    except OSError as error:
        raise SettingsError([Problem(f"{path}.ca_file", f"cannot be read: {error.strerror}")]) from None


def _options(name: str, upstream: UpstreamSettings, mapping: OrderMapping, tls: ssl.SSLContext) -> UpstreamOptions:
    limits = upstream.limits
    return UpstreamOptions(
        name=name,
        base_url=upstream.base_url,
        mapping=mapping,
        auth=_auth(upstream.auth, tls),
        tls=tls,
        connect_timeout_seconds=limits.connect_timeout_seconds,
        read_timeout_seconds=limits.read_timeout_seconds,
        deadline_seconds=limits.deadline_seconds,
        scan_interval_seconds=limits.scan_interval_seconds,
        response_bytes_max=limits.response_bytes_max,
        concurrency_max=limits.concurrency_max,
        rate_per_second=limits.rate_per_second or None,
        circuit_calls_min=limits.circuit_calls_min,
        circuit_window_seconds=limits.circuit_window_seconds,
        circuit_failed_share=limits.circuit_failed_percent / 100,
        circuit_open_seconds=limits.circuit_open_seconds,
    )


def _auth(auth: AuthSettings, tls: ssl.SSLContext) -> UpstreamAuth | None:
    if auth.kind == "bearer":
        return BearerAuth(auth.token)
    if auth.kind == "oauth2-client-credentials":
        asked = TokenRequest(
            url=auth.token_url,
            client_id=auth.client_id,
            client_secret=auth.client_secret,
            scope=auth.scope or None,
            credentials="basic" if auth.credentials_in == "header" else "form",
        )
        return ClientCredentialsAuth(asked, tls=tls)
    return None
