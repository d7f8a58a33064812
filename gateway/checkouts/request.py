"""The checkout request: its attributes, their types, and every mistake at once.

An attribute that nearly has the name of a known one is a mistake; others of the client's own go into the order, as those of a cart
do: dropping one silently would lose what the client meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.carts.dialects.forms import unmarked
from gateway.carts.dialects.recognition import version_of, with_given_actions
from gateway.carts.rules import check_cart
from gateway.errors import InvalidBodyError, Problem
from gateway.ordering import slip_of
from gateway.settings import CartSettings, Settings
from gateway.tmf.item_totals import with_absent_totals
from gateway.tmf.shapes import (
    PROBLEMS_MAX,
    Check,
    Path,
    boolean,
    check_attributes,
    check_text_lengths,
    date_time,
    identifier,
    json_kind,
    list_of,
    number,
    object_of,
    one_of,
    report,
    text,
)

TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_reference = object_of({"id": identifier, "href": text, "name": text}, needs_one_of=("id", "href"))
_money = object_of({"unit": text, "value": number}, needs=("value",))
_AMOUNTS: Final = ("dutyFreeAmount", "taxIncludedAmount")
_total = object_of(
    {
        "priceType": text,
        "recurringChargePeriod": text,
        "unitOfMeasure": text,
        "name": text,
        "price": object_of(
            {"dutyFreeAmount": _money, "taxIncludedAmount": _money, "percentage": number, "taxRate": number},
            needs_one_of=_AMOUNTS,
        ),
    },
    needs=("price",),
)

_external_ids = list_of(
    object_of(
        {"id": identifier, "owner": text, "externalIdentifierType": text, **dict.fromkeys(TYPES, text)}, needs=("id",)
    )
)
_order_relationships = list_of(
    object_of(
        {"id": identifier, "href": text, "name": text, "relationshipType": text}, needs=("id", "relationshipType")
    )
)


def _external_id(value: Any, path: Path, name: str | int, problems: list[Problem]) -> None:
    """Want a text, or what v5 has: a list of objects with an id, and whose id it is."""
    check = _external_ids if type(value) in (list, dict) else identifier
    check(value, path, name, problems)


def external_id_of(document: Mapping[str, Any]) -> str | None:
    """Return the id that a request is found by: the text, or the first of v5's objects."""
    given = document.get("externalId")
    if type(given) is list:
        given = next((entry.get("id") for entry in given if type(entry) is dict), None)
    return given if type(given) is str else None


# What a client may change while the checkout is a draft; everything else is fixed when it is accepted.
DRAFT_ATTRIBUTES: Final[dict[str, Check]] = {
    "relatedParty": list_of(
        object_of(
            {"id": identifier, "href": text, "name": text, "role": text, "@referredType": text},
            needs_one_of=("id", "href", "name", "partyOrPartyRole"),
        )
    ),
    "requestedStartDate": date_time,
    "requestedCompletionDate": date_time,
    "channel": list_of(object_of({"id": identifier, "name": text, "role": text}, needs_one_of=("id", "channel"))),
    "description": text,
    "notificationContact": text,
    "note": list_of(object_of({"id": text, "author": text, "date": date_time, "text": text}, needs=("text",))),
    "billingAccount": _reference,
    "payment": list_of(_reference),
    "place": list_of(object_of({"id": identifier, "href": text, "name": text, "role": text})),
}
ATTRIBUTES: Final[dict[str, Check]] = {
    **DRAFT_ATTRIBUTES,
    "shoppingCart": object_of({}),
    "upstream": text,
    "submit": boolean,
    "externalId": _external_id,
    "orderRelationship": _order_relationships,
    "category": text,
    "priority": one_of("0", "1", "2", "3", "4"),
    "agreement": list_of(_reference),
    "quote": list_of(_reference),
    "productOfferingQualification": list_of(_reference),
    "expectedTotalPrice": list_of(_total),
}
# A reference to a cart has nothing but these; anything else makes it a cart by value.
_REFERENCE_ATTRIBUTES: Final = frozenset({"id", "href", "name", "version", "@referredType"}) | TYPES


