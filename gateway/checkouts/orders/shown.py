"""The product order of a checkout as TMF622 shows it, in v4 and v5: of a ready order, or of a cart that was checked out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from gateway.carts.after_order import CHECKOUT_PATH
from gateway.carts.dialects import v4 as carts_v4
from gateway.carts.dialects.dialect import at_path
from gateway.carts.dialects.forms import MARKS, rfc_3339
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.orders import v5
from gateway.checkouts.orders.ready import READY
from gateway.checkouts.orders.states import facts_of, in_version, item_state, order_state
from gateway.checkouts.orders.words import CART_ITEMS, CART_TOTALS, ITEMS, TOTALS, cart_items, order_items
from gateway.checkouts.shown.reason_document import reason_of
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.tmf.json import decode_stored

KINDS: Final = (READY, "cart", "request", "items", "lines")
# What a cart has that its order does not.
_OF_CART: Final = frozenset(
    {
        *("id", "href", CART_ITEMS, "cardItem", CART_TOTALS, "contactMedium", "validFor", "creationDate", "lastUpdate"),
        *("lastUpdateDate", "checkoutState", "checkout", "@type", "@baseType", "@schemaLocation"),
    }
)
_OF_REQUEST: Final = frozenset(
    {"upstream", "submit", "expectedTotalPrice", "place", "@type", "@baseType", "@schemaLocation"}
)
_CLASSES: Final = {
    "CartItem": "ProductOrderItem",
    "CartItemRelationship": "OrderItemRelationship",
    "CartPrice": "OrderPrice",
    "CartTerm": "OrderTerm",
}
# A reason that tells of what went wrong; others only say what is waited for.
_DATES: Final = ("requestedStartDate", "requestedCompletionDate")
_ERROR_STATES: Final = frozenset({"held", "rejected", "failed", "partial"})


class OrderDialect(NamedTuple):
    """A version of TMF622: its name and base path, and the way to the canonical form, v4's, and from it."""

    version: str
    base_path: str
    to_canonical: Callable[[dict[str, Any]], dict[str, Any]]
    from_canonical: Callable[[dict[str, Any]], dict[str, Any]]

    @property
    def orders_path(self) -> str:
        """The path of the orders."""
        return f"{self.base_path}/productOrder"

    @property
    def cancellations_path(self) -> str:
        """The path of the requests to cancel an order."""
        return f"{self.base_path}/cancelProductOrder"


def product_order(
    record: CheckoutRecord, documents: Mapping[str, str], base_url: str, dialect: OrderDialect
) -> JsonObject:
    """Return the order of a checkout in a version; `documents` are those of KINDS as JSON text, `base_url` is before the paths."""
    return dialect.from_canonical(canonical_order(record, documents, base_url))


def canonical_order(record: CheckoutRecord, documents: Mapping[str, str], base_url: str) -> JsonObject:
    """Return the order of a checkout in the canonical form, in which it is told to subscribers of every version."""
    state = order_state(facts_of(record))
    given = (
        decode_stored(documents[READY])
        if READY in documents
        else order_of_cart(decode_stored(documents.get("cart", "{}")), decode_stored(documents.get("request", "{}")))
    )
    items = _with_lines(given.get(ITEMS, []), documents, state)
    ended = timestamp_text(record.updated_at)
    return {
        "id": record.id,
        "href": f"{base_url}{V4.orders_path}/{record.id}",
        "@type": "ProductOrder",
        **{name: value for name, value in given.items() if name != ITEMS},
        **({"cancellationDate": ended} if state == "cancelled" else {}),
        **({"completionDate": ended} if state in {"completed", "failed", "partial"} else {}),
        "orderDate": timestamp_text(record.created_at),
        "state": state,
        **_errors(record, state),
        ITEMS: items,
        "upstreamOrder": _upstream_order(record),
        "checkout": {"id": record.id, "href": f"{base_url}{CHECKOUT_PATH}/{record.id}", "state": record.state},
    }


