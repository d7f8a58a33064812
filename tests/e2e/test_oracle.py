"""The oracle sees what it is there to see: a cart, an order that is its equal, and each way in which that can go wrong."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
from support.carts import action_counts, item_count, make_cart, offering_of
from support.oracle import History, judge, read_ledger

ROOT = "abcdefghijklmnop"
CHECKOUT = "checkout-1"
Ledger: TypeAlias = list[dict[str, Any]]


def the_cart() -> dict[str, Any]:
    return make_cart(Random(11), items=30, installed=3, alterations_max=2)


def lines_of(cart: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lines of an order that holds what the cart holds."""
    numbers = itertools.count(1)
    waiting: list[tuple[Mapping[str, Any], str | None]] = [(item, None) for item in cart["cartItem"]]
    while waiting:
        item, parent = waiting.pop()
        if item["status"] == "savedForLater":
            continue
        product = item.get("product", {})
        line_id = f"line-{next(numbers)}"
        yield {
            "id": line_id,
            "item": item["id"],
            "parent": parent,
            "offering": offering_of(item),
            "product": product.get("id"),
            "action": item["action"],
            "quantity": item["quantity"],
            "characteristics": {each["name"]: each["value"] for each in product.get("productCharacteristic", ())},
            "alterations": [each for price in item.get("itemPrice", ()) for each in price["priceAlteration"]],
        }
        waiting += [(child, line_id) for child in item.get("cartItem", ())]


def ledger_of(cart: Mapping[str, Any]) -> Ledger:
    entry = {"order": "00000001", "externalId": f"gw1-{ROOT}-0", "lines": list(lines_of(cart))}
    return [{**deepcopy(entry), "effect": effect, "state": effect} for effect in ("created", "submitted")]


def checkout_of(ledger: Ledger) -> dict[str, Any]:
    return {
        "id": CHECKOUT,
        "state": "completed",
        "statusReason": None,
        "shoppingCart": {"id": "cart-1"},
        "productOrder": {"id": "00000001", "externalId": f"gw1-{ROOT}-0"},
        "item": [{"cartItemId": line["item"], "orderLineItemId": line["id"]} for line in ledger[-1]["lines"]],
    }


def problems(
    folder: Path, cart: Mapping[str, Any], checkout: Mapping[str, Any], ledger: Ledger, history: History | None = None
) -> str:
    path = folder / "ledger.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in ledger), encoding="utf-8")
    verdict = judge({"cart-1": cart}, [checkout], read_ledger(path), history, told={"cart-1": CHECKOUT})
    return "\n".join(verdict.problems)


def test_an_equal_order_is_right(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    assert problems(tmp_path, cart, checkout_of(ledger), ledger) == ""
    assert item_count(cart) == len(ledger[-1]["lines"]) == 30
    assert set(action_counts(cart)) == {"add", "modify", "delete"}
    assert any(line["alterations"] for line in ledger[-1]["lines"])


def line_where(lines: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    return next(line for line in lines if all(line[name] == value for name, value in values.items()))


def exchange_parents(lines: list[dict[str, Any]]) -> None:
    first = next(line for line in lines if line["parent"])
    second = next(line for line in lines if line["parent"] not in (None, first["parent"]))
    first["parent"], second["parent"] = second["parent"], first["parent"]


SPOILINGS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "a line is missing": lambda lines: lines.remove(line_where(lines, action="delete")),
    "a line is there twice": lambda lines: lines.append({**line_where(lines, action="add"), "id": "once more"}),
    "another offering": lambda lines: line_where(lines, action="add").update(offering="OTHER"),
    "another installed product": lambda lines: line_where(lines, action="modify").update(product="ASSET-OTHER"),
    "modified instead of removed": lambda lines: line_where(lines, action="delete").update(action="modify"),
    "another quantity": lambda lines: line_where(lines, action="add").update(quantity=99),
    "another value": lambda lines: line_where(lines, action="add")["characteristics"].update(colour="Plaid"),
    "beneath another parent": exchange_parents,
    "priced twice": lambda lines: next(line for line in lines if line["alterations"])["alterations"].extend(
        next(line for line in lines if line["alterations"])["alterations"]
    ),
    "not priced": lambda lines: next(line for line in lines if line["alterations"])["alterations"].clear(),
}


@pytest.mark.parametrize("name", SPOILINGS)
def test_an_order_that_holds_something_else_is_seen(tmp_path: Path, name: str) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    checkout = checkout_of(ledger)
    SPOILINGS[name](ledger[-1]["lines"])
    assert "I3" in problems(tmp_path, cart, checkout, ledger)


def test_what_was_not_submitted_is_lost(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    assert "I1 lost" in problems(tmp_path, cart, checkout_of(ledger), ledger[:1])


def test_what_was_submitted_twice_is_seen(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    checkout = checkout_of(ledger)
    assert "I2 submitted 2 times" in problems(tmp_path, cart, checkout, [*ledger, ledger[-1]])
    other = [{**entry, "order": "00000002", "externalId": f"gw1-{ROOT}-1"} for entry in ledger]
    assert "I2 submitted 2 times" in problems(tmp_path, cart, checkout, [*ledger, *other])
    stranger = [{**entry, "order": "00000002", "externalId": "gw1-qrstuvwxyzabcdef-0"} for entry in ledger]
    assert "belong to no checkout" in problems(tmp_path, cart, checkout, [*ledger, *stranger])


def test_a_checkout_that_says_something_else_than_the_ledger_is_seen(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    checkout = checkout_of(ledger)
    assert "I1 not at its end" in problems(tmp_path, cart, {**checkout, "state": "held"}, ledger)
    rejected = problems(tmp_path, cart, {**checkout, "state": "rejected"}, ledger)
    assert "I6 somebody was told ['rejected']" in rejected
    named = {**checkout, "productOrder": {**checkout["productOrder"], "id": "00000009"}}
    assert "I4 the checkout names order 00000009" in problems(tmp_path, cart, named, ledger)
    items = [{**checkout["item"][0], "orderLineItemId": "nowhere"}, *checkout["item"][1:]]
    assert "I4 item" in problems(tmp_path, cart, {**checkout, "item": items}, ledger)


def test_a_live_post_that_was_lost_too_often_may_be_held_when_there_is_no_order(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    reason = "held: 3 calls that make a live order were lost, and each was proven to have had no effect: find out why"
    held = {**checkout_of(ledger), "state": "held", "statusReason": reason}
    assert problems(tmp_path, cart, held, ledger[:1]) == ""
    assert "I1 not at its end" in problems(tmp_path, cart, held, ledger)
    assert "I1 lost" in problems(tmp_path, cart, {**held, "statusReason": "held: for another reason"}, ledger[:1])


def test_a_state_that_goes_back_is_seen(tmp_path: Path) -> None:
    cart = the_cart()
    ledger = ledger_of(cart)
    checkout = checkout_of(ledger)
    history = History()
    for state in ("accepted", "submitted", "drafting", "completed"):
        history.note({**checkout, "state": state})
    assert "I5 went back from submitted to drafting" in problems(tmp_path, cart, checkout, ledger, history)
