"""Checkouts in every condition, claimed or stored, and orders as an order system would show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fake_upstream import FakeUpstream, _Change
from msgspec.structs import replace

from gateway.checkouts.accepting.prepare import accepted, check_and_prepare, documents_of
from gateway.checkouts.model import CheckoutRecord, Prepared, plan_hash
from gateway.checkouts.row_changes import PLANNED
from gateway.checkouts.stored import store as checkouts
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import ObservedOrder
from gateway.settings import CheckoutSettings
from gateway.storage import Database
from gateway.storage.tables import EPOCH
from gateway.submission.decisions.actions import Policy, Work, parents_of
from gateway.tmf.json import decode_json, decode_stored, encode_json

ROOT = Path(__file__).resolve().parents[2]
SALESFORCE = parse_mapping((ROOT / "mappings" / "salesforce-v4.toml").read_bytes(), "salesforce-v4.toml")
PLAIN = parse_mapping((ROOT / "mappings" / "tmf622-v4.toml").read_bytes(), "tmf622-v4.toml")
# Two items a call: an order of five items takes a create and two adds. Every change of a request makes a new draft.
SPLIT = replace(
    SALESFORCE,
    limits=replace(SALESFORCE.limits, items_max=2),
    draft=replace(SALESFORCE.draft, header_attributes=()),
)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MARKER_ROOT = "abcdefghijklmnop"
_LEASE = {"lease_until", "lease_owner", "claims_without_progress", "fence"}
POLICY = Policy(
    deadline_seconds=30.0,
    lease_seconds=60.0,
    settle_seconds=15.0,
    quiet_seconds=665.0,
    retry_seconds=(1.0, 5.0, 15.0),
    probe_seconds=(1.0, 2.0, 5.0),
    attempts_max=4,
    generations_max=3,
    mismatches_max=3,
    live_posts_max=3,
    track_after_seconds=60.0,
)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def cart(count: int = 5, *, priced: int = 1) -> dict[str, Any]:
    """Return a cart of different items, the first `priced` of them with a price alteration."""
    items = [
        f"""{{"@type": "CartItem", "id": "{number}", "action": "add", "quantity": {number},
             "productOffering": {{"id": "P{number}"}},
             "product": {{"productCharacteristic": [{{"name": "color", "value": "c{number}"}}]}}"""
        + (
            """, "itemPrice": [{"priceType": "recurring", "priceAlteration": [{"name": "half", "priceType": "recurring",
               "recurringChargePeriod": "month", "applicationDuration": 3, "price": {"percentage": 50}}]}]"""
            if number <= priced
            else ""
        )
        + "}"
        for number in range(1, count + 1)
    ]
    document: dict[str, Any] = decode_json(f'{{"id": "c1", "cartItem": [{", ".join(items)}]}}'.encode())
    return document


def request(**attributes: Any) -> dict[str, Any]:
    return {"shoppingCart": {"id": "c1"}, "relatedParty": [{"id": "CD1", "role": "customer"}], **attributes}


def record_of(mapping: Mapping = SPLIT, **columns: Any) -> CheckoutRecord:
    defaults: dict[str, Any] = {
        "tenant": "default",
        "id": "k1",
        "state": "drafting" if mapping.draft.supported else "submitting",
        "status_reason": None,
        "external_id": None,
        "upstream": "shop",
        "mapping": mapping.name,
        "cart_id": "c1",
        "cart_version": 1,
        "cart_live": True,
        "idempotency_key": None,
        "request_hash": "h",
        "submit": True,
        "cancel_requested": False,
        "marker_root": MARKER_ROOT,
        "generation": 0,
        "plan_hash": "p",
        "steps_total": 0,
        "step": 0,
        "step_state": PLANNED,
        "attempt": 0,
        "probe": 0,
        "sent_at": None,
        "first_sent_at": None,
        "absent_at": None,
        "unknowns": 0,
        "mismatches": 0,
        "order_id": None,
        "order_href": None,
        "order_state": None,
        "upstream_state": None,
        "submit_intent_order": None,
        "fence": 1,
        "lease_owner": "me",
        "lease_until": NOW + seconds(60),
        "due_at": NOW,
        "claims_without_progress": 1,
        "track_due_at": None,
        "track_attempt": 0,
        "version": 1,
        "created_at": EPOCH,
        "updated_at": EPOCH,
    }
    return CheckoutRecord(**{**defaults, **columns})


def frozen(ordered: dict[str, Any], mapping: Mapping) -> tuple[Prepared, dict[str, bytes]]:
    """Return what a checkout of a cart does, and the documents of it that are stored."""
    settings = CheckoutSettings()
    prepared = accepted(*check_and_prepare(ordered, request(), mapping, settings, now=NOW))
    return prepared, documents_of(ordered, request(), prepared, settings)


def work_of(
    mapping: Mapping = SPLIT, *, items: int = 5, priced: int = 1, policy: Policy = POLICY, **columns: Any
) -> Work:
    """Return a claimed checkout. `step` may be a kind: the first step of that kind."""
    ordered = cart(items, priced=priced if mapping.draft.supported else 0)
    prepared, documents = frozen(ordered, mapping)
    steps = prepared.plan.steps
    if isinstance(columns.get("step"), str):
        columns["step"] = next(index for index, step in enumerate(steps) if step.kind == columns["step"])
    if columns.get("step", 0) > 0:
        columns = {"order_id": "00000001", "first_sent_at": NOW, "sent_at": NOW, **columns}
    columns = {"steps_total": len(steps), "plan_hash": plan_hash(documents), **columns}
    known: dict[str, str] = columns.pop("known", {})
    record = record_of(mapping, **columns)
    return Work(
        record=record,
        order=prepared.order,
        plan=prepared.plan,
        mapping=mapping,
        policy=policy,
        known=known,
        parents=parents_of(prepared.order),
    )


def lost(work: Work, *, seconds_ago: float = 0.0, **columns: Any) -> Work:
    """Return the same work after its current step was sent and its answer lost."""
    sent_at = NOW - seconds(seconds_ago)
    changed = replace(
        work.record,
        **{
            "step_state": "UNKNOWN",
            "sent_at": sent_at,
            "first_sent_at": work.record.first_sent_at or sent_at,
            "attempt": 1,
            "unknowns": 1,
            **columns,
        },
    )
    return replace(work, record=changed)


def drafted(work: Work, steps: int, *, marker: str | None = None, state: str | None = None) -> ObservedOrder:
    """Return the order as an order system shows it after the first `steps` steps took effect."""
    fake = system_with(work, steps, marker=marker)
    if state is not None:
        fake.orders["00000001"]["state"] = state
    return seen(fake)


def live_document(mapping: Mapping, state: str, order_id: str = "00000001", **attributes: Any) -> dict[str, Any]:
    """Return the order of the checkout that `store_checkout` stores by default, whole and in this state, as a GET shows it."""
    work = work_of(mapping)
    steps = sum(step.kind != "submit" for step in work.plan.steps)
    document = system_with(work, steps).orders["00000001"]
    return {**document, "id": order_id, "state": state, **attributes}


def system_with(work: Work, steps: int, *, marker: str | None = None) -> FakeUpstream:
    """Return an order system in which the first `steps` steps took effect."""
    fake = FakeUpstream(work.mapping)
    known: dict[str, str] = {}
    order_id: str | None = None
    for step in work.plan.steps[:steps]:
        rendered = render(
            step,
            work.order,
            work.plan,
            work.mapping,
            known_line_ids=known,
            marker=marker or work.record.marker,
            order_id=order_id,
        )
        fake._apply(_Change(rendered.method, order_id, decode_stored(rendered.body)))
        order_id = "00000001"
        known = {line.item_id: line.line_id for line in seen(fake).lines if line.item_id is not None}
    return fake


def seen(fake: FakeUpstream, order_id: str = "00000001") -> ObservedOrder:
    from gateway.ordering.readback.reading import read_order

    observed = read_order(fake.orders[order_id], fake.mapping)
    assert observed is not None
    return observed


async def store_checkout(
    database: Database, *, mapping: Mapping = SPLIT, items: int = 5, priced: int = 1, **columns: Any
) -> CheckoutRecord:
    """Store a checkout with these columns, as if it had been accepted; its cart is by value unless it is stored already."""
    work = work_of(mapping, items=items, priced=priced, **columns)
    ordered = cart(items, priced=priced if mapping.draft.supported else 0)
    prepared, documents = frozen(ordered, mapping)
    documents["cart"] = encode_json(ordered)
    record = replace(work.record, lease_until=EPOCH, lease_owner=None, claims_without_progress=0, fence=0)
    record = replace(record, **{key: value for key, value in columns.items() if key in _LEASE})
    counts = [len(step.item_ids) for step in prepared.plan.steps]
    await database.write(
        lambda connection: checkouts.insert_checkout(connection, record, prepared.plan, documents, counts)
    )
    return record


async def load_checkout(database: Database, checkout_id: str = "k1", tenant: str = "default") -> CheckoutRecord:
    """Return the checkout as it is stored now."""
    record = await database.read(lambda connection: checkouts.get(connection, tenant, checkout_id))
    assert record is not None
    return record
