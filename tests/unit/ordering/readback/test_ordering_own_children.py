"""Children that an order system adds by itself: configured before their siblings are added, by the id of the line that is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.costs import LINE_ID_BYTES, LineCosts
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import NO_MARKER, KnownLine, ObservedOrder, Order, OrderLine, Plan, Step
from gateway.ordering.readback.matching import match

FILE = Path(__file__).resolve().parents[4] / "mappings" / "salesforce-v4.toml"
SALESFORCE = parse_mapping(FILE.read_bytes(), FILE.name)


def line(item_id, parent=None, code="SIM", *, mandatory=False, characteristics=0):
    listed = [{"name": str(number), "value": "v"} for number in range(characteristics)]
    return OrderLine(
        id=item_id,
        cart_item_id=item_id,
        parent_id=parent,
        root_id=parent or item_id,
        depth=2 if parent else 1,
        item={
            "id": item_id,
            "action": "add",
            "productOffering": {"id": code},
            "product": {"productCharacteristic": listed},
        },
        mandatory=mandatory,
    )


def limited(**limits):
    return replace(SALESFORCE, limits=replace(SALESFORCE.limits, **limits))


BUNDLE = Order(
    header={},
    lines=(
        line("p", code="PLAN", characteristics=3),
        line("own", "p", mandatory=True, characteristics=4),
        line("more", "p", characteristics=3),
    ),
)
TIGHT = limited(characteristics_max=6)


def test_a_sibling_waits_for_the_child_that_is_there_although_it_would_save_a_call():
    planned, _ = plan(BUNDLE, TIGHT)
    assert [step.item_ids for step in planned.steps] == [("p",), ("own",), ("more",), ()]
    check_plan(BUNDLE, planned, TIGHT)
    other = replace(BUNDLE, lines=(*BUNDLE.lines[:2], line("more", "p", "OTHER", characteristics=3)))
    assert len(plan(other, TIGHT)[0].steps) == len(planned.steps) - 1, "another product need not wait"


@pytest.mark.parametrize("together", [True, False])
def test_a_plan_that_adds_the_sibling_first_is_none(together):
    parts = [("p", "more", "own")] if together else [("p", "more"), ("own",)]
    steps = [Step(sequence=at, kind="create" if at == 1 else "add", item_ids=part) for at, part in enumerate(parts, 1)]
    wrong = Plan(version=4, mapping="m", steps=(*steps, Step(sequence=len(steps) + 1, kind="submit")))
    with pytest.raises(AssertionError, match="item more comes before own"):
        check_plan(BUNDLE, wrong, SALESFORCE)


def children(mapping, known, *, version=None):
    """The items beneath the carrier of the second call."""
    planned, _ = plan(BUNDLE, mapping)
    planned = planned if version is None else replace(planned, version=version)
    call = render(planned.steps[1], BUNDLE, planned, mapping, known_line_ids=known, marker="m", order_id="1")
    (carrier,) = json.loads(call.body)["productOrderItem"]
    assert carrier["orderLineItemId"] == "802P"
    return [(one["id"], one["action"], one.get("orderLineItemId")) for one in carrier["productOrderItem"]]


def test_the_child_that_is_there_is_named_by_its_line_where_that_was_read():
    known = {"p": "802P", "own": "802A", "more": "802?"}
    assert children(TIGHT, known) == [("own", "modify", "802A")]
    assert children(TIGHT, {"p": "802P"}) == [("own", "modify", None)], "else by its product"
    assert children(TIGHT, known, version=3) == [("own", "modify", None)], "older plans have not counted these bytes"


def test_what_is_named_is_counted():
    own, sibling = (
        LineCosts(BUNDLE, SALESFORCE).own(one).size_bytes for one in (line("a", "p", mandatory=True), line("a", "p"))
    )
    assert own - sibling >= len(',"orderLineItemId":""') + LINE_ID_BYTES


def test_a_child_whose_parent_is_in_the_same_call_has_no_line_yet():
    planned, _ = plan(BUNDLE, SALESFORCE)
    known = {"p": "802P", "own": "802A", "more": "802B"}
    call = render(planned.steps[0], BUNDLE, planned, SALESFORCE, known_line_ids=known, marker="m", order_id=None)
    assert "802" not in call.body.decode()


def test_where_the_system_wants_children_added_nothing_is_there_to_be_named():
    mapping = replace(TIGHT, item=replace(TIGHT.item, mandatory_child_action="add"))
    assert children(mapping, {"p": "802P", "own": "802A"}) == [("own", "add", None)]


def shown(line_id, parent, code):
    return KnownLine(
        line_id=line_id,
        item_id=None,
        parent_line_id=parent,
        offering=code,
        action="add",
        quantity=1,
        characteristics={},
    )


def test_the_line_of_a_child_that_came_by_itself_is_learnt_before_it_is_configured():
    root, own, _ = BUNDLE.lines
    lines = (shown("802P", None, "PLAN"), shown("802X", "802P", "OTHER"), shown("802A", "802P", "SIM"))
    observed = ObservedOrder(id="1", href=None, state="Draft", marker=NO_MARKER, lines=lines)
    bare = replace(root, item={**root.item, "product": {}})
    found = match([bare], (), observed, SALESFORCE, {}, [own])
    assert found.exact
    assert found.line_ids == {"p": "802P", "own": "802A"}
    gone = replace(observed, lines=lines[:2])
    assert match([bare], (), gone, SALESFORCE, {}, [own]).line_ids == {"p": "802P"}
