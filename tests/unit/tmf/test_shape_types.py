"""The quick look at a shape takes nothing that the checks would refuse, and what it takes stays as it is."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carts.dialects import v1_shape, v5_shape
from gateway.carts.shape import CART_ATTRIBUTES
from gateway.errors import Problem
from gateway.tmf.json import encode_json, is_printable
from gateway.tmf.shape_types import ShapeType
from gateway.tmf.shapes import Check, ListOf, ObjectOf, OneOf, WholeNumber, check_attributes, identifier

SHAPES: dict[str, Any] = {
    "v4": CART_ATTRIBUTES,
    "v1": v1_shape._ATTRIBUTES,
    "v5": v5_shape._ATTRIBUTES,
}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2_000_000),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.sampled_from(
        [
            "",
            " ",
            "a",
            "\n",
            "a\n",
            "é",
            "x" * 255,
            "x" * 256,
            "active",
            "add",
            "2026-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
        ]
    ),
    st.text(max_size=5),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def mostly(check: Check, depth: int) -> st.SearchStrategy[Any]:
    """Return values that mostly have the shape, and now and then something else."""
    if isinstance(check, ObjectOf) and depth > 0:
        attributes = {name: mostly(inner, depth - 1) for name, inner in list(check.attributes.items())}
        needed = {name: attributes.get(name, LEAVES) for name in (*check.needs, *check.needs_one_of[:1])}
        few = st.lists(st.sampled_from(sorted(attributes)), max_size=3, unique=True) if attributes else st.just([])
        right = few.flatmap(
            lambda names: st.fixed_dictionaries({**needed, **{name: attributes[name] for name in names}})
        )
        incomplete = st.fixed_dictionaries({}, optional=needed)
        return st.one_of(right, right, right, incomplete, LEAVES)
    if isinstance(check, ListOf) and depth > 0:
        return st.one_of(st.lists(mostly(check.check, depth - 1), max_size=2), st.lists(ANYTHING, max_size=1))
    if isinstance(check, OneOf):
        return st.one_of(st.sampled_from(check.words), LEAVES)
    if isinstance(check, WholeNumber):
        return st.one_of(st.integers(check.smallest, check.largest), LEAVES)
    return LEAVES if depth > 0 else ANYTHING


TYPES = {name: ShapeType(attributes) for name, attributes in SHAPES.items()}
DOCUMENTS = {
    name: mostly(ObjectOf(attributes), 5).filter(lambda value: type(value) is dict)
    for name, attributes in SHAPES.items()
}


@pytest.mark.parametrize("name", sorted(SHAPES))
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_fits_is_right_and_is_left_alone(name, data):
    document = data.draw(DOCUMENTS[name])
    before = copy.deepcopy(document)
    if not TYPES[name].fits(document, printable=is_printable(encode_json(document))):
        return
    problems: list[Problem] = []
    check_attributes(document, SHAPES[name], (), problems)
    assert problems == []
    assert document == before


def right_cart() -> dict[str, Any]:
    return {
        "@type": "ShoppingCart",
        "unknown": {"to": ["the", "shape", None]},
        "validFor": {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2026-01-02"},
        "relatedParty": [{"id": "1", "role": "customer"}],
        "cartItem": [
            {
                "id": "01",
                "quantity": 2,
                "status": "active",
                "note": [{"date": "2026-01-01T10:00:00+02:00", "text": "x"}],
                "itemPrice": [{"price": {"taxRate": 19, "dutyFreeAmount": {"unit": "EUR", "value": Decimal("19.90")}}}],
                "product": {"productCharacteristic": [{"name": "color", "value": {"any": "thing"}}]},
                "cartItem": [{"id": "02", "cartItem": [{"id": "03", "quantity": 1}]}],
            }
        ],
    }


def test_an_ordinary_cart_fits_at_once():
    assert ShapeType(CART_ATTRIBUTES).fits(right_cart())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("@type",), 1),
        (("@type",), None),
        (("validFor", "startDateTime"), "2026-01-03T00:00:00Z"),
        (("validFor", "endDateTime"), "2026-02-30T00:00:00Z"),
        (("relatedParty", 0, "id"), ""),
        (("relatedParty", 0, "id"), "a\n"),
        (("relatedParty", 0, "id"), "x" * 256),
        (("relatedParty", 0, "id"), 1),
        (("cartItem", 0), None),
        (("cartItem", 0, "quantity"), 0),
        (("cartItem", 0, "quantity"), True),
        (("cartItem", 0, "quantity"), Decimal("1.0")),
        (("cartItem", 0, "status"), "Active"),
        (("cartItem", 0, "note", 0, "date"), "yesterday"),
        (("cartItem", 0, "note", 0, "date"), None),
        (("cartItem", 0, "itemPrice", 0, "price", "taxRate"), "19"),
        (("cartItem", 0, "itemPrice", 0, "price", "dutyFreeAmount", "value"), True),
        (("cartItem", 0, "product", "productCharacteristic", 0), {}),
        (("cartItem", 0, "cartItem", 0, "cartItem", 0, "quantity"), "1"),
        (("cartItem", 0, "cartItem", 0, "cartItem"), {}),
    ],
)
def test_what_is_wrong_does_not_fit(path, value):
    cart = right_cart()
    node: Any = cart
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert not ShapeType(CART_ATTRIBUTES).fits(cart)
    assert not ShapeType(CART_ATTRIBUTES).fits(cart, printable=is_printable(encode_json(cart)))


@pytest.mark.parametrize("text", ["", " ", " a", "a\n", "\n", "\x7f", "\u2028", "a\\b"])
def test_texts_that_are_not_surely_printable_are_looked_at(text):
    assert not is_printable(encode_json({"id": text})) or text == ""
    for printable in {False, is_printable(encode_json({"id": text}))}:
        fits = ShapeType({"id": identifier}).fits({"id": text}, printable=printable)
        problems: list[Problem] = []
        identifier(text, (), "id", problems)
        assert not (fits and problems)


@pytest.mark.parametrize("text", ["a", "a b", "é", "x" * 255, "日本"])
def test_printable_texts_fit_at_once(text):
    raw = encode_json({"id": text})
    assert is_printable(raw)
    assert ShapeType({"id": identifier}).fits({"id": text}, printable=True)


def least(check: Check) -> Any:
    """Return the smallest value that a check takes."""
    if isinstance(check, ObjectOf):
        names = {*check.needs, *check.needs_one_of[:1]}
        return {name: least(check.attributes[name]) if name in check.attributes else "x" for name in names}
    candidates = ["x", 1, True, [], {}, "2026-01-01T00:00:00Z", {"@type": "x"}]
    if isinstance(check, OneOf):
        candidates = [*check.words]
    for candidate in candidates:
        problems: list[Problem] = []
        check(copy.deepcopy(candidate), (), "", problems)
        if not problems:
            return candidate
    raise AssertionError(check)


def objects_in(check: Check, seen: dict[int, ObjectOf]) -> dict[int, ObjectOf]:
    if isinstance(check, ListOf):
        objects_in(check.check, seen)
    elif isinstance(check, ObjectOf) and id(check) not in seen:
        seen[id(check)] = check
        for inner in check.attributes.values():
            objects_in(inner, seen)
    return seen


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_each_object_needs_what_its_check_needs(name):
    missing = 0
    for check in objects_in(ObjectOf(SHAPES[name]), {}).values():
        shape, right = ShapeType({"it": check}), least(check)
        assert shape.fits({"it": right})
        for needed in (*check.needs, *check.needs_one_of[:1]):
            missing += 1
            assert not shape.fits({"it": {other: value for other, value in right.items() if other != needed}})
    assert missing
