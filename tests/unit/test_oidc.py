"""Access tokens of an identity provider: whom they let in, and each way in which they are refused."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from identity_provider import AUDIENCE, ISSUER, NOW, IdentityProvider, encoded, new_key

from gateway.errors import ForbiddenError, UnavailableError
from gateway.security.claims import TokenRefusedError, claim
from gateway.security.jwks import KeySource, KeysUnreadableError, usable_keys
from gateway.security.oidc import AccessTokens
from gateway.security.tokens import Client
from gateway.settings import OidcSettings

SETTINGS = OidcSettings(issuer=ISSUER, audience=AUDIENCE)


class Time:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {"k1": new_key("k1"), "k2": new_key("k2"), "ec": new_key("ec", "EC")}


@pytest.fixture
def provider(keys: dict[str, Any]) -> IdentityProvider:
    return IdentityProvider(keys={"k1": keys["k1"]})


@pytest.fixture
def time() -> Time:
    return Time()


def checking(provider: IdentityProvider, time: Time | None = None, **changes: Any) -> AccessTokens:
    settings = OidcSettings(**{"issuer": ISSUER, "audience": AUDIENCE, **changes})
    return AccessTokens(settings, KeySource(settings, provider.fetch, time or Time()))


async def test_a_token_makes_a_client_with_tenant_and_roles(provider: IdentityProvider) -> None:
    tokens = checking(provider)
    made = await tokens.client(provider.token(roles=["channel", "unknown", "support"]), NOW)

    assert made == Client(name="web-shop", tenant="acme", roles=frozenset({"channel", "support"}))
    assert provider.reads == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/certs"]
    await tokens.client(provider.token(sub="another"), NOW)
    assert len(provider.reads) == 2


async def test_roles_of_a_client_as_keycloak_writes_them(provider: IdentityProvider) -> None:
    claims = {
        "roles": None,
        "tenant": None,
        "nbf": None,
        "realm_access": {"roles": ["gw-operator", "admin"]},
        "resource_access": {"tmf-gateway": {"roles": ["gw-channel"]}, "another": {"roles": ["gw-admin"]}},
        "scope": "openid gw-support",
        "org": {"tenant": "beta"},
        "azp": "shop-backend",
    }
    tokens = checking(
        provider,
        roles_claims=("realm_access.roles", "resource_access.tmf-gateway.roles", "scope"),
        roles_prefix="gw-",
        tenant_claim="org.tenant",
        owner_claim="azp",
        nbf_required=False,
    )
    made = await tokens.client(provider.token(**claims), NOW)
    assert made == Client(name="shop-backend", tenant="beta", roles=frozenset({"operator", "channel", "support"}))


def test_a_claim_whose_name_has_dots_is_found_by_its_name() -> None:
    assert claim({"https://example.com/roles": ["a"]}, "https://example.com/roles") == ["a"]
    assert claim({"a": {"b.c": 1}}, "a.b.c") == 1
    assert claim({"a": {"b.c": {"d": 1}}}, "a.b.c.d") == 1
    # Keycloak's client is called as its owner likes, often by a domain or an address.
    by_client = {"resource_access": {"https://shop.example.com": {"roles": ["channel"]}, "com.example": {"roles": []}}}
    assert claim(by_client, "resource_access.https://shop.example.com.roles") == ["channel"]
    assert claim(by_client, "resource_access.com.example.roles") == []
    assert claim({"a": 1}, "a.b") is None


REFUSED: dict[str, Any] = {
    "not signed": lambda p: p.unsigned(),
    "not signed, with a kid": lambda p: p.unsigned(kid="k1"),
    "not signed, spelt otherwise": lambda p: p.unsigned(alg="NoNe"),
    "the public key as a secret": lambda p: p.signed_with_public_key(),
    "another audience": lambda p: p.token(aud="another"),
    "a list of other audiences": lambda p: p.token(aud=["a", "b"]),
    "another issuer": lambda p: p.token(iss="https://evil.example.com"),
    "the issuer with a slash": lambda p: p.token(iss=ISSUER + "/"),
    "expired by more than the leeway": lambda p: p.token(exp=int(NOW.timestamp()) - 61),
    "not yet valid": lambda p: p.token(nbf=int(NOW.timestamp()) + 61),
    "issued in the future": lambda p: p.token(iat=int(NOW.timestamp()) + 3600, nbf=int(NOW.timestamp()) + 3600),
    "no exp": lambda p: p.token(exp=None),
    "no nbf": lambda p: p.token(nbf=None),
    "no sub": lambda p: p.token(sub=None),
    "no aud": lambda p: p.token(aud=None),
    "no iss": lambda p: p.token(iss=None),
    "an exp that is text": lambda p: p.token(exp="never"),
    "an exp beyond all numbers": lambda p: p.token(exp=10**400),
    "a kid that is a path": lambda p: p.token(header={"kid": "../../dev/null"}),
    "a kid that is SQL": lambda p: p.token(header={"kid": "x' UNION SELECT 'k"}),
    "a kid that is not a text": lambda p: swapped(p.token(), kid=["k1"]),
    "a kid of nobody": lambda p: p.token(header={"kid": "nobody"}),
    "an empty kid": lambda p: p.token(header={"kid": ""}),
    "an ID token's type": lambda p: p.token(header={"typ": "logout+jwt"}),
    "extensions that are critical": lambda p: swapped(p.token(), crit=["exp"]),
    "too large": lambda p: p.token(more="x" * 9000),
    "no JWT": lambda _: "a.b.c",
    "two parts": lambda _: "a.b",
    "a header that is not an object": lambda _: f"{encoded(b'[]')}.e30.e30",
    "deep nesting": lambda _: f"{encoded(b'[' * 3000)}.e30.e30",
    "another signature": lambda p: p.token()[:-8] + "AAAAAAAA",
    "changed claims": lambda p: changed(p.token(), roles=["admin"]),
    "another algorithm": lambda p: p.token(header={"alg": "RS512"}),
}


def swapped(token: str, **header: Any) -> str:
    """Return the token with another header, and the signature of before."""
    _, claims, signature = token.split(".")
    return f"{encoded(json.dumps({'alg': 'RS256', 'kid': 'k1', **header}).encode())}.{claims}.{signature}"


def changed(token: str, **claims: Any) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encoded(json.dumps(IdentityProvider.claims(None, **claims)).encode())}.{signature}"  # type: ignore[arg-type]


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_that_is_not_valid_is_refused(provider: IdentityProvider, case: str) -> None:
    tokens = checking(provider)
    await tokens.client(provider.token(), NOW)
    token = REFUSED[case](provider)
    with pytest.raises(TokenRefusedError) as caught:
        await tokens.client(token, NOW)
    assert token not in str(caught.value)


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
async def test_keys_that_a_token_brings_or_names_are_not_used(
    provider: IdentityProvider, keys: dict[str, Any], name: str
) -> None:
    """Signed with a key of the attacker's, which the header offers in each of the ways there are."""
    evil = IdentityProvider(keys={"k1": keys["k2"]})
    offered = {
        "jku": "https://evil.example.com/certs",
        "x5u": "https://evil.example.com/certs",
        "jwk": keys["k2"].as_dict(private=False),
        "x5c": ["AAAA"],
    }
    tokens = checking(provider)
    for kid in ("k1", None):
        with pytest.raises(TokenRefusedError):
            await tokens.client(evil.token(header={name: offered[name], "kid": kid}), NOW)
    assert not any("evil" in address for address in provider.reads)


