"""Refusals for the audit: what clients may not do, and credentials that let nobody in. So many in an hour: being refused fills no disk."""

from __future__ import annotations

from collections.abc import MutableMapping
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

REFUSALS_PER_HOUR: Final = 20
# Credentials of nobody that is known, from all addresses together: addresses are easily had.
UNKNOWN_PER_HOUR: Final = 200
HOUR_SECONDS: Final = 3_600.0
CLIENTS_MAX: Final = 10_000
# Where the scope of a request keeps that its credentials were refused (`RefusedCredential`).
REFUSED_KEY: Final = "gateway_refused_credential"
NO_TENANT: Final = ""
# Networks of which refusals are counted together, and which are recorded: not whole addresses, which may be those of a person.
_NETWORK_BITS: Final = {4: 24, 6: 48}


class RefusedCredential(NamedTuple):
    """Credentials that let nobody in: why, and whose they are where that is known (an expired token). Never the credentials themselves."""

    why: str
    tenant: str = NO_TENANT
    client: str = ""
    roles: tuple[str, ...] = ()


def note_refused(scope: MutableMapping[str, object], refused: RefusedCredential) -> None:
    """Let the audit know of it once the request is answered."""
    scope[REFUSED_KEY] = refused


def network_of(address: str) -> str:
    """Return the network that an IP address is in, 24 bits of version 4 and 48 of version 6; "" when it is not an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ip_network(f"{parsed}/{_NETWORK_BITS[parsed.version]}", strict=False))


class _Hour(NamedTuple):
    """Since when (monotonic, seconds), how many were recorded, and how many were not."""

    began: float
    recorded: int = 0
    passed_over: int = 0

    def counted(self, now: float, most: int) -> tuple[_Hour, int | None]:
        """Return it with one more; with how many before it were not recorded, or None when this one is not to be recorded either."""
        hour = _Hour(now, 0, self.passed_over) if now - self.began >= HOUR_SECONDS else self
        if hour.recorded < most:
            return hour._replace(recorded=hour.recorded + 1, passed_over=0), hour.passed_over
        return hour._replace(passed_over=hour.passed_over + 1), None


class Refusals:
    """Which refusals of one process are recorded."""

    def __init__(self) -> None:
        self._hours: dict[tuple[str, str], _Hour] = {}
        self._unknown: _Hour | None = None

    def __len__(self) -> int:
        return len(self._hours)

    def passed_over(self, tenant: str, client: str, now: float) -> int | None:
        """Count a refusal of a client at a monotonic time.

        Return how many before it were not recorded, or None when this one is not to be recorded either.
        """
        key = (tenant, client)
        hour, missed = (self._hours.pop(key, None) or _Hour(now)).counted(now, REFUSALS_PER_HOUR)
        if len(self._hours) >= CLIENTS_MAX:
            # Those that were refused last are kept.
            for old in list(self._hours)[: CLIENTS_MAX // 2]:
                del self._hours[old]
        self._hours[key] = hour
        return missed

    def unknown_passed_over(self, network: str, now: float) -> int | None:
        """Count credentials of nobody that is known, from a network; otherwise as `passed_over`."""
        of_network = self.passed_over(NO_TENANT, network, now)
        if of_network is None:
            return None
        self._unknown, missed = (self._unknown or _Hour(now)).counted(now, UNKNOWN_PER_HOUR)
        return None if missed is None else of_network + missed
