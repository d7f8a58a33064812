"""TMF663 R17 (API v1) to and from the canonical form.

Output is in the style of the specification's samples: money inside `{"money": {...}}` with the tax rate beside it, a single
note as an object, `Active` and `SavedForLater`, `no_change`. Other styles that the specification's tables allow (flat money,
a list of one note, `cartItem` lists in relationships) are read, and written back to a client that used them. So are date-times without
seconds or zone, which the samples have: they are stored as RFC 3339 wants them, for v4 and v5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from gateway.carts.dialects.dialect import CANONICAL_CARTS_PATH, at_path
from gateway.carts.dialects.forms import TOTALS, V1_MARK, Form, Part, each, exact, rfc_3339, under_name, without, words
from gateway.documents import Json, JsonObject

CARTS_PATH: Final = "/shoppingCart/v1/shoppingCart"
AMOUNTS: Final = ("dutyFreeAmount", "taxIncludedAmount")
ACTIONS: Final = {"add": "add", "modify": "modify", "no_change": "noChange", "delete": "delete"}
STATUSES: Final = {"Active": "active", "SavedForLater": "saveForLater"}
_MOMENTS: Final = frozenset({"date", "startDateTime", "endDateTime"})
# What v4 calls the type of a text.
_TEXT_TYPE: Final = "string"
STATUS_SPELLINGS: Final = {"saveForLater": "saveForLater"}


def to_canonical(document: JsonObject) -> JsonObject:
    """Return the stored form of an R17 cart; nothing is checked here, and nothing is lost."""
    return at_path(_CART.up(document), CARTS_PATH, CANONICAL_CARTS_PATH)


def from_canonical(
    document: JsonObject,
    *,
    created: datetime | None = None,  # noqa: ARG001 - R17 has no such attribute
    updated: datetime | None = None,  # noqa: ARG001 - R17 has no such attribute
) -> JsonObject:
    """Return a stored cart as R17 writes it."""
    return at_path(_CART.down(document), CANONICAL_CARTS_PATH, CARTS_PATH)


def _flat_amounts(price: object) -> Json:
    """Take money out of its wrapper and the tax rate out of taxIncludedAmount."""
    if type(price) is not dict:
        return price
    flat = dict(price)
    for name in AMOUNTS:
        amount = price.get(name)
        if type(amount) is not dict:
            continue
        money = amount.get("money")
        if type(money) is dict:
            amount = {**without(amount, ("money",)), **money}
        if "taxRate" in amount and "taxRate" not in flat:
            flat["taxRate"] = amount["taxRate"]
            amount = without(amount, ("taxRate",))
        flat[name] = amount
    return flat


def _wrapped_amounts(price: object) -> Json:
    """Put amounts into R17's wrapper, the tax rate beside the money of taxIncludedAmount."""
    if type(price) is not dict:
        return price
    wrapped = {
        name: {"money": price[name]} if name in AMOUNTS and type(price[name]) is dict else price[name] for name in price
    }
    taxed = wrapped.get("taxIncludedAmount")
    if type(taxed) is dict and "taxRate" in wrapped:
        taxed["taxRate"] = wrapped.pop("taxRate")
    return wrapped


def _moments_up(node: JsonObject) -> JsonObject:
    return {name: rfc_3339(value) if name in _MOMENTS else value for name, value in node.items()}


def _same(value: object) -> Json:
    return value


def _notes_up(value: object) -> Json:
    """Return a list of notes; a note is marked with what was sent when its date differs.

    So is a list of one, which the samples never have: with `list`, or with a list when its note is marked too.
    """
    if type(value) is dict:
        return [_DATED.up(value)]
    if type(value) is not list:
        return value
    notes = [_DATED.up(note) for note in value]
    if len(notes) == 1 and type(notes[0]) is dict:
        mark = [notes[0][V1_MARK]] if V1_MARK in notes[0] else "list"
        return [{**notes[0], V1_MARK: mark}]
    return notes


def _notes_down(value: object) -> Json:
    if type(value) is not list:
        return value
    mark = value[0].get(V1_MARK) if len(value) == 1 and type(value[0]) is dict else None
    if mark == "list":
        return [without(value[0], (V1_MARK,))]
    if type(mark) is list:
        return [_DATED.down({**value[0], V1_MARK: mark[0] if mark else None})]
    notes = [_DATED.down(note) for note in value]
    return notes[0] if len(notes) == 1 and type(notes[0]) is dict else notes


def _characteristic_up(node: JsonObject) -> JsonObject:
    """Return a product characteristic with the type of its value: R17 knows texts only, and does not say so."""
    if "valueType" in node or type(node.get("value")) is not str:
        return node
    return {"valueType": _TEXT_TYPE, **node}


