"""The dialects of carts lose nothing: any document of R17 or v5 comes back as it was sent, and a stored one survives both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from official_cart_schemas import problems

from gateway.carts.dialects import v1, v5
from gateway.carts.dialects.forms import MARKS, V1_MARK, V5_MARK, WRAPPED, unmarked
from gateway.carts.rules import check_cart
from gateway.errors import InvalidBodyError
from gateway.settings import CartSettings
from gateway.tmf.json import encode_canonical, encode_json
from tests.properties.cart_documents import random_cart, versions

SPECS = versions()
randoms = st.randoms(use_true_random=False, note_method_calls=False)
often = settings(max_examples=300, deadline=None)


def same(first: Any, second: Any) -> bool:
    """Compare with every digit: 1.0 is not 1."""
    return encode_canonical(first) == encode_canonical(second)


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_any_r17_cart_comes_back(seed: int) -> None:
    document = random_cart(Random(seed), SPECS["v1"])
    before = encode_canonical(document)

    back = v1.from_canonical(v1.to_canonical(document))

    assert same(back, document)
    assert encode_canonical(document) == before


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_any_stored_cart_survives_r17(seed: int) -> None:
    document = random_cart(Random(seed), SPECS["v4"], odd=False)

    assert same(untyped(v1.to_canonical(v1.from_canonical(document))), untyped(document))


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_any_v5_cart_comes_back_with_its_types(seed: int) -> None:
    document = random_cart(Random(seed), SPECS["v5"])
    before = encode_canonical(document)

    back = v5.from_canonical(v5.to_canonical(document))

    assert not missing(back, document, "")
    # What comes back is complete: from now on nothing is added either.
    assert same(v5.from_canonical(v5.to_canonical(back)), back)
    assert encode_canonical(document) == before


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_any_stored_cart_survives_v5(seed: int) -> None:
    document = random_cart(Random(seed), SPECS["v4"], foreign=False, odd=False)

    kept = v5.to_canonical(v5.from_canonical(document))

    # v5 has another place for the types of parties and places; a word that says no more than the rest may not come back.
    # So does a related product of which nothing is said but its class: v5 refers to products.
    words = ("@type:", ".product.@type")
    lost = [path for path in missing(kept, document, "") if not any(word in path for word in words)]
    assert not lost


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_what_one_version_wrote_reads_alike_after_a_detour_through_another(seed: int) -> None:
    stored = v1.to_canonical(random_cart(Random(seed), SPECS["v1"]))
    shown = v5.from_canonical(stored)

    assert same(v5.from_canonical(v5.to_canonical(shown)), shown)

    stored = v5.to_canonical(random_cart(Random(seed), SPECS["v5"], odd=False))

    assert same(untyped(v1.to_canonical(v1.from_canonical(stored))), untyped(stored))


def untyped(node: Any) -> Any:
    """Return a document whose texts do not say that they are: R17's characteristics do not, and are stored with it.

    That a change in R17 does not give it to those that it leaves alone, `test_cart_v4_answers.py` shows.
    """
    if isinstance(node, dict):
        kept = {name: untyped(value) for name, value in node.items()}
        return {name: value for name, value in kept.items() if name != "valueType" or value != "string"}
    return [untyped(entry) for entry in node] if isinstance(node, list) else node


@often
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_marks_can_be_taken_off_and_only_marks_are(seed: int) -> None:
    stored = v5.to_canonical(random_cart(Random(seed), SPECS["v5"]))

    plain = unmarked(stored)

    assert f'"{V1_MARK}"'.encode() not in encode_canonical(plain)
    own = list(own_of_wrappers(stored, plain))
    assert all(own), "a mark is left only with what a wrapper says of itself"
    bare = without_marks(plain)
    assert not any(f'"{mark}"'.encode() in encode_canonical(bare) for mark in MARKS)
    assert not missing(stored, bare, "")


def own_of_wrappers(stored: Any, plain: Any) -> Iterator[bool]:
    """Yield for each mark that is left whether it holds nothing but what v5's wrapper says otherwise than its content."""
    if isinstance(plain, list):
        for one, other in zip(stored, plain, strict=True):
            yield from own_of_wrappers(one, other)
    if not isinstance(plain, dict):
        return
    if V5_MARK in plain:
        sent = stored[V5_MARK]
        inside = next(sent[name] for name in WRAPPED if isinstance(sent.get(name), dict))
        yield all(sent[name] == value != inside[name] for name, value in plain[V5_MARK].items())
    for name, value in plain.items():
        if name not in MARKS:
            yield from own_of_wrappers(stored[name], value)


def without_marks(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: without_marks(value) for name, value in node.items() if name not in MARKS}
    return [without_marks(entry) for entry in node] if isinstance(node, list) else node


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**64), version=st.sampled_from(("v1", "v4")))
def test_what_v5_shows_of_any_cart_is_valid_by_the_official_file(seed: int, version: str) -> None:
    document = random_cart(Random(seed), SPECS[version], foreign=False, odd=False)
    stored = v1.to_canonical(document) if version == "v1" else document
    try:
        check_cart(stored, CartSettings())
    except InvalidBodyError:
        return

    shown = v5.from_canonical(stored)

    # Not of our making: a product with a type of the client's own, references inside a product that name nothing.
    found = [problem for problem in problems("v5", "ShoppingCart", plain(shown)) if not EXCUSED.search(problem)]
    assert not found


EXCUSED = re.compile(
    r"product(\[\d+\])?\['@type'\]: '(Vendor|CartItem)' is not one of"
    r"|(productRelationship|productPrice)\[\d+\][.\w]*: 'id' is a required"
)


def plain(value: Any) -> Any:
    """Return the value with floats for Decimals, which is what a validator knows."""
    return json.loads(encode_json(value))


def missing(whole: Any, part: Any, path: str) -> list[str]:
    """Return the paths of `part` that `whole` has not, or has otherwise."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return [
            found
            for name, value in part.items()
            for found in (missing(whole[name], value, f"{path}.{name}") if name in whole else [f"{path}.{name}"])
        ]
    if isinstance(whole, list) and isinstance(part, list) and len(whole) == len(part):
        return [
            found
            for index, (ours, theirs) in enumerate(zip(whole, part, strict=True))
            for found in missing(ours, theirs, f"{path}[{index}]")
        ]
    alike = same(whole, part) and isinstance(whole, Decimal) == isinstance(part, Decimal)
    return [] if alike else [f"{path}: {whole!r} for {part!r}"]
