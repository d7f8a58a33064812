"""Lines that were sent, found again in the order: exact pairs, and every difference told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import NO_MARKER, KnownLine, ObservedOrder, OrderLine
from gateway.ordering.readback.matching import match

FILE = Path(__file__).resolve().parents[4] / "mappings" / "salesforce-v4.toml"
MAPPING = parse_mapping(FILE.read_bytes(), FILE.name)
READABLE = replace(MAPPING, lines=replace(MAPPING.lines, alterations_readable=True))


def sent(item_id, offering="A", parent=None, *, action="add", quantity=1, mandatory=False, product_id=None, **values):
    item = {"id": item_id, "action": action}
    if offering:
        item["productOffering"] = {"id": offering}
    if quantity is not None:
        item["quantity"] = quantity
    product = {"id": product_id} if product_id else {}
    if values:
        product["productCharacteristic"] = [{"name": name, "value": value} for name, value in values.items()]
    if product:
        item["product"] = product
    depth = 1 if parent is None else 2
    return OrderLine(
        id=item_id,
        cart_item_id=item_id,
        parent_id=parent,
        root_id=parent or item_id,
        depth=depth,
        item=item,
        mandatory=mandatory,
    )


def shown(line_id, offering="A", parent=None, *, item_id=None, action="add", quantity=1, product_id=None, **values):
    return KnownLine(
        line_id=line_id,
        item_id=item_id,
        parent_line_id=parent,
        offering=offering,
        action=action,
        quantity=quantity,
        characteristics=values,
        alterations=(),
        product_id=product_id,
    )


def matched(lines, observed, *, mapping=MAPPING, known=(), priced=()):
    order = ObservedOrder(id="1", href=None, state="Draft", marker=NO_MARKER, lines=tuple(observed))
    return match(lines, priced, order, mapping, dict(known))


def test_the_echoed_item_id_pairs_lines():
    found = matched([sent("1"), sent("2")], [shown("802B", item_id="2"), shown("802A", item_id="1")])
    assert found.exact
    assert found.line_ids == {"1": "802A", "2": "802B"}


def test_the_same_product_twice_is_told_apart_by_its_characteristics():
    lines = [sent("1", color="White"), sent("2", color="Black")]
    found = matched(lines, [shown("802X", color="Black"), shown("802Y", color="White")])
    assert found.exact
    assert found.line_ids == {"1": "802Y", "2": "802X"}


def test_a_line_that_says_less_does_not_take_the_line_that_says_more():
    lines = [sent("1"), sent("2", color="Black")]
    found = matched(lines, [shown("802X", color="Black"), shown("802Y", color="Default")])
    assert found.exact
    assert found.line_ids == {"1": "802Y", "2": "802X"}


def test_known_pairs_come_first():
    found = matched([sent("1"), sent("2")], [shown("802A"), shown("802B")], known={"1": "802B"})
    assert found.line_ids == {"1": "802B", "2": "802A"}


def test_children_are_sought_beneath_their_parent():
    lines = [sent("1", "P"), sent("2", "P"), sent("1.1", "C", "1", n="a"), sent("2.1", "C", "2", n="b")]
    observed = [shown("X", "P"), shown("Y", "P"), shown("X1", "C", "X", n="a"), shown("Y1", "C", "Y", n="b")]
    found = matched(lines, observed)
    assert found.exact
    assert found.line_ids["1.1"] == "X1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (shown("802A", "B", item_id="1"), "missing"),
        (shown("802A", item_id="1", quantity=2), "quantity 2"),
        (shown("802A", item_id="1", action="delete"), "action delete"),
        (shown("802A", item_id="1", color="Black"), "characteristic color"),
    ],
)
def test_every_difference_is_told(line, words):
    found = matched([sent("1", color="White")], [line])
    assert not found.exact
    if words == "missing":
        assert found.missing == ("1",)
        assert found.unexpected == ("802A",)
    else:
        ((item_id, why),) = [pair for pair in found.wrong if words in pair[1]]
        assert item_id == "1"
        assert "White" not in why


def test_a_line_nobody_sent_is_unexpected_unless_the_system_adds_children():
    observed = [shown("802A", item_id="1"), shown("802B", "SIM", "802A"), shown("802C", "ESIM", "802B")]
    assert matched([sent("1")], observed).exact
    strict = replace(MAPPING, lines=replace(MAPPING.lines, added_children=False))
    assert matched([sent("1")], observed, mapping=strict).unexpected == ("802B", "802C")
    assert matched([sent("1")], [shown("802A", item_id="1"), shown("802Z", "SIM")]).unexpected == ("802Z",)


def test_two_lines_under_one_id_are_one_too_many():
    assert matched([sent("1")], [shown("802A"), shown("802A")]).unexpected == ("802A",)


def test_a_line_sent_once_and_there_twice_is_found():
    found = matched([sent("1")], [shown("802A", item_id="1"), shown("802B", item_id="1")])
    assert not found.exact
    assert len(found.unexpected) == 1


def test_a_missing_line():
    found = matched([sent("1"), sent("2", "B")], [shown("802A", item_id="1")])
    assert found.missing == ("2",)


def test_a_line_beneath_another_parent_is_wrong():
    lines = [sent("1", "P"), sent("2", "Q"), sent("1.1", "C", "1")]
    observed = [shown("X", "P", item_id="1"), shown("Y", "Q", item_id="2"), shown("Z", "C", "Y", item_id="1.1")]
    assert any("another parent" in why for _, why in matched(lines, observed).wrong)


def test_equal_numbers_are_equal_values():
    assert matched([sent("1", speed="500")], [shown("802A", speed=500)]).exact


def test_a_mandatory_child_may_show_that_it_was_added():
    lines = [sent("1", "P"), sent("1.1", "SIM", "1", mandatory=True)]
    observed = [shown("X", "P", item_id="1"), shown("Y", "SIM", "X", action="add")]
    assert matched(lines, observed).exact


def test_installed_products_are_known_by_their_id():
    lines = [sent("1", None, action="modify", product_id="AS1"), sent("2", None, action="modify", product_id="AS2")]
    observed = [
        shown("X", "PLAN", action="modify", product_id="AS2"),
        shown("Y", "PLAN", action="modify", product_id="AS1"),
    ]
    found = matched(lines, observed)
    assert found.exact
    assert found.line_ids == {"1": "Y", "2": "X"}


def test_an_unchanged_item_may_be_absent():
    assert matched([sent("1"), sent("2", None, action="noChange", product_id="AS")], [shown("802A")]).exact


def test_alterations_belong_on_the_priced_lines_only():
    alteration = {"name": "Half", "price": {"percentage": 50}}
    line = replace(sent("1"), alterations=(alteration,))
    bare = shown("802A", item_id="1")
    priced = replace(bare, alterations=({**alteration, "id": "given by the system"},))
    other = replace(bare, alterations=({"name": "Half", "price": {"percentage": 40}},))
    assert matched([line], [bare], mapping=READABLE).exact
    assert matched([line], [priced], mapping=READABLE, priced=["1"]).exact
    assert not matched([line], [bare], mapping=READABLE, priced=["1"]).exact
    assert not matched([line], [priced], mapping=READABLE).exact
    assert not matched([line], [other], mapping=READABLE, priced=["1"]).exact
    assert matched([line], [bare], priced=["1"]).exact, "not compared where it cannot be read"


def test_many_equal_lines_take_linear_time():
    lines = [sent(str(number), color=str(number % 7)) for number in range(10_000)]
    observed = [shown(f"802{number}", color=str(number % 7)) for number in reversed(range(10_000))]
    started = time.process_time()
    found = matched(lines, observed)
    assert found.exact
    assert time.process_time() - started < 5
