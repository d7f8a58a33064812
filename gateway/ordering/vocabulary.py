"""Words of a mapping that mean nothing: attributes that no order has, empty words, slots that are taken, a budget too small.

Each would load and do harm later, on every checkout: an attribute that is never sent, a price alteration that is always refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from gateway.errors import Problem
from gateway.ordering.mapping import Mapping

HEADER: Final = (
    "description", "category", "priority", "requestedStartDate", "requestedCompletionDate", "notificationContact",
    "relatedParty", "channel", "billingAccount", "payment", "agreement", "quote", "productOfferingQualification", "note",
    "orderTotalPrice",
)  # fmt: skip
"""The attributes of an order's header that a cart or a request can give, in the standard's order."""
_ITEM: Final = (
    "productOffering", "product", "itemTerm", "itemPrice", "itemTotalPrice", "appointment", "payment", "billingAccount",
    "quoteItem", "productOfferingQualificationItem", "qualification",
)  # fmt: skip
_PRODUCT: Final = (
    "id", "href", "name", "description", "isBundle", "isCustomerVisible", "orderDate", "productSerialNumber", "startDate",
    "status", "terminationDate", "agreement", "agreementItem", "billingAccount", "place", "product", "productCharacteristic",
    "productOffering", "productOrderItem", "productPrice", "productRelationship", "productSpecification", "productTerm",
    "realizingResource", "realizingService", "relatedParty", "creationDate", "intent",
)  # fmt: skip
_ALTERATION: Final = (
    "name", "description", "priceType", "recurringChargePeriod", "applicationDuration", "priority", "unitOfMeasure",
    "productOfferingPrice",
)  # fmt: skip
_SHAPES: Final[dict[str, tuple[type, str]]] = {
    **dict.fromkeys(("description", "category", "priority", "notificationContact"), (str, "a text")),
    **dict.fromkeys(("requestedStartDate", "requestedCompletionDate"), (str, "a date-time in quotes")),
    **dict.fromkeys(
        ("relatedParty", "channel", "payment", "agreement", "quote", "productOfferingQualification", "note"),
        (list, 'an array of tables, e.g. [{ id = "1" }]'),
    ),
    "billingAccount": (dict, 'a table, e.g. { id = "1" }'),
}
_TAKEN: Final = frozenset(
    {"action", "quantity", "productOrderItem", "productOrderItemRelationship", "itemPrice", "@type"}
)


def meaningless(mapping: Mapping) -> Iterator[Problem]:
    """Yield a problem for each word of `mapping` that nothing answers to."""
    yield from _attributes(mapping)
    yield from _empty_words(mapping)
    for name, value in mapping.order.defaults.items():
        kind, words = _SHAPES.get(name, (object, ""))
        if not isinstance(value, kind):
            yield Problem(f"order.defaults.{name}", f"has another shape than the order's attribute; write {words}")
    for slot in mapping.item.product_code:
        if slot.partition(".")[0] in _TAKEN:
            message = (
                f"has the slot `{slot}`, which holds something else; use one that is free, e.g. productOffering.id"
            )
            yield Problem("item.product_code", message)
    limits = mapping.limits
    if 0 < limits.budget < limits.budget_item_weight:
        message = f"is {limits.budget}, less than one item takes (budget_item_weight); use {limits.budget_item_weight} or more"
        yield Problem("limits.budget", message)


def _attributes(mapping: Mapping) -> Iterator[Problem]:
    order, item = mapping.order, mapping.item
    known = {*HEADER, "externalId", mapping.recovery.marker_slot, *order.defaults}
    for name in order.attributes:
        if name not in known:
            yield Problem(
                "order.attributes", f"has {name}, which no cart or request gives an order; {nearest(name, HEADER)}"
            )
    for key, names, standard in (
        ("attributes", item.attributes, _ITEM),
        ("product_attributes", item.product_attributes, _PRODUCT),
    ):
        for name in names:
            # Attributes of the order system's own are carried too; a name that is nearly the standard's is a slip.
            close = get_close_matches(name, standard, n=1, cutoff=0.8) if name not in standard else []
            if close:
                yield Problem(f"item.{key}", f"has {name}, which nothing has; did you mean `{close[0]}`?")
    for name in mapping.price.recurring_required:
        if name not in _ALTERATION:
            message = f"has {name}, which no price alteration has: each would be refused; {nearest(name, _ALTERATION)}"
            yield Problem("price.recurring_required", message)


def _empty_words(mapping: Mapping) -> Iterator[Problem]:
    for where, table in (
        ("item.actions", mapping.item.actions),
        ("price.charge_periods", mapping.price.charge_periods),
    ):
        for key, word in table.items():
            if not word:
                yield Problem(f"{where}.{key}", "is empty; write the order system's word or remove the key")
    if mapping.dialect != "tmf622-v5":
        return
    for where, word in (
        ("order.type_name", mapping.order.type_name), ("item.type_name", mapping.item.type_name),
        ("order.channel_role", mapping.order.channel_role), ("order.party_role", mapping.order.party_role),
    ):  # fmt: skip
        if not word:
            yield Problem(where, "is empty, but TMF622 v5 demands it; remove the key to send the default")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return which of the `known` words `word` may be meant to be, as the end of a message."""
    known = tuple(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
