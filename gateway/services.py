"""What the stages share while the service runs: one frozen bag, made in `gateway.app`, kept in `app.state.services`."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from litestar import Request

from gateway.clock import utc_now
from gateway.documents import JsonObject
from gateway.fair_limiter import FairLimiter, TurnsByKey
from gateway.fair_shares import FairShares
from gateway.metrics import Metrics
from gateway.quotas import RowQuota
from gateway.settings import Settings
from gateway.storage import Database

if TYPE_CHECKING:  # the types of what later stages put in here; nothing of them is run
    from gateway.ordering import Catalogue
    from gateway.ordering import Mapping as OrderMapping
    from gateway.upstream.port import Upstream

# The two bits that say how the rest of a UUID is to be read.
_VARIANT: Final = "89ab"
_CHANCE_BYTES: Final = 10
_CHANCES_MADE: Final = 256
# Random digits for the next ids: asking the system for each lets another thread run first. A forked process makes its own.
_chances: Final[list[str]] = []
os.register_at_fork(after_in_child=_chances.clear)


def new_resource_id() -> str:
    """Return a fresh id of 32 hexadecimal digits: not guessable, and the same in a URL as in a document.

    It is a UUID of version 7 (RFC 9562, 5.7) without hyphens: milliseconds, then 74 random bits. Ids of rows that are written
    together lie together in every index, so a write touches a few pages of the database however many rows there are.
    """
    try:
        chance = _chances.pop()
    except IndexError:
        made = os.urandom(_CHANCE_BYTES * (_CHANCES_MADE + 1)).hex()
        size = 2 * _CHANCE_BYTES
        chance, *others = [made[start : start + size] for start in range(0, len(made), size)]
        _chances.extend(others)
    return f"{time.time_ns() // 1_000_000:012x}7{chance[:3]}{_VARIANT[int(chance[3], 16) & 3]}{chance[4:19]}"


@dataclass(slots=True)
class Condition:
    """What changes about the service itself. `draining`: it is stopping and wants no new work."""

    draining: bool = False


@dataclass(slots=True)
class Signal:
    """Rung when work is due; who waits for it listens. Nobody listening is fine: work is found by polling too."""

    listeners: list[Callable[[], None]] = field(default_factory=list)

    def notify(self) -> None:
        """Wake every listener."""
        for listener in self.listeners:
            listener()


class Qualifications(Protocol):
    """Reads TMF679 qualifications."""

    async def get(self, qualification_id: str) -> JsonObject | None:
        """Return the document with this id, None when there is no such document; raises UnavailableError (503)."""

    async def close(self) -> None:
        """Close every connection."""


class Catalogues(Protocol):
    """Asks a TMF620 catalogue about bundles."""

    async def catalogue(self, wanted: Mapping[str, frozenset[str]], tenant: str = "") -> Catalogue:
        """Return what is known of the wanted bundles, with the codes of the items beneath them, for `tenant`; never raises."""

    async def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Settings, the database, the mappings by name, the upstream clients by name, the clock and the source of ids."""

    settings: Settings
    database: Database
    # By name; reloading the mapping files changes what is in here.
    mappings: dict[str, OrderMapping] = field(default_factory=dict)
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    # None: none is read.
    qualifications: Qualifications | None = None
    # None: none is asked.
    catalogue: Catalogues | None = None
    clock: Callable[[], datetime] = utc_now
    new_id: Callable[[], str] = new_resource_id
    metrics: Metrics = field(default_factory=Metrics)
    condition: Condition = field(default_factory=Condition)
    # A checkout was accepted, submitted or cancelled; a notification came in.
    work_due: Signal = field(default_factory=Signal)
    events_due: Signal = field(default_factory=Signal)
    # A cart or a checkout changed: its subscribers are to be told.
    events_out: Signal = field(default_factory=Signal)
    # Of the processor, by tenant.
    shares: FairShares = field(default_factory=FairShares)
    # Work on large documents of requests: two pieces at once, one tenant has one of them.
    heavy: FairLimiter = field(default_factory=lambda: FairLimiter(2))
    one_by_one: TurnsByKey = field(default_factory=lambda: TurnsByKey(1))
    # Carts of each tenant that no checkout holds.
    carts_quota: RowQuota = field(default_factory=RowQuota)
    # Looks up (host, port) of a subscriber's callback; None: the system does.
    resolver: Callable[[str, int], Awaitable[Sequence[str]]] | None = None


def services_of(request: Request[Any, Any, Any]) -> Services:
    """Return what the stages share, of the application that a request came to.

    Args:
        request: any request.

    Raises:
        Nothing.

    Source: our own: `app.state.services`, without its lock.
    """
    # `app.state.services` is the same object; this way costs no lock.
    app: Any = request.scope["litestar_app"]
    services: Services = app.services
    return services