async def test_the_end_of_a_token_is_met_within_the_leeway_and_not_after(provider: IdentityProvider) -> None:
    tokens = checking(provider)
    token = provider.token()
    assert await tokens.client(token, NOW)
    assert await tokens.client(token, NOW + timedelta(seconds=300 + 29))
    with pytest.raises(TokenRefusedError):
        await tokens.client(token, NOW + timedelta(seconds=300 + 31))


@pytest.mark.parametrize(
    "claims", [{"tenant": None}, {"tenant": "ACME"}, {"tenant": ["acme"]}, {"sub": "a b"}, {"sub": "x" * 65}]
)
async def test_a_token_without_tenant_or_client_opens_nothing(
    provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    with pytest.raises(ForbiddenError):
        await checking(provider).client(provider.token(**claims), NOW)


async def test_keys_are_rotated_without_a_restart(provider: IdentityProvider, keys: dict[str, Any], time: Time) -> None:
    tokens = checking(provider, time)
    old = provider.token()
    await tokens.client(old, NOW)
    provider.keys = {"k2": keys["k2"], "ec": keys["ec"]}
    time.seconds += 31

    assert await tokens.client(provider.token("k2"), NOW)
    assert await tokens.client(provider.token("ec", header={"alg": "ES256"}), NOW)
    # The provider took it back, so nothing that was found out with it counts either.
    with pytest.raises(TokenRefusedError):
        await tokens.client(old, NOW)


async def test_whatever_keys_tokens_name_the_provider_is_asked_once_in_a_while(
    provider: IdentityProvider, time: Time
) -> None:
    tokens = checking(provider, time)

    async def refused(number: int) -> None:
        with pytest.raises(TokenRefusedError):
            await tokens.client(provider.token(header={"kid": f"random-{number}"}), NOW)

    await asyncio.gather(*(refused(number) for number in range(100)))
    assert provider.reads.count(f"{ISSUER}/certs") == 1
    time.seconds += 31
    await asyncio.gather(*(refused(number) for number in range(100)))
    assert provider.reads.count(f"{ISSUER}/certs") == 2


async def test_the_last_keys_are_used_while_the_provider_is_down_but_not_for_ever(
    provider: IdentityProvider, time: Time
) -> None:
    tokens = checking(provider, time)
    await tokens.client(provider.token(), NOW)
    provider.down = True

    time.seconds += 600 + 86_400 - 1
    assert await tokens.client(provider.token(sub="later"), NOW)
    time.seconds += 2
    with pytest.raises(UnavailableError):
        await tokens.client(provider.token(sub="too-late"), NOW)


async def test_a_provider_that_is_down_at_the_start_is_asked_again(provider: IdentityProvider, time: Time) -> None:
    tokens = checking(provider, time)
    provider.down = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await tokens.client(provider.token(), NOW)
    assert tokens.keys.is_failing
    assert len(provider.reads) == 1

    provider.down = False
    time.seconds += 31
    assert await tokens.client(provider.token(), NOW)
    assert not tokens.keys.is_failing


def test_a_set_keeps_keys_for_signatures_alone(keys: dict[str, Any]) -> None:
    good = keys["k1"].as_dict(private=False)
    weak = {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": encoded(b"\xff" * 64)}
    others = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {**good, "use": "enc", "kid": "enc"},
        weak,
        3,
        {"kty": "RSA"},
    ]
    assert list(usable_keys({"keys": [*others, good]})) == ["k1"]
    assert not usable_keys({"keys": [keys["k1"].as_dict(private=True)]})["k1"].is_private
    for nothing in ({}, [], {"keys": []}, {"keys": others}, None):
        with pytest.raises(KeysUnreadableError):
            usable_keys(nothing)
