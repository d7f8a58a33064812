"""Golden cases: a cart in, and what it becomes for each order system. See `regenerate_ordering.py` to change them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from official_v5 import validator_v5
from ordering_outcome import CASES, MAPPINGS, case_settings, cases, outcome, translated, written

from gateway.ordering.findings import CODES
from gateway.ordering.wire import Writer
from gateway.tmf.json import encode_json

SPECS = Path(__file__).resolve().parents[2] / ".." / "shared" / "specs"


@cache
def validator(file: str, definition: str) -> jsonschema.Draft4Validator:
    path = SPECS / file
    if not path.exists():
        pytest.skip(f"the official API file {file} is not beside the repository")
    definitions = json.loads(path.read_text("utf-8"))["definitions"]
    return jsonschema.Draft4Validator({"$ref": f"#/definitions/{definition}", "definitions": definitions})


def plain(value: Any) -> Any:
    """The JSON as a schema validator wants it: its numbers are floats."""
    return json.loads(written(value))


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_the_outcome_is_the_expected_one(case, mapping):
    expected = (CASES / case / f"{mapping}.json").read_bytes()
    assert written(outcome(case, mapping)).decode() == expected.decode()


@pytest.mark.parametrize("case", cases())
def test_the_order_for_a_plain_server_is_valid_by_the_official_schema(case):
    for call in outcome(case, "tmf622-v4").get("calls", ()):
        validator("TMF622-ProductOrder-v4.0.0.swagger.json", "ProductOrder_Create").validate(plain(call["body"]))


@pytest.mark.parametrize("case", cases())
def test_the_calls_for_a_v5_server_are_valid_by_the_official_schema(case):
    for call in outcome(case, "tmf622-v5").get("calls", ()):
        body = plain(call["body"])
        if call["kind"] == "create":
            validator_v5("ProductOrder_FVO").validate(body)
        elif call["mediaType"] == "application/merge-patch+json":
            validator_v5("ProductOrder_MVO").validate(body)
        for operation in body if isinstance(body, list) else ():
            if operation["path"].endswith("/productOrderItem/-"):
                validator_v5("ProductOrderItem_FVO").validate(operation["value"])


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
