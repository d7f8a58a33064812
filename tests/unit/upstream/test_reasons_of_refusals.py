"""Every reason of an error answer: of TM Forum's Error with details, of arrays with paths, of items, of a platform's own object."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ordering import Mapping
from gateway.ordering.lint.loading import parse_mapping
from gateway.upstream.answers import clean
from gateway.upstream.outcome import Rejected, classify
from gateway.upstream.reasons import REASONS_MAX, UpstreamReason, reasons_of

MAPPING: Mapping = parse_mapping(b'name = "a"\n[api]\nresource = "productOrder"\n', "a.toml")
LONG = "The value of this attribute is not one of those that the catalogue allows for it, so that the order cannot be taken. "


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # ServiceNow: the causes are in the details, with a data path.
        (
            {"code": 1, "reason": "Bad request", "message": "Invalid", "details": [
                {"message": "productSpecification missing", "datapath": "/productOrderItem/0/productSpecification"},
                {"message": "unknown channel", "datapath": "/channel/0/id"}]},
            [("Bad request: Invalid", "1", ""),
             ("productSpecification missing", "1", "/productOrderItem/0/productSpecification"),
             ("unknown channel", "1", "/channel/0/id")],
        ),
        # Mplify: a 422 is an array, with JSON pointers.
        (
            [{"code": "missingProperty", "reason": "Missing", "message": "quoteItem", "propertyPath": "#/productOrderItem/1/quoteItem"},
             {"code": "invalidValue", "reason": "No such action", "propertyPath": "#/productOrderItem/0/action"}],
            [("Missing: quoteItem", "missingProperty", "#/productOrderItem/1/quoteItem"),
             ("No such action", "invalidValue", "#/productOrderItem/0/action")],
        ),
        # Salesforce: the text is under `error`, with an id that its support asks for.
        (
            {"errorCode": "INVOKE-500", "error": "An error occurred. Please contact support. Error ID: 1234567890-12345 (-98765)"},
            [("An error occurred. Please contact support. Error ID: 1234567890-12345 (-98765)", "INVOKE-500", "")],
        ),
        ([{"message": "no such field", "errorCode": "INVALID_FIELD", "fields": ["Quantity"]}],
         [("no such field", "INVALID_FIELD", "Quantity")]),
        # RFC 9457 with violations, and errors inside of errors.
        ({"title": "Invalid", "violations": [{"field": "relatedParty[0].id", "message": "unknown"}]},
         [("Invalid", "", ""), ("unknown", "", "relatedParty[0].id")]),
        ({"error": {"code": "E1", "message": "inner"}}, [("inner", "E1", "")]),
        ({"errors": ["one", "two"]}, [("one", "", ""), ("two", "", "")]),
        ({"error": "invalid_grant"}, [("invalid_grant", "", "")]),
        (None, []), ("text", [("text", "", "")]), ({}, []),
    ],
)  # fmt: skip
def test_each_reason_comes_with_its_code_and_path(document, expected):
    assert [(one.message, one.code, one.path) for one in reasons_of(document)] == expected


def test_reasons_of_items_name_them():
    order = {
        "id": "77",
        "productOrderErrorMessage": [
            {"code": "9", "message": "for an item", "productOrderItem": [{"productOrderItemId": "i-2"}]}
        ],
        "productOrderItem": [
            {"id": "i-1", "terminationError": [{"code": "7", "value": "x", "message": "no stock"}]},
            {"id": "i-3", "productOrderItem": [{"id": "i-4", "errorMessage": "too far"}]},
        ],
    }
    assert {(one.item, one.message, one.code) for one in reasons_of(order)} == {
        ("i-2", "for an item", "9"), ("i-1", "no stock", "7"), ("i-4", "too far", ""),
    }  # fmt: skip


def test_all_reasons_are_told_and_none_is_cut_in_the_middle_of_a_word():
    details = [
        {"message": f"{LONG} number {number}", "propertyPath": f"/productOrderItem/{number}"} for number in range(6)
    ]
    outcome = classify(400, {}, {"code": "20", "reason": "Refused", "details": details}, MAPPING)
    assert isinstance(outcome, Rejected)
    assert len(outcome.reasons) == 7
    for number in range(6):
        assert f"number {number}" in outcome.detail
    words = set(f"{LONG} {' '.join(map(str, range(6)))} number 400 20: Refused; Refused;".split())
    assert set(clean(outcome.detail, 150).removesuffix("…").split()) <= words | {f"{word};" for word in words}
    assert len(clean(outcome.detail, 150)) <= 150


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "code",
                    "message",
                    "details",
                    "errors",
                    "error",
                    "path",
                    "productOrderItem",
                    "id",
                    "errorMessage",
                    "fields",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@given(json_values)
def test_no_answer_is_too_odd(document: Any):
    reasons = reasons_of(document)
    assert len(reasons) <= REASONS_MAX
    assert all(isinstance(one, UpstreamReason) and one.message for one in reasons)
    assert isinstance(classify(400, {}, document, MAPPING), Rejected)