def check_request(document: dict[str, Any], settings: Settings) -> None:
    """Check a checkout request in place. Raises InvalidBodyError (400) with every problem.

    A cart by value is taken into the stored form and checked by the rules of carts, its problems under `shoppingCart`.
    """
    problems: list[Problem] = []
    _check_names(document, ATTRIBUTES, problems, only_known=False)
    check_attributes(document, ATTRIBUTES, (), problems)
    check_text_lengths(
        {key: value for key, value in document.items() if key != "shoppingCart"}, _longest(settings), problems
    )
    cart = document.get("shoppingCart")
    if cart is None:
        report(problems, ("shoppingCart",), 'is missing; give {"id": "..."} of a stored cart, or a whole cart')
    elif isinstance(cart, dict):
        if is_by_value(cart):
            # It comes in whatever version of TMF663 the channel speaks.
            given, cart = cart, unmarked(version_of(cart).to_canonical(cart))
            _check_cart(cart, settings.cart, problems)
            document["shoppingCart"] = with_given_actions(cart, given)
        else:
            _check_cart(cart, settings.cart, problems)
    if problems:
        raise InvalidBodyError(problems)
    if is_by_value(document["shoppingCart"]):
        document["shoppingCart"] = with_absent_totals(document["shoppingCart"])


def check_draft_change(document: dict[str, Any], settings: Settings) -> None:
    """Check a PATCH of a draft in place (null removes an attribute). Raises InvalidBodyError (400) with every problem."""
    problems: list[Problem] = []
    for name in document:
        if name in ATTRIBUTES and name not in DRAFT_ATTRIBUTES:
            report(problems, (name,), "is fixed when a checkout is accepted; cancel it and check out again")
    _check_names(document, ATTRIBUTES, problems, only_known=True)
    check_attributes({k: v for k, v in document.items() if v is not None}, DRAFT_ATTRIBUTES, (), problems)
    check_text_lengths(document, _longest(settings), problems)
    if problems:
        raise InvalidBodyError(problems)


def _longest(settings: Settings) -> int:
    return settings.cart.text_characters_max


def _check_names(
    document: Mapping[str, Any], known: Mapping[str, Check], problems: list[Problem], *, only_known: bool
) -> None:
    """Report names that are slips of known ones, and (`only_known`) all others that are not among them.

    An attribute of the client's own goes into the order, where that has a place for it.
    """
    for name in document:
        if len(problems) >= PROBLEMS_MAX:
            return  # the rest is not worth listing, and a near name is not found for nothing
        if name in known or name in TYPES:
            continue
        meant = slip_of(name, known)
        if meant:
            report(problems, (name,), f"is no attribute of a checkout; did you mean {meant}?")
        elif only_known or name.startswith("@"):
            report(problems, (name,), f"is no attribute of a checkout; there are: {', '.join(known)}")


def _check_cart(cart: dict[str, Any], limits: CartSettings, problems: list[Problem]) -> None:
    path: Path = ("shoppingCart",)
    if is_by_value(cart):
        try:
            check_cart(cart, limits)
        except InvalidBodyError as error:
            problems.extend(Problem(f"shoppingCart.{problem.path}", problem.message) for problem in error.problems)
        check_text_lengths({"shoppingCart": cart}, limits.text_characters_max, problems)
    if cart.get("id") is not None:
        identifier(cart["id"], path, "id", problems)
    elif not is_by_value(cart):
        found = f"not {json_kind(cart['id'])}" if "id" in cart else "which is missing"
        report(problems, (*path, "id"), f"must be the id of a stored cart, {found}")


def is_by_value(cart: Mapping[str, Any]) -> bool:
    """Tell whether `shoppingCart` is a whole cart rather than a reference to a stored one."""
    return not _REFERENCE_ATTRIBUTES.issuperset(cart)


def wanted_upstream(request: Mapping[str, Any], settings: Settings) -> Any:
    """Return what a request names as its upstream, whether there is one or not; without a name the default; None without that."""
    named = request.get("upstream")
    if named is not None:
        return named
    upstreams = settings.upstreams
    return settings.checkout.default_upstream or (next(iter(upstreams)) if len(upstreams) == 1 else None)