def order_of_cart(cart: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return the canonical order that a cart and the request of its checkout ask for."""
    order = {name: value for name, value in cart.items() if name not in _OF_CART}
    order |= {name: value for name, value in request.items() if name not in _OF_REQUEST}
    if type(cart.get(CART_TOTALS)) is list:
        order[TOTALS] = cart[CART_TOTALS]
    order[ITEMS] = order_items(cart.get(CART_ITEMS, []))
    named: dict[str, Any] = _with_order_classes(order)
    return named


def _with_order_classes(value: Any) -> Any:
    """Return a part of a cart with the classes that an order has for it."""
    if type(value) is dict:
        found = {name: _with_order_classes(inner) for name, inner in value.items()}
        kind = found.get("@type")
        return {**found, "@type": _CLASSES[kind]} if type(kind) is str and kind in _CLASSES else found
    return [_with_order_classes(inner) for inner in value] if type(value) is list else value


def _with_lines(items: list[Any], documents: Mapping[str, str], state: str) -> list[dict[str, Any]]:
    """Return the items with the id and the state of their lines; of a cart those alone that are ordered."""
    ids = {pair["cartItemId"]: pair["productOrderItemId"] for pair in decode_stored(documents.get("items", "[]"))}
    lines = lines_decoder.decode(documents.get("lines", "{}"))
    only_ordered = READY not in documents

    def told(items: list[Any]) -> list[dict[str, Any]]:
        found = []
        for item in items:
            given = item.get("id")
            if only_ordered and given not in ids:
                continue
            item_id = ids.get(given, given)
            line = lines.get(item_id, LineState())
            shown = {**item, "id": item_id}
            if type(item.get(ITEMS)) is list:
                shown[ITEMS] = told(item[ITEMS])
            if line.line_id is not None:
                shown["orderLineItemId"] = line.line_id
            said = item_state(line.state, state)
            found.append(shown if said is None else {**shown, "state": said})
        return found

    shown = told(items)
    # Of a draft whose plan is not known every item is shown: an order has at least one.
    return shown or [dict(item) for item in items]


def has_errors(record: CheckoutRecord) -> bool:
    """Tell whether an order shows what went wrong with it."""
    return bool(_errors(record, order_state(facts_of(record))))


def _errors(record: CheckoutRecord, state: str) -> dict[str, Any]:
    """Return what went wrong with the order, as v5 has it: why it was refused, failed, or is held."""
    reason = reason_of(record) if state in _ERROR_STATES else None
    if reason is None:
        return {}
    when = timestamp_text(record.updated_at)
    common = {"@type": "ProductOrderErrorMessage", "code": reason["code"], "timestamp": when}
    problems = [
        {
            **common,
            "reason": reason["message"],
            "message": f"{problem['path']}: {problem['message']}".removeprefix(": "),
        }
        for problem in reason.get("problem", ())
    ]
    return {"productOrderErrorMessage": problems or [{**common, "reason": reason["message"]}]}


def _upstream_order(record: CheckoutRecord) -> dict[str, Any]:
    """Return what is known of the order in its order system, which has an id of its own for it."""
    return {
        "upstream": record.upstream,
        "id": record.order_id,
        "state": record.order_state,
        "upstreamState": record.upstream_state,
    }


def _v4(order: dict[str, Any]) -> dict[str, Any]:
    """Return a canonical order as v4 shows it: without what v5 keeps for itself, and with every mandatory attribute."""
    plain = {**_without_marks(order), **({"state": in_version(order["state"], "v4")} if "state" in order else {})}
    identifiers = plain.get("externalId")
    if type(identifiers) is list:
        texts = [each["id"] for each in identifiers if type(each) is dict and type(each.get("id")) is str]
        plain = {**plain, "externalId": texts[0]} if texts else _without(plain, "externalId")
    in_cart = {"relatedParty": plain.get("relatedParty", []), CART_ITEMS: cart_items(plain[ITEMS])}
    if TOTALS in plain:
        in_cart[CART_TOTALS] = plain[TOTALS]
    whole = carts_v4.from_canonical(in_cart)
    dates = {name: rfc_3339(plain[name]) for name in _DATES if name in plain}
    made = {**plain, **dates, "relatedParty": whole["relatedParty"], ITEMS: order_items(whole[CART_ITEMS])}
    if TOTALS in plain:
        made[TOTALS] = whole[CART_TOTALS]
    return made if plain.get("relatedParty") else _without(made, "relatedParty")


def _v5(order: dict[str, Any]) -> dict[str, Any]:
    """Return a canonical order as v5 shows it."""
    return v5.from_canonical(at_path(order, V4.orders_path, V5.orders_path))


def _without(node: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != name}


def _without_marks(value: Any) -> Any:
    if type(value) is dict:
        return {name: _without_marks(inner) for name, inner in value.items() if name not in MARKS}
    return [_without_marks(inner) for inner in value] if type(value) is list else value


def _same(order: dict[str, Any]) -> dict[str, Any]:
    return order


V4: Final = OrderDialect("v4", "/tmf-api/productOrderingManagement/v4", _same, _v4)
V5: Final = OrderDialect("v5", "/tmf-api/productOrderingManagement/v5", v5.to_canonical, _v5)
DIALECTS: Final = (V4, V5)
