"""What v4 answers of any cart, whichever version it came from, is valid by the official file; a change in any version is taken back."""

from __future__ import annotations

import copy
from contextlib import suppress
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from official_cart_schemas import problems

from gateway.carts.dialects import DIALECTS, Dialect, v4
from gateway.carts.dialects.v4_shape import COMPLETE
from gateway.carts.rules import check_cart
from gateway.errors import InvalidBodyError
from gateway.settings import CartSettings
from gateway.tmf.json import decode_stored, encode_json
from tests.properties.cart_documents import random_cart, versions
from tests.properties.test_cart_dialects import plain, same

SPECS = versions()
seeds = st.integers(min_value=0, max_value=2**64)
origins = st.sampled_from(("v1", "v4", "v5"))
dialects = st.sampled_from(list(DIALECTS.values()))
often = settings(max_examples=300, deadline=None)


def stored_cart(random: Random, version: str) -> dict[str, Any]:
    """Return a cart as it is stored, lacking more than any request may leave out; texts that are no date-time are replaced."""
    document = random_cart(random, SPECS[version], foreign=False, odd=False)
    stored = DIALECTS[version].to_canonical(document)
    with suppress(InvalidBodyError):
        check_cart(stored, CartSettings())
    copied: dict[str, Any] = decode_stored(encode_json(stored).replace(b'"soon"', b'"2026-12-01T08:30:00Z"'))
    return copied


@often
@given(seed=seeds, version=origins)
def test_what_v4_shows_of_any_cart_is_valid_by_the_official_file(seed: int, version: str) -> None:
    stored = stored_cart(Random(seed), version)
    before = encode_json(stored)

    shown = v4.from_canonical(stored)

    assert not problems("v4", "ShoppingCart", plain(shown))
    assert encode_json(stored) == before
    assert v4.from_canonical(shown) is shown


@often
@given(seed=seeds, version=origins)
def test_what_the_quick_look_takes_is_shown_as_it_is_stored(seed: int, version: str) -> None:
    stored = stored_cart(Random(seed), version)
    shown = v4.from_canonical(stored)

    assert shown is stored or not COMPLETE.fits(stored)
    assert not COMPLETE.fits(shown) or not problems("v4", "ShoppingCart", plain(shown))


@often
@given(seed=seeds, version=origins, dialect=dialects)
def test_what_is_handed_back_as_it_was_shown_is_stored_as_before(seed: int, version: str, dialect: Dialect) -> None:
    stored = stored_cart(Random(seed), version)
    shown = dialect.from_canonical(stored)

    assert same(taken_back(stored, shown, copy.deepcopy(shown), dialect), stored)


@often
@given(seed=seeds, version=origins, dialect=dialects)
def test_a_change_shows_what_was_asked_for(seed: int, version: str, dialect: Dialect) -> None:
    random = Random(seed)
    stored = stored_cart(random, version)
    shown = dialect.from_canonical(stored)
    after = copy.deepcopy(shown)
    for _ in range(random.randint(1, 4)):
        change(random, after)

    taken = taken_back(stored, shown, after, dialect)

    assert same(dialect.from_canonical(taken), dialect.from_canonical(dialect.to_canonical(after)))
    assert dialect.version != "v1" or same(dialect.from_canonical(taken), after)


def taken_back(
    stored: dict[str, Any], shown: dict[str, Any], after: dict[str, Any], dialect: Dialect
) -> dict[str, Any]:
    """Return what a change of a cart that a version shows is stored as."""
    return v4.taken_back(stored, dialect.to_canonical(shown), dialect.to_canonical(after))


def change(random: Random, document: dict[str, Any]) -> None:
    """Change something somewhere: an attribute of the client's own, one less, an entry less, one twice, two exchanged."""
    node = random.choice([document, *(node for node in walked(document) if node)])
    if isinstance(node, dict):
        node["vendor"] = random.choice(["x", 1, None])
        if random.random() < 0.3:
            del node[random.choice(list(node))]
        return
    at = random.randrange(len(node))
    verb = random.choice(("remove", "repeat", "exchange"))
    if verb == "remove":
        del node[at]
    elif verb == "repeat":
        node.insert(0, copy.deepcopy(node[at]))
    else:
        node[0], node[at] = node[at], node[0]


def walked(value: Any) -> list[Any]:
    """Return every object and list of a document, but for values of the client's own."""
    if not isinstance(value, dict | list):
        return []
    inside = value.values() if isinstance(value, dict) else value
    return [value, *(found for entry in inside for found in walked(entry))]
