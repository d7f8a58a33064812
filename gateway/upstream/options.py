"""What a client needs to know of one order system: where it is, how it differs, and every limit."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.errors import Problem, SettingsError
from gateway.ordering import Api, Mapping
from gateway.upstream.auth import UpstreamAuth
from gateway.upstream.breaker import CALLS_MIN, FAILED_SHARE, OPEN_SECONDS, WINDOW_SECONDS
from gateway.upstream.transport import HttpPort

RESPONSE_BYTES_MAX_DEFAULT: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """One order system. `base_url` is the API root without the resource; `tls` comes from `tls_context`.

    `deadline_seconds` bounds a call from the moment it is asked for, waiting included; `slot_timeout_seconds` bounds the
    part of it that may be spent waiting, so that a queue does not turn into calls without enough time for an answer.
    `scan_deadline_seconds` ends a search over many pages without proof; scans start `scan_interval_seconds` apart. What begins
    with `circuit_` says when a `Breaker` opens, and for how long.
    Raises SettingsError with everything that is wrong.
    """

    name: str
    base_url: str
    mapping: Mapping
    auth: UpstreamAuth | None = None
    tls: ssl.SSLContext | None = None
    connect_timeout_seconds: float = 3.0
    read_timeout_seconds: float = 25.0
    deadline_seconds: float = 30.0
    slot_timeout_seconds: float = 5.0
    read_attempts_max: int = 3
    scan_deadline_seconds: float = 120.0
    scan_interval_seconds: float = 5.0
    response_bytes_max: int = RESPONSE_BYTES_MAX_DEFAULT
    concurrency_max: int = 8
    rate_per_second: float | None = None
    circuit_calls_min: int = CALLS_MIN
    circuit_window_seconds: float = WINDOW_SECONDS
    circuit_failed_share: float = FAILED_SHARE
    circuit_open_seconds: float = OPEN_SECONDS

    def __post_init__(self) -> None:
        problems = [*self._address_problems(), *self._number_problems()]
        if problems:
            raise SettingsError(problems)

    def _address_problems(self) -> list[Problem]:
        path = f"upstreams.{self.name}.base_url"
        try:
            parts = urlsplit(self.base_url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return [Problem(path, "is not a URL; write https://host/path")]
        if parts.scheme not in {"http", "https"} or not host:
            return [Problem(path, "must start with https:// (or http://) and name a host")]
        if parts.username or parts.password or parts.query or parts.fragment:
            return [Problem(path, "must not hold credentials, a query or a fragment")]
        return []

    def _number_problems(self) -> list[Problem]:
        problems = []
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name == "scan_interval_seconds":
                if value < 0:
                    problems.append(Problem(f"upstreams.{self.name}.{option.name}", "must not be negative"))
            elif isinstance(value, int | float) and value <= 0:
                problems.append(Problem(f"upstreams.{self.name}.{option.name}", "must be greater than 0"))
        return problems


def port_of(options: UpstreamOptions, *, keep_alive: bool) -> HttpPort:
    """Return connections within the limits of `options`; with `keep_alive` they serve several calls."""
    return HttpPort(
        connect_timeout_seconds=options.connect_timeout_seconds,
        read_timeout_seconds=options.read_timeout_seconds,
        response_bytes_max=options.response_bytes_max,
        connections_max=options.concurrency_max,
        keep_alive=keep_alive,
        auth=options.auth,
        tls=options.tls,
    )


def resource_options(name: str, resource: str, **options: Any) -> UpstreamOptions:
    """Return the options of a service that is only read, by one resource: those of an order system that has nothing else."""
    return UpstreamOptions(name=name, mapping=Mapping(name=name, api=Api(resource=resource)), **options)
