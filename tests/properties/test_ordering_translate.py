"""Translation never raises, whatever JSON it is given; what it sends, it sends exactly."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.ordering.calls.plan import check_plan, plan
from gateway.ordering.calls.render import render, render_whole
from gateway.ordering.findings import CODES
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.readback.matching import match
from gateway.ordering.readback.reading import read_order
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_json, encode_json

MAPPINGS = [
    parse_mapping(file.read_bytes(), file.name)
    for file in sorted((Path(__file__).parents[2] / "mappings").glob("*.toml"))
]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000)
    | st.sampled_from(
        ["add", "modify", "DELETE", "no_change", "Active", "SavedForLater", "1", "2", "", "bundles", "bundledBy"]
    )
    | st.sampled_from(["2026-01-01T00:00", "2026-01-01T00:00:00Z", "https://host/x/7", "recurring", "monthly"])
    | st.text(max_size=8)
)
KEYS = [
    "id", "href", "action", "quantity", "status", "cartItem", "cardItem", "cartItemRelationship", "type", "relationshipType",
    "productOffering", "product", "productCharacteristic", "characteristic", "name", "value", "place", "role", "relatedParty",
    "partyOrPartyRole", "itemPrice", "itemTotalPrice", "ItemTotalPrice", "totalItemPrice", "price", "priceAlteration",
    "priceType", "dutyFreeAmount", "taxIncludedAmount", "money", "unit", "taxRate", "percentage", "applicationDuration",
    "priceCondition", "validFor", "startDateTime", "note", "text", "date", "contactMedium", "preferred", "emailAddress",
    "phoneNumber", "cartTotalPrice", "itemTerm", "productRelationship", "productSpecification", "bundledProductOffering",
    "bundledProductOfferingOption", "numberRelOfferLowerLimit", "channel", "billingAccount", "payment", "requestedStartDate",
    "externalId", "description", "@type", "@referredType", "unknown", "recurringChargePeriod", "priority",
]  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)


def items(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Cart items that are mostly right: a wrong value here and there reaches deeper than wrong JSON everywhere."""
    return st.fixed_dictionaries(
        {"id": st.sampled_from(["1", "2", "3", "4"]) | scalars, "action": st.sampled_from(["add", "modify"]) | scalars},
        optional={
            "quantity": st.integers(1, 3) | scalars,
            "status": st.sampled_from(["active", "saveForLater"]) | scalars,
            "productOffering": st.fixed_dictionaries({"id": scalars}) | documents,
            "product": documents,
            "itemPrice": st.lists(st.dictionaries(st.sampled_from(KEYS), documents, max_size=4), max_size=2)
            | documents,
            "cartItemRelationship": st.lists(
                st.fixed_dictionaries(
                    {
                        "id": st.sampled_from(["1", "2", "3"]) | scalars,
                        "relationshipType": st.sampled_from(["bundles", "bundledBy", "reliesOn"]) | scalars,
                    }
                ),
                max_size=2,
            )
            | documents,
            "note": documents,
            "cartItem": children,
            "unknown": documents,
        },
    )


carts = st.fixed_dictionaries(
    {"cartItem": st.lists(st.recursive(items(scalars), lambda inner: items(st.lists(inner, max_size=3))), max_size=4)},
    optional={
        "relatedParty": documents,
        "contactMedium": documents,
        "cartTotalPrice": documents,
        "validFor": documents,
        "note": documents,
    },
)


@given(cart=documents | carts, request=documents)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_gives_findings_or_an_order_that_can_be_sent(cart, request):
    before = copy.deepcopy((cart, request))
    for mapping in MAPPINGS:
        translation = translate(cart, request, mapping, now=NOW)
        assert (cart, request) == before, "the cart was changed"
        assert all(finding.code in CODES for finding in translation.findings)
        assert (translation.order is None) == any(finding.severity == "error" for finding in translation.findings)
        if translation.order is not None:
            require_sendable(translation.order, mapping)


def require_sendable(order, mapping):
    """Require that an order has a right plan whose calls are JSON, or a finding that says why it has none."""
    known = {line.id: f"802-{line.id}" for line in order.lines}
    planned, findings = plan(order, mapping)
    if planned is None:
        assert any(finding.severity == "error" for finding in findings)
        return
    check_plan(order, planned, mapping)
    for step in planned.steps:
        rendered = render(step, order, planned, mapping, known_line_ids=known, marker="gw1-abc", order_id="1/2")
        decode_json(rendered.body, depth_max=64)


@given(document=documents, inner=documents)
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_as_an_order_or_as_none(document, inner):
    for mapping in MAPPINGS:
        read_order(document, mapping)
        observed = read_order(
            {"id": "1", "productOrderItem": inner, "externalId": document, "state": document}, mapping
        )
        assert observed is not None
        match((), (), observed, mapping, {})


amounts = st.from_regex(
    r"-?([1-9][0-9]{0,12}|(0|[1-9][0-9]{0,12})\.[0-9]{1,12})([eE][+-]?[1-3]?[0-9])?", fullmatch=True
)


@given(value=amounts)
@example(value="-0.0E1")
@settings(max_examples=200, deadline=None)
def test_the_digits_of_an_amount_arrive_as_they_were_sent(value):
    body = (
        '{"cartItem":[{"id":"1","action":"add","productOffering":{"id":"A"},"itemPrice":[{"priceType":"oneTime",'
        f'"price":{{"dutyFreeAmount":{{"unit":"EUR","value":{value}}}}}}}]}}]}}'
    )
    translation = translate(decode_json(body.encode()), {}, plain(), now=NOW)
    assert translation.order is not None
    sent = decode_json(encode_json(render_whole(translation.order, plain(), "m")))
    arrived = sent["productOrderItem"][0]["itemPrice"][0]["price"]["dutyFreeAmount"]["value"]
    # JSON's -0 is 0: a zero has no sign in a document.
    assert str(Decimal(value) or abs(Decimal(value))) == str(Decimal(arrived) or abs(Decimal(arrived)))


def plain():
    return next(mapping for mapping in MAPPINGS if mapping.name == "tmf622-v4")
