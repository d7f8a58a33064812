"""What clients may ask for, how often and how much at once, and what order systems may leave."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from gateway.settings.base import setting


class TenantRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the clients of a tenant have together in each process; more requests are answered 429. Not while `security.mode` is `none`."""

    requests_per_second: Annotated[float, setting("over time; 0: no limit", ge=0, le=1_000_000)] = 500.0
    burst: Annotated[int, setting("at once, after a rest", ge=1, le=10_000_000)] = 1_000
    concurrent_max: Annotated[
        int, setting("worked on at the same time; others wait their turn; 0: no bound", ge=0, le=100_000)
    ] = 32
    processor_percent: Annotated[
        int,
        setting(
            "of one processor while other tenants ask; a tenant that used more rests, a second at most; 100: nobody rests",
            ge=5,
            le=100,
        ),
    ] = 25


class ClientRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests of one client, counted by each process; more are answered 429. Not while `security.mode` is `none`."""

    requests_per_second: Annotated[float, setting("over time; 0: no limit", ge=0, le=1_000_000)] = 250.0
    burst: Annotated[int, setting("at once, after a rest", ge=1, le=10_000_000)] = 500
    concurrent_max: Annotated[
        int, setting("worked on at the same time; others wait their turn; 0: no bound", ge=0, le=100_000)
    ] = 16


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clients may ask for, so that none of them takes what all share."""

    carts_max: Annotated[
        int,
        setting("carts of one tenant that no checkout holds; a new one is answered 429 then; 0: no bound", ge=0),
    ] = 1_000_000
    tenant: TenantRate = field(default_factory=TenantRate)
    client: ClientRate = field(default_factory=ClientRate)
    inbox_rows_max: Annotated[
        int,
        setting(
            "notifications kept for one tenant; beyond, those that were dealt with are forgotten first, then new ones are answered 503",
            ge=1,
            le=100_000_000,
        ),
    ] = 200_000
    inbox_bytes_max: Annotated[
        int, setting("the same for the bytes of their bodies", ge=1024, le=1_000_000_000_000)
    ] = 268_435_456
