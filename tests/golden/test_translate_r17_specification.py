"""The sample cart as it stands in the text of the R17 specification, through `gateway translate`, to a valid v4 order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import r17_samples as samples
from click.testing import CliRunner
from official_v4 import validator_v4

from gateway.cli import main

PARTY = {"relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer"}]}


@pytest.fixture
def cart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The specification's cart, written to cart.json; request.json names the customer, whom the cart does not."""
    if not samples.SPECIFICATION.exists():
        pytest.skip("the specification's text is not beside the repository")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    found: dict[str, Any] = samples.samples_of(samples.SPECIFICATION.read_text(encoding="utf-8"))[0]
    (tmp_path / "cart.json").write_text(json.dumps(found))
    (tmp_path / "request.json").write_text(json.dumps(PARTY))
    return found


def translated(mapping: str, *arguments: str) -> dict[str, Any]:
    command = ("translate", "cart.json", "--mapping", mapping, "--format", "json", *arguments)
    answer = CliRunner().invoke(main, command)
    assert answer.exit_code == 0, answer.output
    preview: dict[str, Any] = json.loads(answer.stdout)
    return preview


@pytest.mark.parametrize(
    ("mapping", "arguments"),
    [("tmf622-v4", ()), ("tmf622-v4", ("--request", "request.json")), ("salesforce-v4", ("--request", "request.json"))],
)
def test_the_sample_of_the_specification_becomes_an_order_that_is_valid_by_the_official_schema(
    cart, mapping, arguments
):
    preview = translated(mapping, *arguments)
    order = preview["order"]

    validator_v4("ProductOrder_Create").validate(order)
    (item,), (line,) = cart["cartItem"], order["productOrderItem"]
    assert (line["action"], line["quantity"]) == ("add", item["quantity"])
    assert line["productOffering"]["id"] == item["productOffering"]["id"]
    assert preview["step"][0]["kind"] == "create"


def test_the_schema_would_notice_an_order_that_is_not_valid(cart):
    order = translated("tmf622-v4")["order"]
    del order["productOrderItem"][0]["action"]

    with pytest.raises(jsonschema.ValidationError, match="'action' is a required property"):
        validator_v4("ProductOrder_Create").validate(order)