def _characteristic_down(node: Json) -> Json:
    """Return a product characteristic without the type of a text."""
    is_text = type(node) is dict and node.get("valueType") == _TEXT_TYPE and type(node.get("value")) is str
    return without(node, ("valueType",)) if is_text else node


_RELATIONSHIP: Final = Form(names={"type": "relationshipType"})


def _entries(relationship: JsonObject) -> list[JsonObject]:
    """Return one v4 relationship for each item that an R17 relationship refers to, by its `id` or its `cartItem` list."""
    listed = relationship.get("cartItem")
    if type(listed) is not list:
        return [_RELATIONSHIP.up(relationship)]
    targets = [relationship["id"]] if "id" in relationship else []
    for reference in listed:
        target = reference.get("id") if type(reference) is dict else reference
        if target not in targets:
            targets.append(target)
    rest = _RELATIONSHIP.up(without(relationship, ("id", "cartItem")))
    return [{"id": target, **rest} for target in targets] or [rest]


def _relationships_up(value: object) -> Json:
    if type(value) is not list:
        return value
    found: list[Any] = []
    for relationship in value:
        if type(relationship) is not dict:
            found.append(relationship)
            continue
        first, *others = _entries(relationship)
        if "cartItem" in relationship:
            first = {**first, V1_MARK: relationship}
        found += [first, *others]
    return found


def _relationships_down(value: object) -> Json:
    """Return R17 relationships: as they were sent where the entries they became are still together, else one each."""
    if type(value) is not list:
        return value
    found: list[Any] = []
    rest = [without(entry, (V1_MARK,)) if type(entry) is dict else entry for entry in value]
    position = 0
    while position < len(value):
        sent = value[position].get(V1_MARK) if type(value[position]) is dict else None
        entries = _entries(sent) if type(sent) is dict else []
        if entries and rest[position : position + len(entries)] == entries:
            found.append(sent)
            position += len(entries)
        else:
            found.append(_RELATIONSHIP.down(rest[position]))
            position += 1
    return found


class _ItemForm(Form):
    """A cart item: also reads `cardItem`, and totals by the names of later versions."""

    def up(self, node: object) -> Json:
        return super().up(under_name(under_name(node, ("cardItem", "cartItem"), "cartItem"), TOTALS, "totalItemPrice"))

    def down(self, node: object) -> Json:
        return super().down(under_name(node, TOTALS, "itemTotalPrice"))


class _CharacteristicForm(Form):
    """What a contact medium is reached by: also reads `email` (the sample of the retrieve operation writes it so)."""

    def up(self, node: object) -> Json:
        return super().up(under_name(node, ("email", "emailAddress"), "emailAddress"))


_PRICE: Final = exact(Part(_flat_amounts, _wrapped_amounts), V1_MARK)
_DATED: Final = exact(Part(_moments_up, _same), V1_MARK)
_ALTERATION: Final = Form(parts={"price": _PRICE, "validFor": _DATED})
_PARTY: Final = Form(parts={"validFor": _DATED})
_CART_PRICE: Final = Form(parts={"price": _PRICE, "priceAlteration": _ALTERATION.listed()})
_PRODUCT: Final = Form(
    names={"characteristic": "productCharacteristic"},
    parts={
        "productCharacteristic": each(exact(Part(_characteristic_up, _characteristic_down), V1_MARK)),
        "relatedParty": _PARTY.listed(),
    },
)
_PRODUCT_RELATIONSHIP: Final = Form(names={"type": "relationshipType"}, parts={"product": _PRODUCT.part()})
_PRODUCT.add("productRelationship", _PRODUCT_RELATIONSHIP.listed())
_ITEM: Final = _ItemForm(
    names={"totalItemPrice": "itemTotalPrice"},
    parts={
        "action": words(ACTIONS),
        "status": words(STATUSES, STATUS_SPELLINGS),
        "note": Part(_notes_up, _notes_down),
        "itemPrice": _CART_PRICE.listed(),
        "itemTotalPrice": _CART_PRICE.listed(),
        "product": _PRODUCT.part(),
        "cartItemRelationship": Part(_relationships_up, _relationships_down),
    },
)
_ITEM.add("cartItem", _ITEM.listed())
_MEDIUM: Final = Form(
    names={"type": "mediumType"},
    parts={
        "characteristic": _CharacteristicForm(names={"type": "contactType"}).part(),
        "validFor": _DATED,
    },
)
_CART: Final = Form(
    parts={
        "contactMedium": _MEDIUM.listed(),
        "cartTotalPrice": _CART_PRICE.listed(),
        "cartItem": _ITEM.listed(),
        "relatedParty": _PARTY.listed(),
        "validFor": _DATED,
    }
)
