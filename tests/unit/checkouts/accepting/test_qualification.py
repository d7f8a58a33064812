from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_work import NOW, SALESFORCE, cart, request

from gateway.checkouts.accepting.qualification import Offered, added_items, missing_evidence, not_qualified, unreadable
from gateway.ordering.translation.translate import translate
from gateway.settings import CheckoutSettings

REQUIRED = CheckoutSettings(require_qualification=True)
ITEM = Offered("cartItem[0]", frozenset({"P1"}))


def order_of(document, mapping=SALESFORCE):
    order = translate(document, request(), mapping, now=NOW).order
    assert order is not None
    return order


def document(*offerings, result="qualified", state="done", **attributes):
    items = [{"id": "1", "qualificationItemResult": result, "productOffering": {"id": code}} for code in offerings]
    return {"id": "q1", "state": state, "productOfferingQualificationItem": items, **attributes}


def test_nothing_is_asked_for_unless_it_is_required():
    assert missing_evidence(cart(3), {}, CheckoutSettings()) == ()


@pytest.mark.parametrize("given", [{}, {"productOfferingQualification": []}])
def test_each_item_to_be_added_is_named(given):
    found = missing_evidence(cart(3), given, REQUIRED)
    assert [finding.path for finding in found] == ["cartItem[0]", "cartItem[1]", "cartItem[2]"]
    assert {(finding.severity, finding.code) for finding in found} == {("error", "qualification_missing")}


@pytest.mark.parametrize("action", ["modify", "delete", "noChange", "no_change"])
def test_an_item_that_adds_nothing_needs_none(action):
    document = cart(2)
    document["cartItem"][0]["action"] = action
    assert [finding.path for finding in missing_evidence(document, {}, REQUIRED)] == ["cartItem[1]"]


def test_children_need_evidence_of_their_own_and_what_is_saved_for_later_none():
    child, saved = {"productOffering": {"id": "CHILD"}}, {"status": "savedForLater", "cartItem": [{}]}
    document = {"cartItem": [{"action": "noChange", "cartItem": [child]}, saved, {"action": "Add"}]}
    found = missing_evidence(document, {}, REQUIRED)
    assert [finding.path for finding in found] == ["cartItem[0].cartItem[0]", "cartItem[2]"]


def test_a_reference_is_evidence():
    assert missing_evidence(cart(3), {"productOfferingQualification": [{"id": "q1"}]}, REQUIRED) == ()


def test_references_that_cannot_be_read_and_too_many_of_them():
    references = {"productOfferingQualification": [{"href": "https://q/1"}, {"id": "q2"}, {"id": "q3"}]}
    found = unreadable(references, 2)
    assert [finding.path for finding in found] == ["productOfferingQualification[0]", "productOfferingQualification"]
    assert unreadable({"productOfferingQualification": [{"id": "q2"}]}, 2) == ()


def test_the_orders_word_for_an_offering_counts_beside_the_carts():
    renamed = {"cartItem": [{"id": "1", "productOffering": {"id": "CATALOGUE-1"}}]}
    assert list(added_items(renamed)) == [Offered("cartItem[0]", frozenset({"CATALOGUE-1"}))]
    (item,) = added_items(renamed, order_of(cart(1)))
    assert item == Offered("cartItem[0]", frozenset({"P1", "CATALOGUE-1"}))


def test_items_that_share_an_id_need_evidence_each():
    document = {"cartItem": [{"id": "1", "productOffering": {"id": code}} for code in ("P1", "P2")]}
    offered = list(added_items(document, order_of(document)))
    assert [item.offerings for item in offered] == [{"P1"}, {"P2"}]


@pytest.mark.parametrize(
    "given",
    [
        {"productOffering": {"href": "https://shop.example/productOffering/P1"}},
        {"product": {"productOffering": {"id": "P1"}}},
    ],
)
def test_an_offering_is_known_by_its_address_and_by_its_product(given):
    assert [item.offerings for item in added_items({"cartItem": [given]})] == [{"P1"}]
    evidence = {
        "state": "done",
        "productOfferingQualificationItem": [{**given, "qualificationItemResult": "qualified"}],
    }
    assert not_qualified([ITEM], [evidence], NOW) == ()


@pytest.mark.parametrize(
    "good",
    [
        document("P1"),
        document("P0", "P1"),
        document("P1", expirationDate="2026-11-21T12:00:01Z"),
        document("P1", validFor={"endDateTime": "2027-01-01T00:00:00Z"}),
        {
            "state": "done",
            "checkProductOfferingQualificationItem": [
                {"qualificationItemResult": "qualified", "state": "done", "product": {"productOffering": {"id": "P1"}}}
            ],
        },
        {
            "state": "done",
            "productOfferingQualificationItem": [
                {"productOfferingQualificationItem": document("P1")["productOfferingQualificationItem"]}
            ],
        },
    ],
)
def test_a_done_and_valid_document_that_calls_the_offering_qualified_is_evidence(good):
    assert not_qualified([ITEM], [good], NOW) == ()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (None, "does not exist"),
        (document("P1", state="inProgress"), "is not done"),
        (document("P1", state=7), "is not done"),
        ({}, "is not done"),
        (document("P1", expirationDate=NOW.isoformat()), "has expired"),
        (document("P1", expirationDate="soon"), "cannot be read"),
        (document("P1", validFor={"endDateTime": (NOW - timedelta(days=1)).isoformat()}), "has expired"),
        (document("P1", result="unqualified"), None),
        (document("P1", result="alternate"), None),
        (document("P2"), None),
        (document(), None),
        ({"state": "done", "productOfferingQualificationItem": "?"}, None),
        ({"state": "done", "productOfferingQualificationItem": [7, {"productOffering": "P1"}]}, None),
        (
            {
                "state": "done",
                "productOfferingQualificationItem": [
                    {"state": "inProgress", "qualificationItemResult": "qualified", "productOffering": {"id": "P1"}}
                ],
            },
            None,
        ),
    ],
)
def test_everything_else_is_none_and_says_why(bad, why):
    found = not_qualified([ITEM], [bad], NOW)
    assert found[-1].path == "cartItem[0]"
    assert {finding.code for finding in found} == {"not_qualified"}
    if why is None:
        assert len(found) == 1
    else:
        assert found[0].path == "productOfferingQualification[0]"
        assert why in found[0].message


def test_documents_count_together():
    items = [ITEM, Offered("cartItem[1]", frozenset({"P2"})), Offered("cartItem[2]", frozenset({"P3"}))]
    found = not_qualified(items, [document("P1"), None, document("P2")], NOW)
    assert [finding.path for finding in found] == ["productOfferingQualification[1]", "cartItem[2]"]


def test_an_offering_with_two_results_is_not_called_qualified():
    (found,) = not_qualified([ITEM], [document("P1"), document("P1", result="unqualified")], NOW)
    assert found.path == "cartItem[0]"
    assert "also something else" in found.message
    expired = document("P1", result="unqualified", expirationDate="2020-01-01T00:00:00Z")
    assert [each.path for each in not_qualified([ITEM], [document("P1"), expired], NOW)] == [
        "productOfferingQualification[1]"
    ]
