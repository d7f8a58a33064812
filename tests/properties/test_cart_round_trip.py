"""Carts come back as they were sent: whatever the official schemas of v4 and v5 allow, with attributes of others' own anywhere.

The official API file of v4 holds no example of a cart, and neither does any other file of v4 beside it (nor is a cart in those of
TMF622): carts drawn from its schema, every attribute of which may be there, stand in. The examples that v5's file does hold are
in `tests/api/test_cart_v5.py`, the samples of R17 in `tests/api/test_cart_r17_samples.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.properties.cart_machine_checks import Gateway
from tests.properties.cart_model import BASES, Document, read, text, written
from tests.properties.official_carts import official_carts

TOTALS = frozenset({"cartTotalPrice", "itemTotalPrice", "ItemTotalPrice"})
BY_SERVER = frozenset({"id", "href", "creationDate", "lastUpdate", "checkoutState"})
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    Decimal("1.50"),
    Decimal("0.100000000000000000001"),
    12345678901234567890123,
    "",
    'Größe 🛒 \\ "',
    [],
    {},
    [None, {"deep": [[Decimal("-0.0")]]}],
    {"@type": "Vendor", "id": "1", "cartItem": [{"id": "1"}], "money": {"unit": "EUR"}},
)
# Types, and products deep inside, are not drawn although v4 makes them mandatory; v5 wants the address of a schema, too.
NOT_DRAWN: dict[str, Document] = {
    "productRelationship": {"product": {}},
    "targetProductSchema": {"@type": "Tariff", "@schemaLocation": "https://example.com/tariff.json"},
}
NAMES = ("vendor", "x-1", "@vendor", "type", "money", "relationship", "größe", "a.b", "$ref", "")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with ExitStack() as stack:
        yield Gateway(tmp_path_factory.mktemp("round-trip") / "gateway.db", stack)


def consistent(cart: Document, version: str) -> Document:
    """Let what was drawn at random hang together: periods begin before they end, relationships name an item of the cart.

    What the drawing adds in the form of v4 gets its types in v5.
    """
    if version == "v5":
        cart["relatedParty"][-1] = {
            "@type": "RelatedPartyOrPartyRole",
            "role": "customer",
            "partyOrPartyRole": {"@type": "PartyRef", **cart["relatedParty"][-1]},
        }
    first = cart["cartItem"][0]["id"]

    def mend(node: Any, name: str) -> None:
        if isinstance(node, dict):
            if name == "cartItemRelationship":
                node["id"] = first
            if version == "v4" or name == "targetProductSchema":
                node |= NOT_DRAWN.get(name, {}) | node
            if version == "v5" and name in {"price", "product"}:
                node.setdefault("@type", name.capitalize())
            if {"startDateTime", "endDateTime"} <= node.keys():
                node["startDateTime"], node["endDateTime"] = sorted((node["startDateTime"], node["endDateTime"]))
            if version == "v5" and "relatedParty" in node:
                # A role of nobody, which the file allows, is refused.
                node["relatedParty"] = [party for party in node["relatedParty"] if "partyOrPartyRole" in party]
            for key, value in node.items():
                mend(value, key)
        elif isinstance(node, list):
            for entry in node:
                mend(entry, name)

    mend(cart, "")
    return cart


def extended(node: Any, draw: st.DrawFn) -> Any:
    """Put attributes that the standard does not know into objects anywhere."""
    if isinstance(node, list):
        return [extended(entry, draw) for entry in node]
    if not isinstance(node, dict):
        return node
    grown = {name: extended(value, draw) for name, value in node.items()}
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(NAMES))
        grown.setdefault(name, draw(st.sampled_from(VALUES)))
    return grown


@st.composite
def carts(draw: st.DrawFn, version: str, extend: bool) -> Document:
    cart = consistent(draw(official_carts(int(version[1]))), version)
    grown: Document = read(written(extended(cart, draw) if extend else cart))
    return grown


def as_sent(node: Any) -> Any:
    """Return a document without totals, which follow the prices."""
    if isinstance(node, dict):
        return {name: as_sent(value) for name, value in node.items() if name not in TOTALS}
    return [as_sent(entry) for entry in node] if isinstance(node, list) else node


@pytest.mark.parametrize("extend", [False, True], ids=["official", "extended"])
@pytest.mark.parametrize("version", ["v4", "v5"])
def test_whatever_the_official_schema_allows_comes_back_as_it_was_sent(
    gateway: Gateway, version: str, extend: bool
) -> None:
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(cart=carts(version, extend))
    def check(cart: Document) -> None:
        created = gateway.send("POST", BASES[version], cart, content_type="application/json")
        assert created.status_code == 201, created.text
        found = read(gateway.send("GET", f"{BASES[version]}/{read(created.content)['id']}").content)
        # A validity without an end is given one.
        given = BY_SERVER if "endDateTime" in cart.get("validFor", {}) else BY_SERVER | {"validFor"}
        kept, sent = (
            {name: value for name, value in document.items() if name not in given} for document in (found, cart)
        )
        assert text(as_sent(kept)) == text(as_sent(sent))

    check()
