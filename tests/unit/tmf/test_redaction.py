"""What is kept of a body describes the order and no person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tmf.redaction import redacted_body

PERSONAL = "Erika Mustermann, Heidestr. 17"
ORDER: dict[str, Any] = {
    "externalId": "gw1-abc-0",
    "description": PERSONAL,
    "requestedStartDate": "2026-12-01T00:00:00Z",
    "relatedParty": [
        {"id": "CD1", "role": "customer", "name": PERSONAL, "@referredType": "Account", "email": PERSONAL}
    ],
    "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": PERSONAL}}],
    "place": [{"id": "L1", "role": "delivery", "streetName": PERSONAL, "geographicLocation": {"x": 1.5}}],
    "payment": [{"id": "P1", "name": PERSONAL, "paymentMethod": {"cardNumber": 4111111111111111}}],
    "note": [{"text": PERSONAL, "author": PERSONAL, "date": "2026-12-01"}],
    "x-own": PERSONAL,
    "productOrderItem": [
        {
            "id": "1",
            "action": "add",
            "quantity": 2,
            "productOffering": {"id": "SIM", "name": "SIM card"},
            "itemPrice": [{"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 19.90}}}],
            "product": {
                "productSerialNumber": PERSONAL,
                "productCharacteristic": [{"name": "msisdn", "value": PERSONAL, "valueType": "string"}],
                "place": [{"id": "L1", "name": PERSONAL}],
            },
        }
    ],
}


def redacted(document: Any, **options: Any) -> Any:
    return json.loads(redacted_body(json.dumps(document).encode(), **{"bytes_max": 100_000, **options})[0])


def test_what_describes_the_order_stays_and_what_describes_a_person_does_not():
    shown = redacted(ORDER)

    assert PERSONAL not in json.dumps(shown)
    assert "4111111111111111" not in json.dumps(shown)
    assert (shown["externalId"], shown["requestedStartDate"]) == ("gw1-abc-0", "2026-12-01T00:00:00Z")
    assert shown["relatedParty"] == [
        {"id": "CD1", "role": "customer", "name": "[redacted]", "@referredType": "Account", "email": "[redacted]"}
    ]
    item = shown["productOrderItem"][0]
    assert (item["id"], item["action"], item["quantity"]) == ("1", "add", 2)
    assert item["productOffering"] == {"id": "SIM", "name": "SIM card"}
    assert item["itemPrice"][0]["price"]["dutyFreeAmount"] == {"unit": "EUR", "value": 19.9}
    characteristic = {"name": "msisdn", "value": "[redacted]", "valueType": "string"}
    assert item["product"]["productCharacteristic"] == [characteristic]
    assert shown["x-own"] == "[redacted]"


def test_an_operator_names_what_else_is_kept():
    shown = redacted(ORDER, kept=("productSerialNumber", "x-own"))
    assert (shown["x-own"], shown["productOrderItem"][0]["product"]["productSerialNumber"]) == (PERSONAL, PERSONAL)
    # What a party, a place or a characteristic holds is never kept.
    assert json.dumps(redacted(ORDER, kept=("name", "value", "text", "email"))).count(PERSONAL) == 0


def test_an_error_that_repeats_what_was_sent_does_not_tell_it():
    _, replaced = redacted_body(json.dumps(ORDER).encode(), bytes_max=100_000)
    shown = redacted(
        [{"errorCode": "X", "message": f"no account {PERSONAL}!", "path": "relatedParty[0]"}], said=replaced
    )
    assert shown == [{"errorCode": "X", "message": "no account [redacted]!", "path": "relatedParty[0]"}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"{" + b" " * 200 + b"}", "larger"), (b"<html>", "not acceptable"), (b"\xff", "not acceptable")],
)
def test_of_what_is_large_or_no_json_only_the_size_is_told(body, reason):
    shown = json.loads(redacted_body(body, bytes_max=100)[0])
    assert (shown["@type"], shown["byteCount"]) == ("Omitted", len(body))
    assert reason in shown["reason"]


def test_nothing_stays_nothing():
    assert redacted_body(b" ", bytes_max=10) == (b"null", frozenset())


@given(
    st.recursive(
        st.just(PERSONAL),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(
                st.sampled_from(["title", "x", "relatedParty", "note", "value2", "characteristic"]),
                children,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_no_structure_lets_a_value_through_that_is_not_listed(document):
    assert PERSONAL not in json.dumps(redacted({"x": document}))
