from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.cart import built_in_cart, catalogue_of, children_of, every_item, offering_of
from gateway.demo.processes import Child, free_ports, running
from gateway.demo.run import run_demo
from gateway.demo.show import Show
from gateway.demo.truth import differences, expected_lines
from gateway.errors import OperatorError


def test_the_cart_is_the_one_that_is_promised():
    cart = built_in_cart()
    bundle, *others = cart["cartItem"]

    optional = [item for item in every_item(bundle) if offering_of(item) != "SIM_CARD"]
    assert len(optional) == 120
    assert {len(item["id"].split(".")) for item in optional} == {2, 3}
    assert [offering_of(item) for item in others] == ["HANDSET", "HANDSET", "MUSIC_FLAT_RATE", "TABLET"]
    colours = [item["product"]["productCharacteristic"][0]["value"] for item in others[:2]]
    assert colours == ["Black", "White"]
    alteration = others[2]["itemPrice"][0]["priceAlteration"][0]
    assert (alteration["price"], alteration["applicationDuration"]) == ({"percentage": 50}, 3)
    assert others[3]["status"] == "saveForLater"
    assert len({item["id"] for item in every_item(cart)}) == 126


def test_the_catalogue_makes_the_sim_card_mandatory_and_the_rest_optional():
    catalogue = catalogue_of(built_in_cart())
    assert catalogue is not None

    products = {product["code"]: product for product in tomllib.loads(catalogue)["product"]}
    children = {child["code"]: child["minimum"] for child in products["MOBILE_BUNDLE"]["child"]}
    assert children["SIM_CARD"] == 1
    assert sum(children.values()) == 1
    assert len(products["ADD_ON_GROUP_01"]["child"]) == 11
    assert "TABLET" in products


def test_a_cart_without_mandatory_children_needs_no_catalogue():
    assert catalogue_of({"cartItem": [{"productOffering": {"id": "A"}}]}) is None


def ledger_of(cart: dict) -> list[dict]:
    """Return the ledger of an order system that did what the cart says."""
    lines = []
    stack = [(item, None) for item in children_of(cart) if item.get("status") != "saveForLater"]
    while stack:
        item, parent = stack.pop()
        line_id = f"802-{item['id']}"
        stack += [(child, line_id) for child in children_of(item)]
        characteristics = item.get("product", {}).get("productCharacteristic", [])
        lines.append(
            {
                "id": line_id,
                "parent": parent,
                "offering": offering_of(item),
                "action": "Add",
                "quantity": item["quantity"],
                "characteristics": {each["name"]: each["value"] for each in characteristics},
                "alterations": [
                    alteration for price in item.get("itemPrice", []) for alteration in price.get("priceAlteration", [])
                ],
            }
        )
    common = {"order": "1", "externalId": "gw1-x-0", "lines": lines}
    return [
        {**common, "effect": "created", "state": "Draft"},
        {**common, "effect": "submitted", "state": "In Progress"},
        {**common, "effect": "state", "state": "Activated"},
    ]


def judged(cart: dict, entries: list[dict], folder: Path) -> list[str]:
    path = folder / "ledger.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return differences(cart, path)


class TestTruth:
    """The demo is as good as its judge: every way to be wrong must be seen."""

    def test_an_order_that_equals_the_cart_is_right(self, tmp_path: Path):
        cart = built_in_cart()

        assert sum(expected_lines(cart).values()) == 125
        assert judged(cart, ledger_of(cart), tmp_path) == []

    def test_numbers_that_are_equal_are_equal_however_they_are_written(self, tmp_path: Path):
        cart = built_in_cart()
        ledger = ledger_of(copy.deepcopy(cart))
        for line in ledger[1]["lines"]:
            for alteration in line["alterations"]:
                alteration["price"]["percentage"] = 50.0

        assert judged(cart, ledger, tmp_path) == []

    @pytest.mark.parametrize("times", [0, 2])
    def test_not_exactly_one_submission_is_wrong(self, tmp_path: Path, times: int):
        cart = built_in_cart()
        created, submitted, state = ledger_of(cart)

        wrong = judged(cart, [created, *[submitted] * times, state], tmp_path)

        assert len(wrong) == 1
        assert "exactly one" in wrong[0]

    def test_two_orders_are_wrong(self, tmp_path: Path):
        cart = built_in_cart()
        entries = ledger_of(cart)

        assert judged(cart, [*entries, {**entries[1], "order": "2"}], tmp_path) != []

    @pytest.mark.parametrize(
        "change",
        [
            lambda lines: lines.pop(),
            lambda lines: lines.append(lines[0]),
            lambda lines: lines[3].update(quantity=2),
            lambda lines: lines[3].update(offering="OTHER"),
            lambda lines: lines[3].update(action="Delete"),
            lambda lines: next(line for line in lines if line["parent"])["characteristics"].update(ATTR_ZONE="x"),
            lambda lines: next(line for line in lines if line["offering"] == "HANDSET")["characteristics"].clear(),
            lambda lines: next(line for line in lines if line["alterations"])["alterations"].clear(),
            lambda lines: next(line for line in lines if line["parent"]).update(parent=None),
            lambda lines: next(line for line in lines if line["alterations"])["alterations"][0].update(
                applicationDuration=4
            ),
        ],
    )
    def test_any_difference_of_a_line_is_seen(self, tmp_path: Path, change):
        cart = built_in_cart()
        ledger = ledger_of(copy.deepcopy(cart))
        change(ledger[1]["lines"])

        wrong = judged(cart, ledger, tmp_path)

        assert wrong != []
        assert all(line.startswith("order 1 ") for line in wrong)


class TestProcesses:
    def test_free_ports_differ(self):
        assert len(set(free_ports(5))) == 5

    def test_a_process_that_does_not_start_is_told_with_its_messages_and_the_others_are_ended(self, tmp_path: Path):
        commands = [
            (["sandbox", "--port", "0"], tmp_path / "sandbox.log"),
            (["config", "check", "--config", "nowhere.toml"], tmp_path / "config.log"),
        ]
        seen: list[Child] = []

        with (
            pytest.raises(OperatorError, match=r"did not start:\nnowhere\.toml: cannot be read"),
            running(commands) as c,
        ):
            seen += c

        assert seen == []


def test_a_cart_that_is_refused_is_told_once_and_without_the_messages_of_a_server(tmp_path: Path):
    said: list[str] = []

    class Told(Show):
        def say(self, text: str) -> None:
            said.append(text)

        bad = heading = say

        def call(self, *told: Any) -> None:
            said.append(str(told[-1]))

    assert run_demo({"cartItem": [{"id": "1", "quantity": 0}]}, tmp_path, Told(), keep=False) is False

    whole = "\n".join(said)
    assert whole.count("cartItem[0].quantity: must be from 1 to 1000000") == 1
    assert "The gateway refuses this: nothing was ordered." in whole
    assert "Started server process" not in whole
