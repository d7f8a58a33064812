"""The SSRF guard: what a stranger may make this service connect to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.callbacks import (
    CallbackGuard,
    CallbackPolicy,
    CallbackRefusedError,
    callback_problems,
    is_allowed,
    system_resolver,
    target_of,
)

STRICT = CallbackPolicy()
OPEN_LOOPBACK = CallbackPolicy(allow_http=True, ports=(), networks=(ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize(
    "url",
    [
        "https://listener.example.com",
        "https://listener.example.com/",
        "https://listener.example.com:8443/a/b?c=d&e=%20",
        "https://LISTENER.Example.com:443/x",
        "https://xn--mnchen-3ya.example/x",
        "https://under_score.example.com/",
        "https://1password.example.com/",
    ],
)
def test_an_ordinary_callback_is_fine(url):
    assert callback_problems(url, STRICT) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://listener.example.com/", "https://"),
        ("ftp://listener.example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://listener.example.com:70/_GET", "https://"),
        ("listener.example.com/x", "https://"),
        ("https:///x", "name a host"),
        ("https://", "name a host"),
        ("https://user@listener.example.com/", "user name"),
        ("https://user:word@listener.example.com/", "user name"),
        ("https://listener.example.com@evil.example/", "user name"),
        ("https://listener.example.com/#part", "fragment"),
        ("https://listener.example.com:22/", "ports 443, 8443"),
        ("https://listener.example.com:80/", "ports 443, 8443"),
        ("https://listener.example.com:99999/", "must be a URL"),
        ("https://listener.example.com:0/", "port 0"),
        ("https://listener.example.com:port/", "must be a URL"),
        ("https://listener.example.com/a b", "percent-encode"),
        ("https://listener.example.com/\r\nX: y", "percent-encode"),
        ("https://münchen.example/", "percent-encode"),
        ("https://listener..example.com/", "letters, digits"),
        ("https://-a.example.com/", "letters, digits"),
        ("https://" + "a" * 64 + ".example.com/", "letters, digits"),
        ("https://" + "a." * 127 + "example.com/", "letters, digits"),
        ("", "must be a URL"),
        # Every way to write an address instead of a name.
        ("https://127.0.0.1/", "not an address"),
        ("https://0/", "not an address"),
        ("https://127.1/", "not an address"),
        ("https://0x7f.1/", "not an address"),
        ("https://0177.0.0.1/", "not an address"),
        ("https://2130706433/", "not an address"),
        ("https://0x7f000001/", "not an address"),
        ("https://8.8.8.8/", "not an address"),
        ("https://[::1]/", "not an address"),
        ("https://[::ffff:127.0.0.1]/", "not an address"),
        ("https://[fe80::1%25eth0]/", ""),
        ("https://[2606:4700::1111]/", "not an address"),
        ("https://evil.example.1/", "not an address"),
    ],
)
def test_what_is_wrong_with_a_callback_is_said(url, words):
    problems = callback_problems(url, STRICT)

    assert problems
    assert any(words in problem for problem in problems), problems


def test_all_problems_are_said_at_once():
    assert len(callback_problems("http://user@127.0.0.1:22/#x", STRICT)) == 4


def test_settings_may_allow_http_ports_and_addresses_of_a_network():
    assert callback_problems("http://127.0.0.1:8080/x", OPEN_LOOPBACK) == []
    assert callback_problems("http://10.0.0.1/x", OPEN_LOOPBACK) == ["must name a host, not an address"]
    assert callback_problems("http://127.1:8080/x", OPEN_LOOPBACK) == ["must name a host, not an address"]


REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - it is refused
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address):
    assert not is_allowed(ip_address(address), STRICT)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111"]
)
def test_a_public_address_is_allowed(address):
    assert is_allowed(ip_address(address), STRICT)


def test_a_scoped_address_is_refused():
    assert not is_allowed(ip_address("2606:4700::1111%eth0"), STRICT)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_nothing_is_allowed_that_python_knows_to_be_internal(address):
    if is_allowed(address, STRICT):
        assert address.is_global
        assert not address.is_private
        assert not address.is_multicast
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_reserved


def test_an_allowed_network_lets_its_own_addresses_through_only():
    policy = CallbackPolicy(networks=(ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")))

    assert is_allowed(ip_address("10.1.2.3"), policy)
    assert is_allowed(ip_address("fd00:1::7"), policy)
    assert not is_allowed(ip_address("10.2.0.1"), policy)
    assert not is_allowed(ip_address("::ffff:10.1.2.3"), policy)


def resolver(*answers: list[str] | Exception):
    """A resolver that gives one answer after the other."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolve


async def test_every_address_of_a_name_must_be_allowed():
    guard = CallbackGuard(STRICT, resolver(["93.184.216.34", "169.254.169.254"]))

    with pytest.raises(CallbackRefusedError, match="not allowed"):
        await guard.addresses("both.example", 443)


async def test_a_name_that_moves_inside_is_refused_when_it_is_looked_at_again():
    guard = CallbackGuard(STRICT, resolver(["93.184.216.34"], ["127.0.0.1"]))

    assert await guard.addresses("rebinding.example", 443) == [ip_address("93.184.216.34")]
    with pytest.raises(CallbackRefusedError, match="not allowed"):
        await guard.addresses("rebinding.example", 443)


@pytest.mark.parametrize("answer", [[], OSError(), UnicodeError(), ["not an address"]])
async def test_a_name_that_cannot_be_resolved_is_refused(answer):
    with pytest.raises(CallbackRefusedError, match="cannot be resolved"):
        await CallbackGuard(STRICT, resolver(answer)).addresses("nowhere.example", 443)


@pytest.mark.parametrize("name", ["metadata.google.internal", "localhost", "instance-data"])
async def test_a_metadata_name_is_refused_for_what_it_resolves_to(name):
    with pytest.raises(CallbackRefusedError):
        await CallbackGuard(STRICT, resolver(["169.254.169.254"])).addresses(name, 443)


@pytest.mark.parametrize("host", ["localhost", "0", "127.1", "2130706433", "127.0.0.1"])
async def test_what_the_system_makes_of_a_loopback_name_is_refused(host):
    with pytest.raises(CallbackRefusedError):
        await CallbackGuard(STRICT, system_resolver).addresses(host, 443)


def test_a_callback_is_taken_apart_as_it_is_connected_to():
    assert target_of("https://listener.example.com/a?b=c") == (
        "https",
        "listener.example.com",
        443,
        "listener.example.com",
        "/a?b=c",
    )
    assert target_of("http://[::1]:8080") == ("http", "::1", 8080, "[::1]:8080", "/")
