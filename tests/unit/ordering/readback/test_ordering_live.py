"""A live order compared with what was sent: every difference is told, and nothing that the mapping lets an order system do is one."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.model import KnownLine, ObservedOrder, Order, OrderLine
from gateway.ordering.readback.live import compare_live, live_match

FILES = Path(__file__).resolve().parents[4] / "mappings"


def mapping_of(name):
    path = FILES / f"{name}.toml"
    return parse_mapping(path.read_bytes(), path.name)


PLAIN = mapping_of("tmf622-v4")
ADDING = mapping_of("salesforce-v4")


def sent(item_id, offering="A", parent=None, *, action="add", quantity=1, mandatory=False, alterations=(), **values):
    item = {"id": item_id, "action": action, "productOffering": {"id": offering}}
    if quantity is not None:
        item["quantity"] = quantity
    if values:
        item["product"] = {"productCharacteristic": [{"name": name, "value": value} for name, value in values.items()]}
    return OrderLine(
        id=item_id,
        cart_item_id=item_id,
        parent_id=parent,
        root_id=parent or item_id,
        depth=1 if parent is None else 2,
        item=item,
        mandatory=mandatory,
        alterations=tuple(alterations),
    )


def shown(line_id, offering="A", parent=None, *, item_id=None, quantity=1, action="add", alterations=(), **values):
    return KnownLine(
        line_id=line_id,
        item_id=item_id,
        parent_line_id=parent,
        offering=offering,
        action=action,
        quantity=quantity,
        characteristics=values,
        alterations=tuple(alterations),
    )


def compared(lines, observed, *, mapping=PLAIN, known=None):
    order = ObservedOrder(id="1", href=None, state="acknowledged", marker="m", lines=tuple(observed))
    return compare_live(Order(header={}, lines=tuple(lines)), known or {}, order, mapping)


def test_an_order_that_holds_what_was_sent_differs_in_nothing():
    lines = [sent("1", "B"), sent("2", "A", "1", colour="red"), sent("3", "A", "1", colour="blue", quantity=2)]
    observed = [
        shown("L1", "B"),
        shown("L2", parent="L1", colour="blue", quantity=2, size="default"),
        shown("L3", parent="L1", colour="red"),
    ]
    assert compared(lines, observed) is None


def test_numbers_written_another_way_and_a_quantity_of_one_left_out_are_no_difference():
    assert compared([sent("1", speed=Decimal("19.90"))], [shown("L1", quantity=None, speed=Decimal("19.9"))]) is None
    assert compared([sent("1", quantity=None)], [shown("L1", quantity=1)]) is None


def test_a_missing_line_is_told():
    found = compared([sent("1"), sent("2", "B")], [shown("L1")])
    assert found is not None
    assert (found.missing, found.extra, found.changed) == (("2",), (), ())
    assert found.kinds == {"missing"}
    assert found.describe() == "missing items 2"


def test_children_that_were_dropped_are_told():
    found = compared([sent("1"), sent("2", "B", "1"), sent("3", "C", "1")], [shown("L1")])
    assert found is not None
    assert found.missing == ("2", "3")


def test_an_order_without_any_line_says_so_in_one_sentence():
    found = compared([sent("1"), sent("2", "B")], [])
    assert found is not None
    assert found.nothing_shown
    assert found.describe() == "it shows none of the 2 items that were sent"


@pytest.mark.parametrize(
    ("lines", "is_another", "is_close"),
    [
        ([shown("L1"), shown("L2", "B")], False, True),
        ([shown("L1"), shown("L2", "B"), shown("L3", "C", quantity=2)], False, True),
        ([shown("L1")], False, False),
        ([shown("L1", "X"), shown("L2", "Y"), shown("L3", "Z")], True, False),
        ([shown("L1", "X")], True, False),
        ([shown("L1"), shown("L2", "B"), shown("L3", "C"), shown("L4", "X"), shown("L5", "Y")], False, False),
        ([], False, False),
    ],
)
def test_an_order_of_something_else_is_told_from_one_that_holds_most_of_what_was_sent(lines, is_another, is_close):
    found = compared([sent("1"), sent("2", "B"), sent("3", "C")], lines)
    assert found is not None
    assert (found.is_another, found.is_close) == (is_another, is_close)


def test_an_extra_root_is_told_also_where_the_system_adds_children():
    for mapping in (PLAIN, ADDING):
        found = compared([sent("1")], [shown("L1"), shown("L2")], mapping=mapping)
        assert found is not None
        assert found.extra == ("L2",)
        assert found.kinds == {"extra"}


def test_a_line_that_came_twice_is_told_once_by_its_echo_and_once_by_what_it_is():
    echoed = compared([sent("1")], [shown("L1", item_id="1"), shown("L2", item_id="1")])
    assert echoed is not None
    assert len(echoed.extra) == 1


def test_a_child_that_the_system_adds_by_itself_is_no_difference_where_the_mapping_says_so():
    observed = [shown("L1"), shown("L2", "OWN", "L1")]
    assert compared([sent("1")], observed, mapping=ADDING) is None
    found = compared([sent("1")], observed, mapping=PLAIN)
    assert found is not None
    assert found.extra == ("L2",)


def test_a_second_line_of_a_mandatory_child_is_no_child_of_the_systems_own():
    lines = [sent("1", "BUNDLE"), sent("2", "CHILD", "1", mandatory=True)]
    once = [shown("L1", "BUNDLE"), shown("L2", "CHILD", "L1")]
    assert compared(lines, once, mapping=ADDING) is None
    found = compared(lines, [*once, shown("L3", "CHILD", "L1")], mapping=ADDING)
    assert found is not None
    assert found.extra == ("L3",)


def test_nothing_appears_by_itself_beneath_an_installed_product():
    lines = [sent("1", "BUNDLE", action="modify"), sent("2", "CHILD", "1")]
    observed = [
        shown("L1", "BUNDLE", action="modify"),
        shown("L2", "CHILD", "L1"),
        shown("L3", "CHILD", "L1"),
    ]
    found = compared(lines, observed, mapping=ADDING)
    assert found is not None
    assert found.extra == ("L3",)


def test_a_line_beneath_another_parent_was_moved():
    lines = [sent("1", "A"), sent("2", "B"), sent("3", "C", "1")]
    observed = [shown("L1", "A"), shown("L2", "B"), shown("L3", "C", "L2", item_id="3")]
    found = compared(lines, observed)
    assert found is not None
    assert found.kinds == {"parent"}
    assert [(one.item_id, one.line_id) for one in found.changed] == [("3", "L3")]


def test_a_child_at_the_top_was_moved():
    found = compared([sent("1"), sent("2", "B", "1")], [shown("L1"), shown("L2", "B", item_id="2")])
    assert found is not None
    assert found.kinds == {"parent"}


def test_merged_lines_are_a_quantity_and_a_missing_line():
    found = compared([sent("1"), sent("2")], [shown("L1", quantity=2)], known={"1": "L1", "2": "L2"})
    assert found is not None
    assert found.kinds == {"missing", "quantity"}
    assert found.missing == ("2",)


def test_a_split_quantity_is_a_quantity_and_an_extra_line():
    found = compared([sent("1", quantity=2)], [shown("L1"), shown("L2")], known={"1": "L1"})
    assert found is not None
    assert found.kinds == {"extra", "quantity"}
    assert found.describe() == ("lines that were not sent L2; differing items 1 (shows the quantity 1, sent was 2)")


def test_a_quantity_that_is_not_shown_is_one_and_no_other():
    found = compared([sent("1", quantity=3)], [shown("L1", quantity=None)])
    assert found is not None
    assert [(one.item_id, one.aspect, one.text) for one in found.changed] == [
        ("1", "quantity", "shows no quantity, sent was 3")
    ]


def test_a_line_that_shows_no_quantity_goes_with_the_line_of_one_whatever_the_order_of_lines():
    lines = [sent("three", quantity=3), sent("one", quantity=1)]
    for observed in (
        [shown("L1", quantity=None), shown("L2", quantity=2)],
        [shown("L2", quantity=2), shown("L1", quantity=None)],
    ):
        found = compared(lines, observed)
        assert found is not None
        assert [(one.item_id, one.line_id, one.text) for one in found.changed] == [
            ("three", "L2", "shows the quantity 2, sent was 3")
        ]


def test_a_characteristic_that_changed_or_went_is_told_without_its_value():
    for line in (shown("L1", pin="9999"), shown("L1")):
        found = compared([sent("1", pin="1234")], [line])
        assert found is not None
        assert found.kinds == {"characteristic"}
        assert "1234" not in found.describe()
        assert "9999" not in found.describe()


@pytest.mark.parametrize(
    ("line", "aspect"),
    [(shown("L1", "Z", item_id=None), "offering"), (shown("L1", action="delete"), "action")],
)
def test_another_product_or_action_is_told(line, aspect):
    found = compared([sent("1")], [line], known={"1": "L1"})
    assert found is not None
    assert aspect in found.kinds


def test_alterations_that_were_sent_in_calls_of_their_own_are_expected_on_a_live_order():
    alteration = {"priceType": "oneTime", "price": {"percentage": 10}}
    lines = [sent("1", alterations=[alteration])]
    assert compared(lines, [shown("L1", alterations=[alteration])]) is None
    for alterations in ([], [alteration, alteration]):
        found = compared(lines, [shown("L1", alterations=alterations)])
        assert found is not None
        assert found.kinds == {"alteration"}


def test_an_unchanged_item_may_be_absent():
    assert compared([sent("1", action="noChange"), sent("2", "B")], [shown("L2", "B")]) is None


def test_line_ids_and_echoes_that_changed_hands_do_not_make_an_equal_order_differ():
    lines = [sent("1", colour="red"), sent("2", colour="blue")]
    observed = [shown("L2", item_id="2", colour="red"), shown("L1", item_id="1", colour="blue")]
    assert compared(lines, observed, known={"1": "L1", "2": "L2"}) is None
    order = ObservedOrder(id="1", href=None, state="x", marker="m", lines=tuple(observed))
    line_ids, _ = live_match(Order(header={}, lines=tuple(lines)), {"1": "L1", "2": "L2"}, order, PLAIN)
    assert line_ids == {"1": "L2", "2": "L1"}


def test_only_a_few_of_many_are_named():
    found = compared([sent(str(number), f"O{number}") for number in range(9)], [shown("L0", "O0")])
    assert found is not None
    assert found.describe() == "missing items 1, 2, 3, 4, 5 and 3 more"


# Whole orders: a tree of lines, rendered as an order system would show it, and then one thing changed.

TREES = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        st.integers(1, 3),
        st.dictionaries(st.sampled_from(["c1", "c2"]), st.integers(0, 2), max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def tree_of(drawn):
    lines, root = [], None
    for number, (offering, quantity, values, is_child) in enumerate(drawn):
        parent = root if is_child else None
        lines.append(sent(f"i{number}", offering, parent, quantity=quantity, **values))
        root = root if parent is not None else f"i{number}"
    return lines


def show_of(lines, dice, *, echoed):
    names = [f"L{number}" for number in range(len(lines))]
    dice.shuffle(names)
    line_of = dict(zip([line.id for line in lines], names, strict=True))
    rows = [
        shown(
            line_of[line.id],
            line.item["productOffering"]["id"],
            line_of.get(line.parent_id),
            item_id=line.id if echoed else None,
            quantity=line.item["quantity"],
            **{one["name"]: one["value"] for one in line.item.get("product", {}).get("productCharacteristic", [])},
        )
        for line in lines
    ]
    dice.shuffle(rows)
    return rows


@given(TREES, st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_an_order_shown_in_any_order_under_any_ids_is_what_was_sent(drawn, dice, echoed, misled):
    lines = tree_of(drawn)
    rows = show_of(lines, dice, echoed=echoed)
    known = {line.id: dice.choice(rows).line_id for line in lines} if misled and not echoed else {}
    found = compared(lines, rows, known=known)
    # Equal siblings with unequal children may be paired either way; the children of this model stand beneath one root each.
    roots = [line for line in lines if line.parent_id is None]
    if len({(root.item["productOffering"]["id"], root.item["quantity"]) for root in roots}) == len(roots) or echoed:
        assert found is None


@given(TREES, st.randoms(use_true_random=False), st.booleans(), st.sampled_from(["drop", "add", "quantity", "hide"]))
def test_whatever_one_thing_changes_about_a_live_order_is_told(drawn, dice, echoed, change):
    lines = tree_of(drawn)
    rows = show_of(lines, dice, echoed=echoed)
    victim = dice.randrange(len(rows))
    row = rows[victim]
    if change == "drop":
        rows = [other for other in rows if row.line_id not in (other.line_id, other.parent_line_id)]
    elif change == "add":
        rows.append(replace(row, line_id="again", item_id=None))
    elif change == "quantity":
        rows[victim] = replace(row, quantity=row.quantity + 3)
    else:
        if row.quantity == 1:
            return
        rows[victim] = replace(row, quantity=None)
    assert compared(lines, rows) is not None


def test_the_random_orders_reach_trees():
    """The strategy is worth nothing if it never makes a child."""
    dice = random.Random(1)
    lines = tree_of([("A", 1, {}, False), ("B", 2, {"c1": 1}, True)])
    assert [line.parent_id for line in lines] == [None, "i0"]
    assert len(show_of(lines, dice, echoed=True)) == 2
