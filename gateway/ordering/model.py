"""The data of the ordering stage: findings, the order to be sent, the plan of its steps.

A canonical order is a dict in TMF622 v4 shape whose items are nested (`productOrderItem` inside `productOrderItem`), with
item ids unique over the whole order. A dialect gives it its wire shape only when a step is rendered.
Lines and findings hold JSON, which has no cycles: they are kept from the garbage collector, whose passes over a large order
would cost more than making it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

from msgspec import Struct

from gateway.tmf.totals import TotalKey

Severity = Literal["info", "warning", "error"]
StepKind = Literal["create", "add", "price", "header", "submit"]


class Finding(Struct, frozen=True, kw_only=True, gc=False):
    """One thing the translation did that a reader of the cart would not expect; an `error` refuses the checkout.

    `path` is the cart's or request's attribute in TMF style (`cartItem[0].itemTerm`), `code` one of
    `gateway.ordering.findings.CODES`, `message` a sentence without values of personal data.
    """

    severity: Severity
    code: str
    path: str
    message: str


class AlteredPrice(Struct, frozen=True, kw_only=True, gc=False):
    """A price whose alterations are sent in an itemPrice of their own: what names it, how many alterations of the line are its."""

    attributes: dict[str, Any]
    count: int


class OrderLine(Struct, frozen=True, kw_only=True, gc=False):
    """One productOrderItem of the canonical order, taken out of its tree.

    `item` is the productOrderItem without its nested items and without alterations that are sent later;
    `altered_prices` says which of these are of which price, in their order, where they are not merged;
    `parent_id` the id of the item above; `root_id` of the item at the top; `depth` is 1 for a root. `path` is the cart
    item's path (`cartItem[0].cartItem[1]`), for findings and explanations.
    """

    id: str
    cart_item_id: str
    parent_id: str | None
    root_id: str
    depth: int
    item: dict[str, Any]
    mandatory: bool = False
    alterations: tuple[dict[str, Any], ...] = ()
    altered_prices: tuple[AlteredPrice, ...] = ()
    path: str = ""


class Order(Struct, frozen=True, kw_only=True):
    """A translated order: header attributes (TMF622 v4 shape, no items) and its lines, each parent before its children."""

    header: dict[str, Any]
    lines: tuple[OrderLine, ...]


class Translation(Struct, frozen=True, kw_only=True):
    """What became of a cart: the order, or None when a finding of severity `error` refuses it."""

    order: Order | None
    findings: tuple[Finding, ...]


class Step(Struct, frozen=True, kw_only=True):
    """One call to the order system. `item_ids` are the lines it sends (none for `header` and `submit`, one for `price`)."""

    sequence: int
    kind: StepKind
    item_ids: tuple[str, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """Every step of one order, in the order they are sent. `version` is the version of the planning rules."""

    version: int
    mapping: str
    steps: tuple[Step, ...]


class KnownLine(Struct, frozen=True, kw_only=True, gc=False):
    """A line that exists in the order system, as read back.

    `item_id` is the id it echoes, None when it does not; `parent_line_id` its parent's line id; `action` lower case.
    `alterations` is None when the system does not show them; `product_id` is the installed product a line is about;
    `state` the line's own state in the order system's words, if it shows one.
    """

    line_id: str
    item_id: str | None
    parent_line_id: str | None
    offering: str | None
    action: str
    quantity: int | None
    characteristics: dict[str, Any]
    alterations: tuple[dict[str, Any], ...] | None = None
    product_id: str | None = None
    state: str | None = None


class Marker(Struct, frozen=True):
    """What the marker's slot of an order shows: its texts, and whether all that is there was understood.

    Nothing shown is `Marker()`. A slot that holds something else than texts, numbers, or objects with an id is not
    `understood`: it may hold our marker in a way that is not known here.
    """

    texts: tuple[str, ...] = ()
    understood: bool = True

    @property
    def is_shown(self) -> bool:
        """Tell whether there is anything in the slot, understood or not."""
        return bool(self.texts) or not self.understood


NO_MARKER: Final = Marker()


class UpstreamReason(Struct, frozen=True):
    """One reason: where in the order (`path`, as the order system writes it, or the `item` with this id), why, and its code."""

    message: str
    code: str = ""
    path: str = ""
    item: str = ""


class ObservedOrder(Struct, frozen=True, kw_only=True):
    """An order as the order system shows it: `state` in its own words, `marker` what the marker slot holds.

    `totals` is what it costs, as far as it shows that (see `gateway.ordering.readback.reading`); `reasons` are why it came to
    nothing, as it says of itself and its items, where it was read whole. How a marker is
    compared with ours stands in `gateway.ordering.readback.markers`.
    """

    id: str
    href: str | None
    state: str
    marker: Marker
    lines: tuple[KnownLine, ...]
    totals: dict[TotalKey, Decimal] = {}
    reasons: tuple[UpstreamReason, ...] = ()


class RenderedStep(Struct, frozen=True, kw_only=True):
    """A step as it goes over the wire: `path` below the API root, `body` the exact bytes."""

    sequence: int
    # `abandon` is not a step of a plan: it marks a draft that was given up.
    kind: StepKind | Literal["abandon"]
    method: Literal["POST", "PATCH"]
    path: str
    media_type: str
    body: bytes
    item_count: int
