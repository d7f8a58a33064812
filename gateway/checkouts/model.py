"""The checkout as data: the request a client sends, the record that is kept, its documents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from gateway.checkouts.reasons import Awaiting, ReasonCode
from gateway.checkouts.row_changes import CancelProgress, StepProgress
from gateway.checkouts.states import CheckoutState
from gateway.documents import JsonObject
from gateway.ordering import Finding, Order, Plan
from gateway.tmf.json import NUMBER_DIGITS_MAX, decimal_from_json, encode_canonical

# What a checkout was made from: a cart, or an order that came ready, from a partner.
Source: TypeAlias = Literal["shoppingCart", "productOrder"]
MARKER_BEGINNING: Final = "gw1-"
_EXACT = Context(prec=NUMBER_DIGITS_MAX)


class CheckoutRecord(Struct, frozen=True, kw_only=True):
    """One row of the table `checkout`; see `gateway.storage.tables` for what the columns mean."""

    tenant: str
    id: str
    state: CheckoutState
    status_reason: str | None
    external_id: str | None
    upstream: str
    mapping: str
    cart_id: str | None
    cart_version: int | None
    cart_live: bool
    idempotency_key: str | None
    request_hash: str
    submit: bool
    cancel_requested: bool
    marker_root: str
    generation: int
    plan_hash: str
    steps_total: int
    step: int
    step_state: StepProgress
    attempt: int
    probe: int
    sent_at: datetime | None
    first_sent_at: datetime | None
    absent_at: datetime | None
    unknowns: int
    mismatches: int
    order_id: str | None
    order_href: str | None
    order_state: str | None
    upstream_state: str | None
    submit_intent_order: str | None
    fence: int
    lease_owner: str | None
    lease_until: datetime
    due_at: datetime | None
    claims_without_progress: int
    track_due_at: datetime | None
    track_attempt: int
    version: int
    created_at: datetime
    updated_at: datetime
    mapping_hash: str | None = None
    adopted_order: str | None = None
    price_drift: str | None = None
    price_drift_accepted: str | None = None
    reason_code: ReasonCode | None = None
    reason_problem: str | None = None
    awaiting: Awaiting | None = None
    awaiting_since: datetime | None = None
    searched_at: datetime | None = None
    answered_order: str | None = None
    answered_marker: str | None = None
    recover_since: datetime | None = None
    owner: str | None = None
    cart_scope: str = ""
    remainder_cart_id: str | None = None
    correlation_id: str | None = None
    trace_parent: str | None = None
    source: Source = "shoppingCart"
    order_removed: bool = False
    cancel_task: str | None = None
    cancel_progress: CancelProgress | None = None

    @property
    def cart_is_reopened(self) -> bool:
        """Whether the cart is open again although its order is live (`checkout.ordered_cart`): it is none of this checkout's business."""
        return self.cart_id is not None and self.remainder_cart_id == self.cart_id

    @property
    def has_lost_its_cart(self) -> bool:
        """Whether the cart was let go that this held checkout would need to go on."""
        is_without = not self.cart_live and self.cart_id is not None
        return self.state == "held" and is_without and not self.cart_is_reopened

    @property
    def marker(self) -> str:
        """The text that the order of this generation carries, so that it can be found again."""
        return marker_of(self.marker_root, self.generation)


def marker_of(root: str, generation: int) -> str:
    """Return the marker of one generation, at most 24 characters: unguessable, without personal data."""
    return f"{MARKER_BEGINNING}{root}-{generation}"


class LineState(Struct, omit_defaults=True):
    """What is known of one order line: its id in the order system and its own state."""

    line_id: str | None = None
    state: str | None = None


class Prepared(Struct, frozen=True, kw_only=True):
    """A cart translated and planned: everything that is frozen when a checkout is accepted.

    `waits_for_party`: a stand-in is in the place of the party that the order system demands; nothing of it may be sent.
    """

    order: Order
    plan: Plan
    findings: tuple[Finding, ...]
    waits_for_party: bool = False


def plan_hash(documents: Mapping[str, bytes]) -> str:
    """Return the hash that ties a running checkout to the order and plan it was accepted with."""
    return hashlib.sha256(documents["order"] + b"\n" + documents["plan"]).hexdigest()


def request_hash(request: JsonObject) -> str:
    """Return the fingerprint of a request: the same for the same JSON, however it is spaced or ordered."""
    return hashlib.sha256(encode_canonical(_comparable(request))).hexdigest()


def _comparable(value: Any) -> Any:
    """Make 1, 1.0 and 1.00 the same number, as JSON means them."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else _EXACT.normalize(value)
    if isinstance(value, dict):
        return {key: _comparable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_comparable(child) for child in value]
    return value


order_decoder = msgspec.json.Decoder(Order, float_hook=decimal_from_json)
plan_decoder = msgspec.json.Decoder(Plan)
findings_decoder = msgspec.json.Decoder(tuple[Finding, ...])
lines_decoder = msgspec.json.Decoder(dict[str, LineState])
