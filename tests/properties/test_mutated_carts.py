"""Carts with mistakes: never a 5xx, what POST refuses no other way takes, and every value of what is ordered is accounted for.

The ways: POST in every version, a preview of the stored cart, one by value, and `gateway translate`.

`make test` plays a few, `make test-long` 5 000.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from application_runs import client_of
from click.testing import CliRunner
from mutated_carts import mutated

from gateway.app import create_app
from gateway.carts.dialects import V1, V4, V5
from gateway.carts.dialects.recognition import version_of
from gateway.checkouts.request import check_request, is_by_value
from gateway.cli import main
from gateway.errors import InvalidBodyError
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.tracing.accounting import account
from gateway.ordering.translation.translate import translate
from gateway.settings import CheckoutSettings, Settings, UpstreamSettings
from gateway.tmf.json import decode_json, encode_json

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = [parse_mapping(file.read_bytes(), file.name) for file in sorted((ROOT / "mappings").glob("*.toml"))]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PREVIEW = "/tmf-api/checkoutManagement/v1/checkout/preview"
REFUSED = {400, 409, 413, 422}
UPSTREAMS = (("crm", "salesforce-v4"), ("plain4", "tmf622-v4"), ("plain5", "tmf622-v5"))
VERSIONS = {"r17": V1, "v4": V4, "v5": V5}
JSON = {"Content-Type": "application/json"}
SHORT, LONG = 300, 5_000


def calls_of(order: Any, mapping: Mapping) -> list[Any] | None:
    planned, _ = plan(order, mapping)
    if planned is None:
        return None
    known = {line.id: f"802-{line.id}" for line in order.lines}
    rendered = (
        render(step, order, planned, mapping, known_line_ids=known, marker="gw1-m", order_id="1")
        for step in planned.steps
    )
    return [decode_json(call.body, depth_max=64) for call in rendered]


def unaccounted(cart: dict[str, Any], mapping: Mapping) -> tuple[bool, list[str]]:
    """Return whether the cart is ordered by the mapping, and the paths of its values that nothing accounts for."""
    translation = translate(cart, {}, mapping, now=NOW)
    calls = calls_of(translation.order, mapping) if translation.order is not None else None
    if calls is None:
        return False, []
    return True, account(cart, {}, translation.order, calls, translation.findings)[1]


def check_accounts(seeds: range) -> None:
    ordered = 0
    for seed in seeds:
        given = mutated(seed)
        documents = [given]
        request = {"shoppingCart": mutated(seed)}
        try:
            check_request(request, Settings())
            documents.append(request["shoppingCart"])
        except InvalidBodyError:
            pass
        for document in documents:
            for mapping in MAPPINGS:
                is_ordered, lost = unaccounted(document, mapping)
                ordered += is_ordered
                assert lost == [], (seed, mapping.name)
    assert ordered > len(seeds) / 2, "too few of them can be ordered to prove anything"


def test_every_value_of_a_cart_with_mistakes_is_accounted_for():
    check_accounts(range(SHORT))


@pytest.mark.long
def test_every_value_of_5000_carts_with_mistakes_is_accounted_for():
    check_accounts(range(LONG))


def dry_run(cart: dict[str, Any], mapping: str, *options: str) -> int:
    """Return the exit code of `gateway translate` of the cart: 0 when it can be ordered, 1 when it is refused in words."""
    command = ["translate", "-", "--mapping", mapping, "--format", "json", *options]
    done = CliRunner().invoke(main, command, input=encode_json(cart))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert done.exit_code == 0 or done.stderr, "a refusal says why"
    return done.exit_code


async def check_every_version(client: Any, seeds: range) -> None:
    """POST each cart as each version's, look at what became of it, and let `gateway translate` read it as that version's."""
    taken = refused = 0
    for seed in seeds:
        cart = mutated(seed)
        upstream, mapping = UPSTREAMS[seed % len(UPSTREAMS)]
        for name, dialect in VERSIONS.items():
            posted = await client.post(dialect.carts_path, content=encode_json(cart), headers=JSON)
            assert posted.status_code in {201, *REFUSED}, (seed, name, posted.text)
            code = dry_run(cart, mapping, "--as", name)
            if posted.status_code != 201:
                assert code == 1, (seed, name, posted.text)
                refused += 1
                continue
            shown = await client.get(posted.headers["location"])
            assert shown.status_code == 200, (seed, name, shown.text)
            kept = encode_json({"shoppingCart": {"id": posted.json()["id"]}, "upstream": upstream})
            preview = await client.post(PREVIEW, content=kept, headers=JSON)
            # A stored cart that has expired is refused for that (409), which a file never is.
            assert preview.status_code in {200, *REFUSED}, (seed, name, preview.text)
            assert preview.status_code == 409 or (preview.status_code == 200) == (code == 0), (seed, name, preview.text)
            taken += 1
        by_value = encode_json({"shoppingCart": cart, "upstream": upstream})
        if is_by_value({name: value for name, value in cart.items() if value is not None}):
            whole = await client.post(PREVIEW, content=by_value, headers=JSON)
            paths = {problem["path"] for problem in whole.json().get("problem", ())}
            # The API asks for an id and address of the whole cart that a file need not have.
            own = bool(paths) and paths <= {"shoppingCart.id", "shoppingCart.href"}
            assert own or (whole.status_code == 200) == (dry_run(cart, mapping) == 0), (seed, whole.text)
    assert min(taken, refused) > len(seeds) / 20, "mistakes of one kind only prove nothing"


async def check_answers(client: Any, seeds: range) -> None:
    taken = refused = 0
    for seed in seeds:
        cart = mutated(seed)
        if not is_by_value({name: value for name, value in cart.items() if value is not None}):
            continue  # nothing but an id is left of it
        dialect = version_of(cart)
        headers = {"Content-Type": "application/json"}
        posted = await client.post(dialect.carts_path, content=encode_json(cart), headers=headers)
        assert posted.status_code in {201, *REFUSED}, (seed, posted.text)
        for upstream in ("crm", "plain4", "plain5"):
            body = encode_json({"shoppingCart": cart, "upstream": upstream})
            by_value = await client.post(PREVIEW, content=body, headers=headers)
            assert by_value.status_code in {200, *REFUSED}, (seed, upstream, by_value.text)
            if posted.status_code != 201:
                assert by_value.status_code in REFUSED, (seed, upstream, dialect.carts_path, posted.text)
                continue
            # POST gives the cart an address of its own, whatever the sender's is; by value that is the cart that is meant.
            paths = {problem["path"] for problem in by_value.json().get("problem", ())}
            assert by_value.status_code != 400 or paths <= {"shoppingCart.id", "shoppingCart.href"}, (
                seed,
                upstream,
                by_value.text,
            )
            kept = encode_json({"shoppingCart": {"id": posted.json()["id"]}, "upstream": upstream})
            by_reference = await client.post(PREVIEW, content=kept, headers=headers)
            assert by_reference.status_code in {200, *REFUSED}, (seed, upstream, by_reference.text)
        taken, refused = taken + (posted.status_code == 201), refused + (posted.status_code != 201)
    assert min(taken, refused) > len(seeds) / 20, "mistakes of one kind only prove nothing"


@asynccontextmanager
async def playing(settings: Settings) -> AsyncIterator[Any]:
    """Give a client of an application that knows an order system for each mapping; none of them is ever called."""
    upstreams = {
        name: UpstreamSettings(base_url=f"http://127.0.0.1:1/{name}", mapping=mapping) for name, mapping in UPSTREAMS
    }
    whole = Settings(storage=settings.storage, upstreams=upstreams, checkout=CheckoutSettings(default_upstream="crm"))
    async with client_of(create_app(whole, mappings={one.name: one for one in MAPPINGS}, background=())) as client:
        yield client


async def test_a_cart_with_mistakes_is_taken_or_refused_the_same_in_every_way(settings: Settings) -> None:
    async with playing(settings) as client:
        await check_answers(client, range(SHORT // 3))


@pytest.mark.long
async def test_5000_carts_with_mistakes_are_taken_or_refused_the_same_in_every_way(settings: Settings) -> None:
    async with playing(settings) as client:
        await check_answers(client, range(LONG))


async def test_a_cart_with_mistakes_is_judged_alike_in_every_version_and_by_the_dry_run(settings: Settings) -> None:
    async with playing(settings) as client:
        await check_every_version(client, range(SHORT // 8))


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_5000_carts_with_mistakes_are_judged_alike_in_every_version_and_by_the_dry_run(
    settings: Settings,
) -> None:
    async with playing(settings) as client:
        await check_every_version(client, range(LONG))
