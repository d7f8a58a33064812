"""Words for relationships between items: many spellings, one structure; what is not understood never becomes another order."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.relationship_words import USUAL_WORDS, RelationshipWords, plain_word
from gateway.ordering.mapping.slots import ItemSlots
from gateway.ordering.translation.translate import translate

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TO_CHILD = [
    "bundles",
    "Bundles",
    "hasChild",
    "HasChild",
    "has_child",
    "isParent",
    "IsParent",
    "contains",
    "child",
    "includes",
]
TO_PARENT = [
    "isBundled", "bundledBy", "childOf", "isChild", "IsChild", "is-child-of", "hasParent", "HasParent", "parent",
    "parentItem", "PARENT_ITEM", "isPartOf", "is part of",
]  # fmt: skip


def mapping(name: str, **item: Any):
    loaded = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    return replace(loaded, item=replace(loaded.item, **item))


def cart(kind: str, *, on: str, to: str, word: str = "relationshipType") -> dict[str, Any]:
    items = [
        {"id": name, "action": "add", "quantity": 1, "productOffering": {"id": name.upper()}} for name in ("top", "kid")
    ]
    for item in items:
        if item["id"] == on:
            item["cartItemRelationship"] = [{"id": to, word: kind}]
    return {"relatedParty": [{"id": "C1", "role": "customer"}], "cartItem": items}


def parents(document: dict[str, Any], by) -> dict[str, str | None] | None:
    translation = translate(document, {}, by, now=NOW)
    return translation.order and {line.id: line.parent_id for line in translation.order.lines}


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize("key", ["relationshipType", "type"])
@pytest.mark.parametrize("kind", TO_CHILD)
def test_the_item_that_names_a_child_is_its_parent(kind, key, name):
    assert parents(cart(kind, on="top", to="kid", word=key), mapping(name)) == {"top": None, "kid": "top"}


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize("kind", TO_PARENT)
def test_the_item_that_names_a_parent_is_its_child(kind, name):
    assert parents(cart(kind, on="kid", to="top"), mapping(name)) == {"top": None, "kid": "top"}


def test_no_usual_word_says_two_things():
    said = [plain_word(word) for words in USUAL_WORDS.values() for word in words]
    assert len(said) == len(set(said))


def test_a_word_that_is_not_understood_refuses_the_cart_where_structure_has_no_other_place():
    translation = translate(cart("sells", on="top", to="kid"), {}, mapping("salesforce-v4"), now=NOW)
    assert translation.order is None
    errors = [finding for finding in translation.findings if finding.severity == "error"]
    assert [(one.code, one.path) for one in errors] == [("relationship_unknown", "cartItem[0].cartItemRelationship[0]")]
    assert "item.relationship_words" in errors[0].message


def test_a_word_that_says_no_hierarchy_is_told_there_and_goes_on():
    translation = translate(cart("reliesOn", on="top", to="kid"), {}, mapping("salesforce-v4"), now=NOW)
    assert translation.order is not None
    assert "relationship_dropped" in {finding.code for finding in translation.findings}


def test_a_word_that_is_not_understood_is_sent_where_relationships_are():
    translation = translate(cart("Sells", on="top", to="kid"), {}, mapping("tmf622-v4"), now=NOW)
    assert translation.order is not None
    assert translation.order.lines[0].item["productOrderItemRelationship"] == [
        {"id": "kid", "relationshipType": "sells"}
    ]


@pytest.mark.parametrize(("meaning", "expected"), [("child", "top"), ("other", None)])
def test_a_mapping_says_what_its_own_words_mean(meaning, expected):
    by = mapping("salesforce-v4", relationship_words={"Sells To": meaning})
    assert parents(cart("sellsTo", on="top", to="kid"), by) == {"top": None, "kid": expected}


def test_a_mappings_word_wins_over_the_usual_one():
    by = mapping("tmf622-v4", relationship_words={"parent": "child"})
    assert parents(cart("parent", on="top", to="kid"), by) == {"top": None, "kid": "top"}


def test_a_flat_order_ties_its_items_by_the_order_systems_words():
    by = mapping(
        "tmf622-v4",
        hierarchy="flat",
        bundles_relationship="HasChild",
        relies_on_relationship="HasParent",
        relationship_types={"reliesOn": "Needs"},
    )
    document = cart("hasChild", on="top", to="kid")
    document["cartItem"][1]["cartItemRelationship"] = [{"id": "top", "relationshipType": "RELIES_ON"}]
    translation = translate(document, {}, by, now=NOW)
    assert translation.order is not None
    top, kid = render_whole(translation.order, by, "gw1-m")["productOrderItem"]
    assert top["productOrderItemRelationship"] == [{"id": "kid", "relationshipType": "HasChild"}]
    assert {"id": "top", "relationshipType": "HasParent"} in kid["productOrderItemRelationship"]
    assert {"id": "top", "relationshipType": "Needs"} in kid["productOrderItemRelationship"]
    converted = [finding.path for finding in translation.findings if finding.code == "converted"]
    assert converted == ["cartItem[1].cartItemRelationship[0].relationshipType"]


def test_a_second_parent_is_told_as_what_becomes_of_it():
    document = cart("bundles", on="top", to="kid")
    document["cartItem"].append({**document["cartItem"][0], "id": "other"})
    for name, ends in (("tmf622-v4", "is sent beside it."), ("salesforce-v4", "has one parent for each item.")):
        translation = translate(document, {}, mapping(name), now=NOW)
        told = [finding.message for finding in translation.findings if finding.path.startswith("cartItem[2].")]
        assert told[0].endswith(ends), name


@given(st.sampled_from([(word, meaning) for meaning, words in USUAL_WORDS.items() for word in words]), st.data())
def test_case_and_separators_do_not_count(known, data):
    word, meaning = known
    spelt = "".join(
        data.draw(st.sampled_from([letter.upper(), letter.lower()]))
        + data.draw(st.sampled_from(["", "", "_", "-", " "]))
        for letter in word
    )
    assert RelationshipWords(ItemSlots()).meaning(spelt) == meaning
