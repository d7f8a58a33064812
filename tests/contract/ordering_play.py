"""Plays a cart against a sandbox with nothing but the pure stage and an HTTP client: translate, plan, render, send, read, match."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import order_path, render
from gateway.ordering.calls.writer import is_there_already
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.states import is_draft
from gateway.ordering.model import Order, Plan
from gateway.ordering.readback.matching import Match, match
from gateway.ordering.readback.reading import read_order
from gateway.ordering.translation.translate import translate
from gateway.sandbox import SandboxOptions, profile_for, serving
from gateway.sandbox.options import API_ROOTS

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MARKER = "gw1-play-0000000000000001"


class Played(NamedTuple):
    """What came of a cart: the order and plan that were made, the calls' bodies, the last match, the ledger."""

    order: Order
    plan: Plan
    bodies: list[Any]
    match: Match
    ledger: list[dict[str, Any]]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The order's lines as the ledger has them at the end."""
        return self.ledger[-1]["lines"]

    @property
    def line_ids(self) -> dict[str, str]:
        """The order system's line ids by the ids of the items."""
        return self.match.line_ids

    @property
    def kinds(self) -> list[str]:
        return [step.kind for step in self.plan.steps]


def shipped(name: str, **limits: int) -> Mapping:
    mapping = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    return msgspec.structs.replace(mapping, limits=msgspec.structs.replace(mapping.limits, **limits))


class Player:
    """Sends carts to one running sandbox."""

    def __init__(self, name: str, address: str, client: httpx.AsyncClient, ledger: Path) -> None:
        self.root = f"{address}{API_ROOTS[name]}/"
        self.client = client
        self.ledger = ledger

    async def play(self, cart: dict[str, Any], mapping: Mapping, request: dict[str, Any] | None = None) -> Played:
        """Bring the cart to a submitted order; every call must be accepted and every line found again."""
        translation = translate(cart, request or {}, mapping, now=NOW)
        assert translation.order is not None, [one for one in translation.findings if one.severity == "error"]
        order = translation.order
        planned, findings = plan(order, mapping)
        assert planned is not None, findings
        check_plan(order, planned, mapping)
        order_id: str | None = None
        known: dict[str, str] = {}
        sent: set[str] = set()
        priced: set[str] = set()
        bodies = []
        found = match((), (), read_order({"id": "0"}, mapping), mapping, {})
        for step in planned.steps:
            call = render(step, order, planned, mapping, known_line_ids=known, marker=MARKER, order_id=order_id)
            bodies.append(json.loads(call.body))
            answer = await self.client.request(
                call.method, self.root + call.path, content=call.body, headers={"Content-Type": call.media_type}
            )
            assert answer.status_code in (200, 201, 204), (step.kind, answer.status_code, answer.text)
            if order_id is None:
                order_id = answer.json()["id"]
            document = (await self.client.get(self.root + order_path(mapping, order_id))).json()
            observed = read_order(document, mapping)
            assert observed is not None
            assert MARKER in observed.marker.texts
            assert is_draft(mapping, observed.state) == (mapping.draft.supported and step.kind != "submit")
            sent |= set(step.item_ids)
            priced |= set(step.item_ids) if step.kind == "price" else set()
            lines = [line for line in order.lines if line.id in sent]
            coming = [line for line in order.lines if line.id not in sent and is_there_already(line, mapping)]
            found = match(lines, priced, observed, mapping, known, coming)
            assert found.exact, found
            known |= found.line_ids
        return Played(order, planned, bodies, found, self.ledger_entries())

    def ledger_entries(self) -> list[dict[str, Any]]:
        """Return what the sandbox's ledger holds."""
        return [json.loads(line) for line in self.ledger.read_text("utf-8").splitlines()]


@asynccontextmanager
async def player(tmp_path: Path, name: str, *, catalog: str | None = None, profile: dict[str, Any] | None = None):
    """Yield a player of a fresh sandbox, which knows the products of `catalog` (TOML) if one is given."""
    options = sandbox_options(tmp_path, name, catalog, profile)
    async with serving(options) as server, httpx.AsyncClient(timeout=10) as client:
        yield Player(name, server.address, client, tmp_path / "ledger.jsonl")


def sandbox_options(
    tmp_path: Path, name: str, catalog: str | None = None, profile: dict[str, Any] | None = None
) -> SandboxOptions:
    """Return the options of a sandbox with a ledger, and a catalogue (TOML) if one is given."""
    catalog_path = None
    if catalog is not None:
        catalog_path = tmp_path / "catalog.toml"
        catalog_path.write_text(catalog, "utf-8")
    return SandboxOptions(
        mapping=name,
        port=0,
        ledger_path=tmp_path / "ledger.jsonl",
        catalog_path=catalog_path,
        state_delay_seconds=60,
        profile=replace(profile_for(name), **(profile or {})),
    )


def tree(lines: list[dict[str, Any]]) -> list[tuple[str, str, int, dict[str, Any], int]]:
    """Lines as (path of offerings, action, quantity, characteristics, number of alterations), sorted."""
    by_id = {line["id"]: line for line in lines}

    def path(line: dict[str, Any]) -> str:
        above = path(by_id[line["parent"]]) if line["parent"] else ""
        return f"{above}/{line['offering']}"

    return sorted(
        (
            (path(line), line["action"], line["quantity"], line["characteristics"], len(line["alterations"]))
            for line in lines
        ),
        key=repr,
    )
