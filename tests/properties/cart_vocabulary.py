"""Random contents of carts, written in the words of each version, and what they mean whatever the version."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.properties.cart_model import SAVED, Document

PARTIES = ("p1", "p2", "p3")


class Price(NamedTuple):
    """A price, with a percentage off: for good, or (a recurring one) for some months."""

    kind: str
    currency: str
    value: Decimal
    percentage: int | None
    months: int | None


class Item(NamedTuple):
    """An item; without `id` the server gives one (R17 wants it given)."""

    id: str | None
    quantity: int | None
    saved: bool | None
    prices: tuple[Price, ...]
    note: str | None
    vendor: Any
    inside: tuple[Item, ...]


class Content(NamedTuple):
    """What a client puts into a cart; None: the attribute is not there."""

    items: tuple[Item, ...] | None
    emails: tuple[str, ...] | None
    parties: tuple[str, ...] | None
    vendor: Any


values = st.sampled_from([Decimal(text) for text in ("0.10", "9.90", "3.0", "1234567890.123456789", "-2.5", "0.000")])
scalars = st.sampled_from([True, 7, Decimal("1.50"), "", "Größe", None])
vendors = scalars | st.fixed_dictionaries({}, optional={"a": scalars, "b": st.lists(scalars, max_size=2)})
prices = st.builds(
    Price,
    kind=st.sampled_from(("recurring", "oneTime")),
    currency=st.sampled_from(("EUR", "USD")),
    value=values,
    percentage=st.sampled_from((None, None, 10, 50)),
    months=st.sampled_from((None, 3)),
)


def _items(inside: st.SearchStrategy[tuple[Item, ...]]) -> st.SearchStrategy[Item]:
    return st.builds(
        Item,
        id=st.none() | st.sampled_from(("01", "02", *"abcdefghijklm")),
        quantity=st.sampled_from((None, 1, 2, 3, 5)),
        saved=st.sampled_from((None, None, False, True)),
        prices=st.lists(prices, max_size=2).map(tuple),
        note=st.none() | st.sampled_from(("with care", "Grüße")),
        vendor=st.none() | vendors,
        inside=inside,
    )


leaves = _items(st.just(()))
items = _items(st.just(()) | st.lists(leaves, max_size=2).map(tuple))
item_lists = st.lists(items, max_size=3).map(tuple)
emails = st.lists(st.sampled_from(("a@example.org", "b@example.org")), max_size=2, unique=True).map(tuple)
parties = st.lists(st.sampled_from(PARTIES), max_size=2, unique=True).map(tuple)
contents = st.builds(
    Content,
    items=st.none() | item_lists | st.lists(items, min_size=1, max_size=3).map(tuple),
    emails=st.none() | emails,
    parties=st.none() | parties,
    vendor=st.none() | vendors,
)


def _typed(version: str, name: str, node: Document) -> Document:
    return {"@type": name, **node} if version == "v5" else node


def price_in(version: str, price: Price) -> Document:
    money: Document = {"unit": price.currency, "value": price.value}
    amount = {"money": money} if version == "v1" else money
    node: Document = {"priceType": price.kind, "price": _typed(version, "Price", {"dutyFreeAmount": amount})}
    if price.kind == "recurring":
        node["recurringChargePeriod"] = "month"
    if price.percentage is not None:
        off: Document = {
            "priceType": price.kind,
            "price": _typed(version, "Price", {"percentage": price.percentage}),
        }
        if price.months and price.kind == "recurring":
            off["applicationDuration"] = price.months
        node["priceAlteration"] = [_typed(version, "PriceAlteration", off)]
    return _typed(version, "CartPrice", node)


def item_in(version: str, item: Item, spare: str = "x") -> Document:
    """Return an item in the words of a version; R17, which wants an id, gets `spare` with a number for each level."""
    node: Document = {
        "action": "add",
        "productOffering": _typed(version, "ProductOfferingRef", {"id": "A1"}),
    }
    if item.id is not None or version == "v1":
        node["id"] = item.id or spare
    if item.quantity is not None:
        node["quantity"] = item.quantity
    if item.saved is not None:
        node["status"] = SAVED[version] if item.saved else ("Active" if version == "v1" else "active")
    if item.prices:
        node["itemPrice"] = [price_in(version, price) for price in item.prices]
    if item.note is not None:
        note = _typed(version, "Note", {"text": item.note})
        node["note"] = note if version == "v1" else [note]
    if item.vendor is not None:
        node["vendor"] = item.vendor
    if item.inside:
        node["cartItem"] = items_in(version, item.inside, spare)
    return _typed(version, "CartItem", node)


def items_in(version: str, entries: tuple[Item, ...], spare: str = "x") -> list[Document]:
    return [item_in(version, item, f"{spare}{number}") for number, item in enumerate(entries)]


def media_in(version: str, addresses: tuple[str, ...]) -> list[Document]:
    if version == "v5":
        return [{"@type": "EmailContactMedium", "emailAddress": address} for address in addresses]
    kind = "type" if version == "v1" else "mediumType"
    return [{kind: "email", "characteristic": {"emailAddress": address}} for address in addresses]


def parties_in(version: str, ids: tuple[str, ...]) -> list[Document]:
    if version == "v1":
        return [{"id": each, "role": "customer"} for each in ids]
    if version == "v4":
        return [{"id": each, "role": "customer", "@referredType": "Customer"} for each in ids]
    return [
        {
            "@type": "RelatedPartyOrPartyRole",
            "role": "customer",
            "partyOrPartyRole": {"@type": "PartyRoleRef", "id": each, "@referredType": "Customer"},
        }
        for each in ids
    ]


def body_in(version: str, content: Content) -> Document:
    """Return a cart in the words of a version."""
    body: Document = {}
    if content.items is not None or version == "v1":
        body["cartItem"] = items_in(version, content.items or ())
    if content.emails is not None:
        body["contactMedium"] = media_in(version, content.emails)
    if content.parties is not None:
        body["relatedParty"] = parties_in(version, content.parties)
    if content.vendor is not None:
        body["vendor"] = content.vendor
    return _typed(version, "ShoppingCart", body)


def meaning(version: str, document: Document) -> Document:
    """Return what a cart says, in no version's words: the same for all versions of one cart."""
    media = document.get("contactMedium", [])
    return {
        "items": [_item_meaning(version, item) for item in document.get("cartItem", [])],
        "emails": [medium.get("emailAddress") or medium["characteristic"]["emailAddress"] for medium in media],
        "parties": party_ids(version, document),
        "vendor": document.get("vendor"),
    }


def party_ids(version: str, document: Document) -> list[str]:
    found = document.get("relatedParty", [])
    return [(entry["partyOrPartyRole"] if version == "v5" else entry)["id"] for entry in found]


def _item_meaning(version: str, item: Document) -> list[Any]:
    note = item.get("note", [])
    return [
        item["id"],
        item["action"],
        item.get("quantity"),
        item.get("status") == SAVED[version],
        item["productOffering"]["id"],
        [_price_meaning(price) for price in item.get("itemPrice", [])],
        [entry["text"] for entry in ([note] if isinstance(note, dict) else note)],
        item.get("vendor"),
        [_item_meaning(version, inner) for inner in item.get("cartItem", [])],
    ]


def _price_meaning(price: Document) -> list[Any]:
    money = price["price"]["dutyFreeAmount"]
    money = money.get("money", money)
    off = [(each["price"]["percentage"], each.get("applicationDuration")) for each in price.get("priceAlteration", [])]
    return [price["priceType"], price.get("recurringChargePeriod"), money["unit"], str(money["value"]), off]
