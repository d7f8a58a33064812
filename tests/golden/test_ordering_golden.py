"""Golden cases: a cart in, and what it becomes for each order system. See `regenerate_ordering.py` to change them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from official_v4 import validator_v4
from official_v5 import validator_v5
from ordering_outcome import CASES, MAPPINGS, case_settings, cases, outcome, translated, written

from gateway.ordering.calls.writer import Writer
from gateway.ordering.findings import CODES
from gateway.tmf.json import encode_json


def plain(value: Any) -> Any:
    """The JSON as a schema validator wants it: its numbers are floats."""
    return json.loads(written(value))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_the_outcome_is_the_expected_one(case, mapping):
    expected = (CASES / case / f"{mapping}.json").read_bytes()
    assert written(outcome(case, mapping)).decode() == expected.decode()


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_a_case_is_refused_as_it_says_and_ordered_otherwise(case, mapping):
    one = outcome(case, mapping)
    errors = sorted({finding["code"] for finding in one["findings"] if finding["severity"] == "error"})
    assert errors == case_settings(case).get("refused", {}).get(mapping, [])
    assert ("calls" in one) == (not errors)
    assert "calls" not in one or one["calls"][0]["kind"] == "create"


def ordered(mapping: str) -> list[str]:
    """The cases that are not refused: each has calls, so that a check of them is never one of nothing."""
    return [case for case in cases() if mapping not in case_settings(case).get("refused", {})]


@pytest.mark.parametrize("case", ordered("tmf622-v4"))
def test_the_order_for_a_plain_server_is_valid_by_the_official_schema(case):
    (create,) = outcome(case, "tmf622-v4")["calls"]
    validator_v4("ProductOrder_Create").validate(plain(create["body"]))


@pytest.mark.parametrize("case", ordered("tmf622-v5"))
def test_the_calls_for_a_v5_server_are_valid_by_the_official_schema(case):
    calls = outcome(case, "tmf622-v5")["calls"]
    checked = 0
    for call in calls:
        body = plain(call["body"])
        if call["kind"] == "create":
            validator_v5("ProductOrder_FVO").validate(body)
            checked += 1
        elif call["mediaType"] == "application/merge-patch+json":
            validator_v5("ProductOrder_MVO").validate(body)
            checked += 1
        for operation in body if isinstance(body, list) else ():
            assert operation["path"].endswith(("/productOrderItem/-", "/productOrderItem")), (
                "items are all that a patch adds"
            )
            first = operation["path"].endswith("/productOrderItem")
            for item in operation["value"] if first else [operation["value"]]:
                validator_v5("ProductOrderItem_FVO").validate(item)
                checked += 1
    assert checked >= len(calls)


@pytest.mark.parametrize(
    ("file_version", "attribute", "value"),
    [
        ("v4", "requestedStartDate", "tomorrow"),
        ("v4", "requestedStartDate", "2026-12-01T00:00"),
        ("v4", "@schemaLocation", "no address at all"),
        ("v5", "requestedStartDate", "2026-12-01 00:00:00Z"),
    ],
)
def test_the_schemas_notice_a_value_of_another_format(file_version, attribute, value):
    body = plain(outcome("v4-full", f"tmf622-{file_version}")["calls"][0]["body"])
    body.setdefault("requestedStartDate", "2026-12-01T00:00:00Z")
    checker = validator_v4("ProductOrder_Create") if file_version == "v4" else validator_v5("ProductOrder_FVO")
    checker.validate(body)
    body[attribute] = value
    with pytest.raises(jsonschema.ValidationError):
        checker.validate(body)


def test_the_v5_schema_notices_what_is_wrong():
    (create, *_) = outcome("v4-full", "tmf622-v5")["calls"]
    body = plain(create["body"])
    body["relatedParty"][0]["partyOrPartyRole"]["@type"] = "Individual"
    (listed,) = (item["product"]["productCharacteristic"] for item in body["productOrderItem"])
    del listed[0]["@type"]
    listed[1]["value"] = 5
    listed[2]["@type"] = "StringCharacteristic"
    wrong = {error.json_path for error in validator_v5("ProductOrder_FVO").iter_errors(body)}
    assert wrong == {
        "$.relatedParty[0].partyOrPartyRole['@type']",
        "$.productOrderItem[0].product.productCharacteristic[0]",
        "$.productOrderItem[0].product.productCharacteristic[1].value",
        "$.productOrderItem[0].product.productCharacteristic[2].value",
    }


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_what_a_plan_counts_is_what_an_item_takes(case, mapping):
    """The planner counts bytes without making the item where it can."""
    used, order = translated(case, mapping)
    writer = Writer(used)
    for line in order.lines if order is not None else ():
        assert writer.size_bytes(line) == len(encode_json(writer.item(line)))


@pytest.mark.parametrize("case", cases())
def test_every_case_says_what_it_shows(case):
    assert case_settings(case)["title"]


def test_the_corpus_refuses_and_orders():
    outcomes = [outcome(case, mapping) for case in cases() for mapping in MAPPINGS]
    assert any("calls" in one for one in outcomes)
    assert any("order" not in one for one in outcomes)
    codes = {finding["code"] for one in outcomes for finding in one["findings"]}
    assert codes <= set(CODES)
