"""Plays a cart through a whole gateway: posted, checked out, sent by the worker over sockets to a sandbox, judged by its ledger."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from application_runs import started
from checkout_gateway import Gateway
from ordering_play import sandbox_options, tree

from gateway.app import create_app
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import RenderedStep
from gateway.sandbox import serving
from gateway.sandbox.options import API_ROOTS
from gateway.settings import CheckoutSettings, Settings, StorageSettings, UpstreamSettings
from gateway.upstream import UpstreamClient, UpstreamOptions
from gateway.upstream.outcome import Outcome


class RecordingClient(UpstreamClient):
    """A client of the order system that remembers the calls it sent."""

    def __init__(self, options: UpstreamOptions) -> None:
        super().__init__(options)
        self.calls: list[RenderedStep] = []

    async def send(self, rendered: RenderedStep, *, answered: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        self.calls.append(rendered)
        return await super().send(rendered, answered=answered)


class CheckedOut(NamedTuple):
    """What came of a cart: the checkout as its client sees it, the calls that were sent, the ledger."""

    checkout: dict[str, Any]
    calls: list[RenderedStep]
    ledger: list[dict[str, Any]]

    @property
    def kinds(self) -> list[str]:
        return [call.kind for call in self.calls]

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(call.body) for call in self.calls]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The order's lines as the ledger has them at the end."""
        return self.ledger[-1]["lines"]

    @property
    def line_ids(self) -> dict[str, str]:
        """The order system's line ids by the ids of the cart's items, as the checkout tells them."""
        return {one["cartItemId"]: one["orderLineItemId"] for one in self.checkout["item"]}


class GatewayPlayer:
    """Checks carts out at a gateway of their own in front of one running sandbox."""

    def __init__(self, name: str, address: str, ledger: Path) -> None:
        self.root = f"{address}{API_ROOTS[name]}"
        self.name = name
        self.ledger = ledger

    @asynccontextmanager
    async def gateway(self, mapping: Mapping, **given: Any) -> AsyncIterator[tuple[Gateway, RecordingClient]]:
        """Start a gateway that speaks to the sandbox by `mapping`; its worker is run turn by turn. `given` are more settings."""
        client = RecordingClient(UpstreamOptions(name="shop", base_url=self.root, mapping=mapping))
        settings = Settings(
            storage=StorageSettings(url=f"sqlite:///{self.ledger.parent}/gateway.db", readers_max=2),
            upstreams={"shop": UpstreamSettings(base_url=self.root, mapping=self.name)},
            **{"checkout": CheckoutSettings(default_upstream="shop", redraft_seconds=0.0), **given},
        )
        application = create_app(settings, mappings={self.name: mapping}, upstreams={"shop": client}, background=())
        transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)  # type: ignore[arg-type]
        try:
            async with (
                started(application),
                httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
            ):
                yield Gateway(web, application.services, None, None), client  # type: ignore[arg-type]
        finally:
            await client.close()

    async def play(self, cart: dict[str, Any], mapping: Mapping, request: dict[str, Any] | None = None) -> CheckedOut:
        """Bring the cart to a submitted order whose lines are the cart's, submitted once."""
        async with self.gateway(mapping) as (gateway, client):
            stored = await gateway.new_cart({key: value for key, value in cart.items() if key != "id"})
            answer = await gateway.post({**(request or {}), "shoppingCart": {"id": stored}})
            assert answer.status_code == 202, answer.text
            await gateway.work()
            await gateway.look_at_orders()
            checkout = await gateway.get(answer.json()["id"])
        assert checkout["state"] == "submitted", checkout["statusReason"]
        entries = [json.loads(line) for line in self.ledger.read_text("utf-8").splitlines()]
        effects = [entry["effect"] for entry in entries]
        assert (effects.count("created"), effects.count("submitted"), effects[-1]) == (1, 1, "submitted")
        assert {entry["order"] for entry in entries} == {checkout["productOrder"]["id"]}
        assert_lines_of_cart(cart, mapping, entries[-1]["lines"])
        return CheckedOut(checkout, client.calls, entries)


@asynccontextmanager
async def gateway_player(
    tmp_path: Path, name: str, *, catalog: str | None = None, state_delay_seconds: float = 60.0
) -> AsyncIterator[GatewayPlayer]:
    """Yield a player in front of a fresh sandbox, which knows the products of `catalog` (TOML) if one is given."""
    options = replace(sandbox_options(tmp_path, name, catalog), state_delay_seconds=state_delay_seconds)
    async with serving(options) as server:
        assert options.ledger_path is not None
        yield GatewayPlayer(name, server.address, options.ledger_path)


def assert_lines_of_cart(cart: dict[str, Any], mapping: Mapping, lines: list[dict[str, Any]]) -> None:
    """Compare the ledger's lines with the cart itself, item by item; what a bundle demands may be there beside them."""
    mandatory = mapping.tables.catalogue.mandatory
    wanted = Counter(map(repr, _wanted(cart["cartItem"], mandatory)))
    found = Counter()
    for path, action, quantity, values, altered in tree(lines):
        *_, bundle, code = ("", *path.split("/"))
        by_itself = code in mandatory.get(bundle, ())
        found[repr((path, "by itself" if by_itself else action, quantity, values, altered))] += 1
    assert not wanted - found, f"missing: {wanted - found}; found beside the others: {found - wanted}"
    assert all("'by itself', 1, {}, 0)" in line for line in found - wanted), found - wanted


def _wanted(
    items: list[dict[str, Any]], mandatory: Any, above: str = "", bundle: str = ""
) -> Iterator[tuple[str, str, int, dict[str, Any], int]]:
    """Yield what a cart asks for as lines of `tree`: nothing for what is kept as it is, unless something beneath it is not."""
    for item in items:
        code = str(item.get("productOffering", {}).get("id"))
        path = f"{above}/{code}"
        beneath = list(_wanted(item.get("cartItem", []), mandatory, path, code))
        action = item["action"]
        if action == "noChange":
            if not beneath:
                continue
            action = "modify"
        elif action == "add" and code in mandatory.get(bundle, ()):
            action = "by itself"
        values = {one["name"]: one["value"] for one in item.get("product", {}).get("productCharacteristic", [])}
        altered = sum(len(price.get("priceAlteration", [])) for price in item.get("itemPrice", []))
        yield path, action, item.get("quantity", 1), values, altered
        yield from beneath
