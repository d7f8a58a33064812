from __future__ import annotations

from typing import Any

import pytest

from gateway.carts.dialects import V4, V5
from gateway.ordering.findings import Findings
from gateway.ordering.values import reference
from gateway.tmf.hrefs import last_segment

HREFS: list[tuple[Any, str]] = [
    ("https://crm.example/party/42", "42"),
    ("https://crm.example/party/42/", "42"),
    ("/party/42", "42"),
    ("party/42", "42"),
    ("42", "42"),
    ("https://crm.example/party/42?depth=1", "42"),
    ("https://crm.example/party/42?next=/a/b", "42"),
    ("https://crm.example/party/42#top", "42"),
    ("https://crm.example/party/42/?depth=1#/top", "42"),
    ("urn:tmf:party:42", "urn:tmf:party:42"),
    ("https://crm.example/party/a b", "a b"),
    ("https://crm.example", ""),
    ("https://crm.example/", ""),
    ("https://", ""),
    ("https://crm.example/?id=42", ""),
    ("?id=42", ""),
    ("#42", ""),
    ("/", ""),
    ("", ""),
    (None, ""),
    (42, ""),
]


@pytest.mark.parametrize(("href", "expected"), HREFS)
def test_the_id_is_what_the_path_of_an_address_ends_with(href: Any, expected: str) -> None:
    assert last_segment(href) == expected


@pytest.mark.parametrize(("href", "expected"), HREFS)
def test_v4_and_v5_show_the_id_that_the_order_gets(href: Any, expected: str) -> None:
    cart = {"cartItem": [{"id": "1", "productOffering": {"href": href}}]}
    findings = Findings()

    ordered = reference({"href": href}, "cartItem[0].productOffering", findings)

    assert (ordered or {"id": ""})["id"] == expected
    assert findings.refused == (not expected)
    for dialect in (V4, V5):
        shown = dialect.from_canonical(cart)["cartItem"][0]["productOffering"]
        # v4 says that there is none by an id of no characters.
        assert shown.get("id", "") == expected
