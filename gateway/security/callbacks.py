"""Callback URLs come from strangers: what they may name, and which addresses may be connected to (SSRF guard).

Two halves. `callback_problems` looks at the URL alone. `CallbackGuard.addresses` resolves its host and lets only addresses
through that a stranger may make this service connect to; the caller then connects to one of exactly these addresses and
never resolves again, so that a name cannot point elsewhere in between (DNS rebinding). Both are asked when a subscription
is made, the second one at every delivery too.

The list of refused networks is explicit: Python calls 64:ff9b::/96, 2002::/16 and multicast global, and 100.64.0.0/10 not
private. What is not refused for IPv6 must also be global unicast (2000::/3).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from gateway.errors import GatewayError
from gateway.settings import HubSettings

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

ADDRESSES_MAX: Final = 16
HOST_CHARACTERS_MAX: Final = 253
LOOKUPS_MAX: Final = 32
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# RFC 3986: what may stand in a URL at all; a blank or a control character could split a request.
_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# A host that ends in a number is an address for some resolvers, in notations that differ (0x7f.1, 127.1, 2130706433).
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")

_REFUSED: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata among them
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent behind a public address
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata among them
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, Teredo: an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
# Leaves out, among others: ::1, ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, fe80::/10, ff00::/8.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


class CallbackRefusedError(GatewayError):
    """The callback's host cannot be resolved, or resolves to an address that is not allowed."""


class CallbackPolicy(NamedTuple):
    """What a callback may be. `ports` empty: any. `networks`: allowed although they are not public."""

    allow_http: bool = False
    ports: tuple[int, ...] = (443, 8443)
    networks: tuple[Network, ...] = ()


class Target(NamedTuple):
    """A callback URL in its parts: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def policy_of(settings: HubSettings) -> CallbackPolicy:
    """Return the policy of settings that were validated."""
    networks = tuple(ip_network(text) for text in settings.allowed_networks)
    return CallbackPolicy(settings.allow_http, settings.allowed_ports, networks)


def callback_problems(url: str, policy: CallbackPolicy) -> list[str]:
    """Return everything that is wrong with the URL itself, each as `must ...`; nothing is looked up."""
    if not _URL.fullmatch(url):
        return ["must be a URL; percent-encode blanks, control characters and what is not ASCII"]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ["must be a URL such as https://listener.example.com/events"]
    problems = []
    schemes = ("https", "http") if policy.allow_http else ("https",)
    if parts.scheme not in schemes:
        problems.append(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if "@" in parts.netloc:
        problems.append("must not carry a user name or password")
    if "#" in url:
        problems.append("must not have a fragment")
    problems += _host_problems(parts, policy)
    if port == 0:
        problems.append("must not use port 0")
    effective = port if port is not None else _DEFAULT_PORTS.get(parts.scheme)
    if policy.ports and effective is not None and effective not in policy.ports and parts.scheme in schemes:
        allowed = ", ".join(str(each) for each in sorted(policy.ports))
        problems.append(f"must use one of the ports {allowed}, not {effective}")
    return problems


def _host_problems(parts: SplitResult, policy: CallbackPolicy) -> list[str]:
    host = parts.hostname
    if not host:
        return ["must name a host"]
    address = _literal(host)
    if address is not None:
        if any(address in network for network in policy.networks):
            return []
        return ["must name a host, not an address"]
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]) or parts.netloc.rpartition("@")[2].startswith("["):
        return ["must name a host, not an address"]
    if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        return ["must name a host of letters, digits and hyphens (an international name in its xn-- form)"]
    return []


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def target_of(url: str) -> Target:
    """Return the parts of a URL that has no `callback_problems`."""
    parts = urlsplit(url)
    assert parts.hostname is not None, "a callback without a host is refused before it is stored"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[parts.scheme]
    return Target(parts.scheme, parts.hostname, port, parts.netloc, path)


def is_allowed(address: Address, policy: CallbackPolicy) -> bool:
    """Return whether this service may connect to `address` because a stranger said so."""
    if any(address in network for network in policy.networks):
        return True
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address.scope_id is not None):
        return False
    return not any(address in network for network in _REFUSED)


class CallbackGuard:
    """Resolves hosts of callbacks; lets only allowed addresses through. `resolver` is the system's unless given."""

    def __init__(self, policy: CallbackPolicy, resolver: Resolver | None = None) -> None:
        self.policy = policy
        self._resolver = resolver or system_resolver

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of `host`, each of them allowed.

        Raises CallbackRefusedError when there is none, or when a single one is not allowed: an answer that mixes public
        and internal addresses is not a mistake.
        """
        literal = _literal(host)
        if literal is not None:
            found = [literal]
        else:
            try:
                names = await self._resolver(host, port)
                found = [ip_address(name) for name in dict.fromkeys(names)][:ADDRESSES_MAX]
            except (OSError, ValueError, UnicodeError):
                raise CallbackRefusedError("the host of the callback cannot be resolved") from None
        if not found:
            raise CallbackRefusedError("the host of the callback cannot be resolved")
        if not all(is_allowed(address, self.policy) for address in found):
            raise CallbackRefusedError("the host of the callback is at an address that is not allowed")
        return found


@lru_cache(maxsize=1)
def _lookup_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKUPS_MAX, thread_name_prefix="lookup")


async def system_resolver(host: str, port: int) -> list[str]:
    """Return every address of `host` as text. Raises OSError when there is none.

    It asks in threads of its own: a name server that does not answer must not hold up anybody else.
    """
    return await asyncio.get_running_loop().run_in_executor(_lookup_threads(), _look_up, host, port)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
