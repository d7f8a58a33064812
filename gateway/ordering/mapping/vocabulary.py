"""Words of a mapping that mean nothing: attributes that no order has, actions and error codes that contradict each other.

Each would load and do harm later, on every checkout: an attribute that is never sent, a price alteration that is always refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from gateway.errors import Problem
from gateway.ordering.mapping.actions import in_case
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.slot_rules import ITEM, PRODUCT

HEADER: Final = (
    "description", "category", "priority", "requestedStartDate", "requestedCompletionDate", "notificationContact",
    "relatedParty", "channel", "billingAccount", "payment", "agreement", "quote", "productOfferingQualification",
    "orderRelationship", "note",
    "orderTotalPrice",
)  # fmt: skip
"""The attributes of an order's header that a cart or a request can give, in the standard's order."""
_CART_ACTIONS: Final = ("add", "modify", "delete", "noChange")
_ALTERATION: Final = (
    "name", "description", "priceType", "recurringChargePeriod", "applicationDuration", "priority", "unitOfMeasure",
    "productOfferingPrice",
)  # fmt: skip


def meaningless(mapping: Mapping) -> Iterator[Problem]:
    """Yield a problem for each word of `mapping` that nothing answers to."""
    yield from _attributes(mapping)
    yield from _actions(mapping)
    yield from _codes(mapping)
    if mapping.dialect == "tmf622-v5":
        for where, word in (("order.type_name", mapping.order.type_name), ("item.type_name", mapping.item.type_name)):
            if not word:
                yield Problem(where, "is empty, but TMF622 v5 demands it; remove the key to send the default")
    elif mapping.item.boolean_characteristics != "boolean":
        message = 'is string, which only dialect = "tmf622-v5" knows; use characteristic_values = "string" or remove it'
        yield Problem("item.boolean_characteristics", message)


def _attributes(mapping: Mapping) -> Iterator[Problem]:
    order, item = mapping.order, mapping.item
    known = {*HEADER, "externalId", mapping.recovery.marker_slot, *order.defaults}
    for position, name in enumerate(order.attributes):
        meant = slip_of(name, HEADER) if name not in known else ""
        if meant:
            message = f"is {name}, which nothing has; did you mean `{meant}`?"
            yield Problem(f"order.attributes[{position}]", message)
    for key, names, standard in (
        ("attributes", item.attributes, ITEM),
        ("product_attributes", item.product_attributes, PRODUCT),
    ):
        for position, name in enumerate(names):
            meant = slip_of(name, standard)
            if meant:
                message = f"is {name}, which nothing has; did you mean `{meant}`?"
                yield Problem(f"item.{key}[{position}]", message)
    for position, name in enumerate(mapping.price.recurring_required):
        if name not in _ALTERATION:
            message = f"is {name}, which no price alteration has: each would be refused; {nearest(name, _ALTERATION)}"
            yield Problem(f"price.recurring_required[{position}]", message)


def _actions(mapping: Mapping) -> Iterator[Problem]:
    """Refuse words that are not actions, and those by which the order system could not tell two actions apart."""
    item = mapping.item
    for action, word in item.actions.items():
        if action not in _CART_ACTIONS:
            yield Problem(f"item.actions.{action}", f"is not a cart action; {nearest(action, _CART_ACTIONS)}")
            continue
        for other in _CART_ACTIONS:
            kept = {action, other} == {"modify", "noChange"}  # one that is kept may be modified: nothing changes
            theirs = (other.lower(), item.actions.get(other, other).lower())
            if other != action and not kept and word.lower() in theirs:
                yield Problem(
                    f"item.actions.{action}", f"is {word}, the word for {other} too; use another, or remove it"
                )
                break
    for key, never in (("mandatory_child_action", ("delete",)), ("existing_parent_action", ("add", "delete"))):
        own = {item.actions[action] for action in item.actions.keys() - {*never}}
        known = tuple(sorted({*_CART_ACTIONS, *own} - {*never}))
        word = getattr(item, key)
        if word not in known and word not in [in_case(one, mapping) for one in known]:
            message = f"is {word}, no action it can have here, by the standard or item.actions; {nearest(word, known)}"
            yield Problem(f"item.{key}", message)


def _codes(mapping: Mapping) -> Iterator[Problem]:
    """Refuse an error code that means two things."""
    answers = mapping.answers
    meant: dict[str, str] = {}
    for name in ("throttle_codes", "expired_codes", "too_large_codes", "duplicate_codes"):
        for position, code in enumerate(getattr(answers, name)):
            other = meant.setdefault(code, name)
            if other != name:
                yield Problem(f"answers.{name}[{position}]", f"is {code}, which answers.{other} has too; remove one")


def slip_of(name: str, standard: Iterable[str]) -> str:
    """Return which of the `standard` names `name` is misspelt for, "" where it is one, or the order system's own.

    Its own attributes are often named by the standard's, with a word more: `quoteId`, `subStatus`.
    """
    close = get_close_matches(name, standard, n=1, cutoff=0.8)
    return close[0] if close and close[0] != name and _words(name) <= _words(close[0]) else ""


def _words(name: str) -> int:
    return sum(map(str.isupper, name[1:]))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return which of the `known` words `word` may be meant to be, as the end of a message."""
    known = tuple(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
