"""From a cart and a request to everything that is frozen when a checkout is accepted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from msgspec import Raw, to_builtins
from msgspec.structs import replace

from gateway.checkouts.accepting.expected import require_expected_totals
from gateway.checkouts.accepting.qualification import missing_evidence
from gateway.checkouts.model import Prepared
from gateway.documents import Json, JsonObject
from gateway.errors import Problem, RefusedError
from gateway.ordering import (
    AMOUNT_MAX,
    Catalogue,
    Finding,
    RenderedStep,
    Translation,
    changes_header_only,
    check_plan,
    fitted,
    plan,
    render,
    render_whole,
    trace,
    trace_document,
    translate,
)
from gateway.ordering import Mapping as OrderMapping
from gateway.settings import CheckoutSettings
from gateway.tmf.given_totals import cart_total_prices
from gateway.tmf.json import encode_json

PREVIEW_MARKER = "gw1-PREVIEW-0"
# Told by `translate`; a setting makes them a reason to refuse.
IMPLAUSIBLE = frozenset({"price_negative", "price_too_large", "total_negative"})
_ORDER_ID = "{orderId}"
_ITEMS = "productOrderItem"


class PlanningHints(NamedTuple):
    """What others know that a cart is prepared with.

    `items_max`: the order system has refused larger calls than that lately (see `gateway.ordering.calls.sizes`). `catalogue`:
    what TMF620 says of the cart's bundles.
    """

    items_max: int | None = None
    catalogue: Catalogue | None = None


NOTHING_KNOWN = PlanningHints()


def accepted(prepared: Prepared | None, findings: tuple[Finding, ...], what: str = "cart") -> Prepared:
    """Return the prepared cart with its findings; RefusedError (422) with all of them when one is an error.

    `what` it is called: a cart, or an order that came ready.
    """
    if prepared is None or any(finding.severity == "error" for finding in findings):
        raise refusal(findings, what)
    return Prepared(order=prepared.order, plan=prepared.plan, findings=findings)


def documents_of(
    cart: JsonObject, request: Mapping[str, Json], prepared: Prepared, settings: CheckoutSettings
) -> dict[str, bytes]:
    """Return the documents of a checkout that are stored, by kind."""
    documents = {
        "order": encode_json(prepared.order),
        "plan": encode_json(prepared.plan),
        "findings": encode_json(prepared.findings),
        "items": encode_json(
            [{"cartItemId": line.cart_item_id, "productOrderItemId": line.id} for line in prepared.order.lines]
        ),
        "request": encode_json({key: value for key, value in request.items() if key != "shoppingCart"}),
    }
    if settings.drift_action != "off":
        documents["totals"] = encode_json(cart_total_prices(cart))
    return documents


def preview(
    cart: JsonObject,
    request: Mapping[str, Json],
    mapping: OrderMapping,
    prepared: Prepared,
    *,
    traced: bool = False,
) -> list[bytes]:
    """Return the CheckoutPreview of a prepared cart as JSON, in parts, `traced` with where each value went.

    Of a very large order, all its objects and their text at once take several times the memory of the text.
    """
    if not traced:
        return _preview_parts(prepared, mapping)
    document = preview_document(prepared, prepared.findings, mapping)
    attributes = {key: value for key, value in request.items() if key != "shoppingCart"}
    translation = Translation(order=prepared.order, findings=prepared.findings)
    document["trace"] = trace_document(trace(cart, attributes, translation, document["order"], mapping))
    return [encode_json(document)]


def _preview_parts(prepared: Prepared, mapping: OrderMapping) -> list[bytes]:
    order = render_whole(prepared.order, mapping, PREVIEW_MARKER)
    parts = [b'{"@type":"CheckoutPreview","order":', *_written_items(order)]
    separator = b',"step":['
    for step in rendered_steps(prepared, mapping):
        parts += separator, encode_json(_step_document(step))
        separator = b","
    parts += b'],"finding":', encode_json(prepared.findings), b"}"
    return parts


def check_and_prepare(
    cart: JsonObject,
    request: Mapping[str, Json],
    mapping: OrderMapping,
    settings: CheckoutSettings,
    *,
    now: datetime,
    known: PlanningHints = NOTHING_KNOWN,
) -> tuple[Prepared | None, tuple[Finding, ...]]:
    """Return the cart prepared and the findings, with those about evidence of qualification that the request lacks.

    Raises ConflictError (409) when the totals are not the expected ones.
    """
    require_expected_totals(cart, request, settings)
    prepared, findings = try_prepare(
        cart, request, mapping, now=now, known=known, amount_max=Decimal(str(settings.price_amount_max))
    )
    if settings.implausible_prices == "refuse":
        findings = tuple(
            replace(finding, severity="error") if finding.code in IMPLAUSIBLE else finding for finding in findings
        )
    missing = missing_evidence(cart, request, settings)
    return prepared, (*findings, *missing, *_unguarded(mapping, settings))


def _unguarded(mapping: OrderMapping, settings: CheckoutSettings) -> tuple[Finding, ...]:
    """Say that prices are not compared, where they are to be and the order system keeps no draft that could be read."""
    if settings.drift_action == "off" or mapping.draft.supported:
        return ()
    message = "The order system keeps no drafts: what the order costs there is known only when it is live."
    return (Finding(severity="warning", code="price_not_compared", path="cartTotalPrice", message=message),)


def try_prepare(
    cart: dict[str, Any],
    request: Mapping[str, Any],
    mapping: OrderMapping,
    *,
    now: datetime,
    known: PlanningHints = NOTHING_KNOWN,
    amount_max: Decimal = AMOUNT_MAX,
) -> tuple[Prepared | None, tuple[Finding, ...]]:
    """Translate and plan; return None and the findings when the cart cannot be ordered."""
    attributes = {key: value for key, value in request.items() if key != "shoppingCart"}
    translation = translate(cart, attributes, mapping, now=now, catalogue=known.catalogue, amount_max=amount_max)
    if translation.order is None:
        return None, translation.findings
    steps, plan_findings = plan(translation.order, mapping)
    findings = (*translation.findings, *plan_findings)
    if steps is None:
        return None, findings
    steps = fitted(steps, translation.order, mapping, known.items_max)
    check_plan(translation.order, steps, mapping)
    return Prepared(order=translation.order, plan=steps, findings=findings), findings


def refusal(findings: tuple[Finding, ...], what: str = "cart") -> RefusedError:
    """Return the error that lists why a cart cannot be ordered."""
    errors = [finding for finding in findings if finding.severity == "error"]
    return RefusedError(
        f"The {what} cannot be ordered: " + "; ".join(f"{finding.path}: {finding.message}" for finding in errors[:20]),
        problems=[Problem(finding.path, finding.message) for finding in errors],
        extension={"finding": to_builtins(findings)},
    )


def rendered_steps(prepared: Prepared, mapping: OrderMapping) -> Iterator[RenderedStep]:
    """Yield every step as it would be sent; ids that only the order system gives are shown as `{orderId}` and `{lineId:ITEM}`."""
    known = {line.id: f"{{lineId:{line.id}}}" for line in prepared.order.lines}
    for step in prepared.plan.steps:
        call = render(
            step,
            prepared.order,
            prepared.plan,
            mapping,
            known_line_ids=known,
            marker=PREVIEW_MARKER,
            order_id=None if step.kind == "create" else _ORDER_ID,
        )
        # A path holds an id percent-encoded; what stands for one is for the reader.
        yield replace(call, path=call.path.replace(quote(_ORDER_ID, safe=""), _ORDER_ID))


def same_calls(one: Prepared, other: Prepared, mapping: OrderMapping) -> bool:
    """Tell whether two preparations of a cart make the same calls, to the byte."""
    if one.plan != other.plan:
        return False
    return all(
        (first.method, first.path, first.body) == (second.method, second.path, second.body)
        for first, second in zip(rendered_steps(one, mapping), rendered_steps(other, mapping), strict=True)
    )


def same_but_header(one: Prepared, other: Prepared, mapping: OrderMapping) -> bool:
    """Tell whether two preparations of a cart differ in nothing but what a PATCH of a draft may set."""
    return one.plan == other.plan and changes_header_only(one.order, other.order, mapping)


def _written_items(holder: dict[str, Any]) -> Iterator[bytes]:
    """Yield an order, or an item, as JSON, its items one by one; each is let go when it is written."""
    items: list[dict[str, Any]] = holder.pop(_ITEMS, [])
    if not items:
        yield encode_json(holder)
        return
    items.reverse()
    yield encode_json(holder)[:-1]
    separator = b',"productOrderItem":['
    while items:
        yield separator
        yield from _written_items(items.pop())
        separator = b","
    yield b"]}"


def preview_document(prepared: Prepared | None, findings: tuple[Finding, ...], mapping: OrderMapping) -> JsonObject:
    """Return the CheckoutPreview: the whole order as the dialect writes it, each step with its size, the findings."""
    if prepared is None:
        return {"@type": "CheckoutPreview", "order": None, "step": [], "finding": to_builtins(findings)}
    return {
        "@type": "CheckoutPreview",
        "order": render_whole(prepared.order, mapping, PREVIEW_MARKER),
        "step": [_step_document(step) for step in rendered_steps(prepared, mapping)],
        "finding": to_builtins(findings),
    }


def _step_document(step: RenderedStep) -> dict[str, Any]:
    return {
        "sequence": step.sequence,
        "kind": step.kind,
        "method": step.method,
        "path": step.path,
        "itemCount": step.item_count,
        "byteCount": len(step.body),
        "body": Raw(step.body),
    }
