"""The product order of a checkout: its state, its names, its forms. What a list finds by a state is what an order shows."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.checkouts.orders.shown import DIALECTS, V4, V5
from gateway.checkouts.orders.states import STATES, Facts, Group, groups_of, in_version, item_state, order_state
from gateway.checkouts.orders.words import cart_items, order_items, order_path, order_sentence
from gateway.checkouts.states import CheckoutState
from gateway.errors import InvalidBodyError, Problem
from gateway.ordering import TMF_ORDER_STATES
from gateway.partners.reading import read_order
from gateway.settings import CartSettings

FACTS = [
    Facts(state, submit, cancel, word)
    for state in get_args(CheckoutState)
    for submit in (False, True)
    for cancel in (False, True)
    for word in (None, *TMF_ORDER_STATES, "Activated")
]


@pytest.mark.parametrize("version", ["v4", "v5"])
def test_every_checkout_shows_a_state_of_the_standard_and_is_found_by_it_alone(version: str) -> None:
    groups = {wanted: groups_of([wanted], version) for wanted in STATES[version]}
    for facts in FACTS:
        shown = in_version(order_state(facts), version)
        found = [wanted for wanted in groups if any(finds(group, facts) for group in groups[wanted])]
        assert found == [shown], facts


def finds(group: Group, facts: Facts) -> bool:
    """Tell whether the conditions that a list makes of a group are those of a checkout."""
    alike = (group.state, group.submit, group.cancel_requested) == facts[:3]
    is_other = group.others and facts.order_state not in {None, *TMF_ORDER_STATES}
    return alike and (group.order_states is None or facts.order_state in group.order_states or is_other)


def test_an_order_does_not_end_before_its_checkout_does() -> None:
    for facts in FACTS:
        if facts.state in {"accepted", "drafting", "draft", "submitting", "submitted"}:
            assert order_state(facts) not in {"completed", "failed", "partial", "rejected", "cancelled"}, facts


@pytest.mark.parametrize(
    ("word", "order", "shown"),
    [
        ("held", "inProgress", "held"),
        (None, "inProgress.accepted", "inProgress"),
        ("Activated", "inProgress", "inProgress"),
        (None, "draft", None),
        ("partial", "partial", None),
    ],
)
def test_the_state_of_an_item_is_one_of_items(word: str | None, order: str, shown: str | None) -> None:
    assert item_state(word, order) == shown


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "cartItem[0].cartItem[1].cartItemRelationship[0].id",
            "productOrderItem[0].productOrderItem[1].productOrderItemRelationship[0].id",
        ),
        ("cartItem", "productOrderItem"),
        ("cartTotalPrice[0].price", "orderTotalPrice[0].price"),
        ("checkout.relatedParty", "relatedParty"),
        ("checkout", ""),
        ("cartItem[0].product.cartItem", "productOrderItem[0].product.cartItem"),
        ("productOrderItem[0].cartItem", "productOrderItem[0].productOrderItem"),
    ],
)
def test_paths_are_the_orders_own(path: str, expected: str) -> None:
    assert order_path(path) == expected


def test_sentences_are_about_the_order() -> None:
    assert order_sentence("is the id of cartItem[0] too; ids are unique in a cart") == (
        "is the id of productOrderItem[0] too; ids are unique in an order"
    )


NAMES = st.sampled_from(["id", "action", "productOrderItem", "productOrderItemRelationship", "note", "@type", "mine"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_items_come_back_from_a_cart_as_they_were(value: Any) -> None:
    assert order_items(cart_items(value)) == value


ORDER_NAMES = st.sampled_from(
    [
        "productOrderItem",
        "relatedParty",
        "externalId",
        "note",
        "channel",
        "state",
        "orderTotalPrice",
        "@type",
        "mine",
        "submit",
    ]
)


@given(st.dictionaries(ORDER_NAMES, VALUES, max_size=6), st.sampled_from(DIALECTS))
def test_whatever_is_sent_is_read_or_refused_with_reasons(document: dict[str, Any], dialect: Any) -> None:
    problems: tuple[Problem, ...] = ()
    items: list[Any] = []
    try:
        items = read_order(document, dialect, CartSettings()).request["shoppingCart"]["cartItem"]
    except InvalidBodyError as error:
        problems = error.problems
    assert bool(problems) != bool(items)


PARTIES = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=4)},
    optional={
        "role": st.text(max_size=4),
        "@referredType": st.sampled_from(["Customer", "Individual"]),
        "name": st.text(max_size=3),
    },
)


@given(
    st.lists(PARTIES, max_size=3),
    st.lists(st.dictionaries(st.sampled_from(["id", "owner"]), st.text(max_size=3)), max_size=2),
)
def test_what_v5_sent_comes_back_to_the_letter(
    parties: list[dict[str, str]], identifiers: list[dict[str, str]]
) -> None:
    wrapped = [
        {
            "@type": "RelatedPartyRefOrPartyRoleRef",
            **({"role": party["role"]} if "role" in party else {}),
            "partyOrPartyRole": {
                "@type": "PartyRef",
                **{name: value for name, value in party.items() if name != "role"},
            },
        }
        for party in parties
    ]
    order = {
        "@type": "ProductOrder",
        "externalId": [{"@type": "ExternalIdentifier", **each} for each in identifiers],
        "relatedParty": wrapped,
        "productOrderItem": [{"@type": "ProductOrderItem", "id": "1", "action": "add"}],
    }
    assert V5.from_canonical(V5.to_canonical(order)) == order
    flat = V4.from_canonical(V5.to_canonical(order))
    assert [party["id"] for party in flat.get("relatedParty", [])] == [party["id"] for party in parties]
