"""Which bundles of a cart a catalogue is asked for, and what its answers make mandatory."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.bundles import Offering, read_offering, resolve, wanted_bundles

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"
SALESFORCE, PLAIN = (
    parse_mapping((MAPPINGS / f"{name}.toml").read_bytes(), f"{name}.toml") for name in ("salesforce-v4", "tmf622-v4")
)


def item(number, code, *children, **more):
    nested = {"cartItem": list(children)} if children else {}
    return {"id": number, "productOffering": {"id": code}, **nested, **more}


def test_bundles_are_found_by_nesting_and_by_relationships_at_every_level():
    related = [{"relationshipType": "bundles", "id": "3"}]
    cart = {
        "cartItem": [
            item("1", "PLAN", item("1.1", "SIM", item("1.1.1", "ESIM")), item("1.2", "MUSIC")),
            item("2", "TV", cartItemRelationship=related),
            item("3", "BOX"),
            item("4", "PLAN", item("4.1", "SIM")),
            item("5", "ALONE"),
        ]
    }
    assert wanted_bundles(cart, SALESFORCE) == {"PLAN": {"SIM", "MUSIC"}, "SIM": {"ESIM"}, "TV": {"BOX"}}
    assert wanted_bundles(cart, PLAIN) == {}


def test_an_offering_that_is_named_by_its_address_only_goes_by_the_end_of_it():
    plan = item("1", "", item("1.1", "SIM"))
    plan["productOffering"] = {"href": "https://catalogue.example/productOffering/PLAN"}
    assert wanted_bundles({"cartItem": [plan]}, SALESFORCE) == {"PLAN": {"SIM"}}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["cartItem", "id", "productOffering", "action", "bundledProductOffering", "status", "href",
                         "bundledProductOfferingOption", "numberRelOfferLowerLimit", "cartItemRelationship"]),
        inner, max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["cartItem", "cardItem", "id"]), json_values))
def test_no_cart_and_no_answer_is_too_odd(document):
    assert isinstance(wanted_bundles(document, SALESFORCE), dict)
    assert isinstance(read_offering(document), Offering)


CODES = "ABCDEF"
offerings = st.builds(
    lambda mandatory, optional: Offering(mandatory, optional - mandatory),
    st.frozensets(st.sampled_from(CODES), max_size=3),
    st.frozensets(st.sampled_from(CODES), max_size=3),
)


def by_hand(child, code, known, depth):
    """Tell whether a child is mandatory, by what is listed on the nearest level that lists it."""
    seen, level = {code}, [known[code]]
    for _ in range(depth + 1):
        if any(child in each.mandatory for each in level if each):
            return True
        if any(child in each.optional for each in level if each):
            return False
        below = {inner for each in level if each for inner in each.mandatory} - seen
        seen |= below
        level = [known[each] for each in below]
    return False


@given(
    st.fixed_dictionaries({code: st.none() | offerings for code in CODES}),
    st.sets(st.sampled_from(CODES + "xyz")),
    st.integers(0, 4),
)
def test_the_nearest_level_that_lists_a_child_decides_and_circles_end(known, children, depth):
    found = resolve("A", children, known, depth_max=depth)
    if known["A"] is None:
        assert found is None
        return
    assert found.unread == frozenset()
    assert found.mandatory == {child for child in children if by_hand(child, "A", known, depth)}


@given(
    st.fixed_dictionaries({code: st.none() | offerings for code in CODES}),
    st.sets(st.sampled_from(CODES + "xyz")),
    st.sets(st.sampled_from(CODES), min_size=1),
)
def test_what_is_unread_is_asked_for_until_the_same_is_known(known, children, read):
    """Whatever was read before, asking for what is named unread ends, and ends in the same as knowing everything."""
    learnt = {code: known[code] for code in {*read, "A"}}
    for _ in range(len(CODES) + 1):
        found = resolve("A", children, learnt, depth_max=4)
        if found is None or not found.unread:
            break
        learnt |= {code: known[code] for code in found.unread}
    assert found == resolve("A", children, known, depth_max=4)
