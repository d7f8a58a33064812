"""The client and the sandbox, two implementations that share no code, must understand each other over a socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from upstream_server import client_of, no_sleep

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import Marker, RenderedStep
from gateway.sandbox import SandboxOptions, parse_fault, profile_for, serving
from gateway.sandbox.options import API_ROOTS
from gateway.upstream import (
    Accepted,
    ClientCredentialsAuth,
    NotExecuted,
    NotSent,
    Rejected,
    TokenRequest,
    Unknown,
    created_order_id,
)

ROOT = Path(__file__).resolve().parents[2]
SINCE = datetime(2026, 3, 1, tzinfo=UTC)


def shipped(name):
    return parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), name)


@asynccontextmanager
async def connected(tmp_path, name, *, faults=(), profile=None, auth=None, **options):
    """Yield a client of a fresh sandbox, a function that makes steps for it, and one that reads its ledger."""
    ledger_path = tmp_path / "ledger.jsonl"
    sandbox = SandboxOptions(
        mapping=name,
        port=0,
        ledger_path=ledger_path,
        state_delay_seconds=60,
        faults=tuple(parse_fault(text) for text in faults),
        profile=replace(profile_for(name), **(profile or {})),
        **options,
    )
    mapping = shipped(name)
    async with serving(sandbox) as server:
        asked = TokenRequest(url=server.address + "/services/oauth2/token", client_id="id", client_secret="secret")
        credentials = ClientCredentialsAuth(asked) if auth else None
        limits = {"read_timeout_seconds": 3, "sleep": no_sleep, "auth": credentials}
        async with client_of(server.address + API_ROOTS[name], mapping, **limits) as client:
            yield (
                client,
                lambda kind, body, order_id=None: step(mapping, kind, body, order_id),
                lambda: [json.loads(line) for line in ledger_path.read_text().splitlines()],
            )


def step(mapping, kind, body, order_id=None):
    path = mapping.api.resource if order_id is None else f"{mapping.api.resource}/{order_id}"
    media_type = "application/json" if order_id is None else mapping.api.patch_media_type
    method = "POST" if order_id is None else "PATCH"
    return RenderedStep(
        sequence=1,
        kind=kind,
        method=method,
        path=path,
        media_type=media_type,
        body=msgspec.json.encode(body),
        item_count=0,
    )


def item(number, **product):
    offering = {"id": f"CODE-{number}", "name": "x"}
    return {
        "@type": "ProductOrderItem",
        "id": str(number),
        "action": "add",
        "quantity": 1,
        "productOffering": offering,
        "product": product,
    }


def draft(marker, *items):
    return {
        "@type": "ProductOrder",
        "externalId": marker,
        "submitCart": False,
        "requestedStartDate": "2026-12-01T00:00:00.000Z",
        "relatedParty": [{"id": "CD000001", "role": "customer", "@referredType": "account", "@type": "RelatedParty"}],
        "productOrderItem": list(items),
    }


async def test_a_draft_is_made_grown_found_and_submitted(tmp_path):
    async with connected(tmp_path, "salesforce-v4") as (client, make, ledger):
        mapping = shipped("salesforce-v4")
        created = await client.send(make("create", draft("gw1-a-1", item(1))))
        assert isinstance(created, Accepted), created
        order_id = created_order_id(created, mapping)
        grown = await client.send(make("add", {"submitCart": False, "productOrderItem": [item(2)]}, order_id))
        assert isinstance(grown, Accepted), grown
        observed = await client.get_order(order_id)
        assert (observed.state, observed.marker) == ("Draft", Marker(("gw1-a-1",)))
        assert [line.offering for line in observed.lines] == ["CODE-1", "CODE-2"]
        found = await client.find("gw1-a-1", since=SINCE)
        assert ([order.id for order in found.orders], found.complete) == ([order_id], True)
        absent = await client.find("gw1-b-1", since=SINCE)
        assert (absent.orders, absent.complete) == ((), True)
        assert isinstance(await client.send(make("submit", {"state": "Activated"}, order_id)), Accepted)
        assert (await client.get_order(order_id)).state == "In Progress"
        assert (await client.find("gw1-a-1", since=SINCE)).orders == ()  # the scan looks at drafts only
        assert [entry["effect"] for entry in ledger()] == ["created", "changed", "submitted"]


async def test_a_scan_over_many_pages_finds_every_draft(tmp_path):
    async with connected(tmp_path, "salesforce-v4", profile={"page_size_maximum": 7}) as (client, make, _):
        for number in range(20):
            assert isinstance(await client.send(make("create", draft(f"gw1-{number}-1", item(1)))), Accepted)
        for number in range(20):
            assert len((await client.find(f"gw1-{number}-1", since=SINCE)).orders) == 1
        assert (await client.find("gw1-none-1", since=SINCE)).complete


async def test_an_order_that_does_not_exist_is_none(tmp_path):
    for name in ("salesforce-v4", "tmf622-v4"):
        async with connected(tmp_path, name) as (client, _, _):
            assert await client.get_order("99999999") is None


@pytest.mark.parametrize("fault", ["reset-after", "silent-after", "cut-body", "error-after"])
async def test_a_committed_call_without_an_answer_is_unknown_and_found(tmp_path, fault):
    async with connected(tmp_path, "salesforce-v4", faults=[f"{fault}=1"]) as (client, make, ledger):
        assert isinstance(await client.send(make("create", draft("gw1-a-1", item(1)))), Unknown)
        assert [entry["effect"] for entry in ledger()] == ["created"]
        found = await client.find("gw1-a-1", since=SINCE)
        assert ([order.id for order in found.orders], found.complete) == (["00000001"], True)


async def test_throttling_is_not_executed_and_slows_everybody_down(tmp_path):
    async with connected(tmp_path, "salesforce-v4", faults=["request-limit=1"]) as (client, make, ledger):
        outcome = await client.send(make("create", draft("gw1-a-1", item(1))))
        assert isinstance(outcome, NotExecuted), outcome
        assert outcome.kind == "throttled"
        assert isinstance(await client.send(make("create", draft("gw1-a-1", item(1)))), NotSent)
        assert ledger() == []


async def test_a_call_beyond_the_complexity_budget_is_too_large(tmp_path):
    characteristics = [{"name": f"c{number}", "value": "x"} for number in range(200)]
    body = draft("gw1-a-1", *(item(number, productCharacteristic=characteristics) for number in range(30)))
    async with connected(tmp_path, "salesforce-v4") as (client, make, ledger):
        outcome = await client.send(make("create", body))
        assert isinstance(outcome, Rejected), outcome
        assert outcome.too_large
        assert ledger() == []


async def test_a_token_that_was_revoked_is_renewed_without_anybody_noticing(tmp_path):
    async with connected(tmp_path, "salesforce-v4", auth=True, require_token=True, token_seconds=0.6) as (
        client,
        make,
        ledger,
    ):
        for number in range(2):
            assert isinstance(await client.send(make("create", draft(f"gw1-{number}-1", item(1)))), Accepted)
            await asyncio.sleep(0.65)  # the lifetime of a token
        assert len(ledger()) == 2


async def test_a_plain_server_filters_by_the_marker(tmp_path):
    async with connected(tmp_path, "tmf622-v4") as (client, make, _):
        body = {name: value for name, value in draft("gw1-a-1", item(1)).items() if name != "submitCart"}
        created = await client.send(make("create", body))
        assert isinstance(created, Accepted), created
        found = await client.find("gw1-a-1", since=SINCE)
        assert [order.id for order in found.orders] == [created.document["id"]]
        assert (await client.find("gw1-b-1", since=SINCE)).orders == ()
