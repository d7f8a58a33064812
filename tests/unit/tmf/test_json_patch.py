"""JSON patch: the examples of RFC 6902's appendix, the standard's own habits, bounds, and patches with queries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import ConflictError, InvalidBodyError
from gateway.filters.patch_query import apply_query_operations, parse_query_operations
from gateway.tmf.json_patch import apply_operations, parse_operations


def patched(document: Any, *operations: dict[str, Any], lenient: bool = False, depth_max: int = 32) -> Any:
    return apply_operations(document, parse_operations(list(operations)), depth_max=depth_max, lenient=lenient)


def queried(document: Any, *operations: dict[str, Any]) -> Any:
    return apply_query_operations(document, parse_query_operations(list(operations)), depth_max=32)


# RFC 6902, appendix A: the sections in their order.
RFC = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}], {"foo": "bar", "baz": "qux"}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}], {"foo": ["bar", ["abc", "def"]]}),
    ({"foo": 1}, [{"op": "copy", "from": "/foo", "path": "/bar"}], {"foo": 1, "bar": 1}),
    ({"foo": 1}, [{"op": "add", "path": "", "value": {"a": 2}}], {"a": 2}),
    ({"foo": None}, [{"op": "replace", "path": "/foo", "value": 1}], {"foo": 1}),
    ({"": 1}, [{"op": "remove", "path": "/"}], {}),
    ({"a": [1]}, [{"op": "add", "path": "/a", "value": {"b": 2}}], {"a": {"b": 2}}),
    ({"a": Decimal("1.0")}, [{"op": "test", "path": "/a", "value": 1}], {"a": Decimal("1.0")}),
    ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
]


@pytest.mark.parametrize(("document", "operations", "expected"), RFC)
def test_operations_do_what_the_rfc_says(document, operations, expected):
    before = repr(document)

    assert patched(document, *operations) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    ("document", "operation", "place"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": 1}, "[0].path"),
        ({"foo": []}, {"op": "add", "path": "/foo/1", "value": 1}, "[0].path"),
        ({"foo": [1]}, {"op": "add", "path": "/foo/01", "value": 1}, "[0].path"),
        ({"foo": [1]}, {"op": "replace", "path": "/foo/-", "value": 1}, "[0].path"),
        ({"foo": [1]}, {"op": "remove", "path": "/foo/1"}, "[0].path"),
        ({"foo": "x"}, {"op": "add", "path": "/foo/0", "value": 1}, "[0].path"),
        ({}, {"op": "remove", "path": ""}, "[0].path"),
        ({}, {"op": "replace", "path": "/a", "value": 1}, "[0].path"),
        ({}, {"op": "copy", "from": "/a", "path": "/b"}, "[0].from"),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b/c"}, "[0].path"),
        ({}, {"op": "add", "path": "a", "value": 1}, "[0].path"),
        ({}, {"op": "add", "path": "/~2", "value": 1}, "[0].path"),
        ({}, {"op": "add", "path": "/a"}, "[0].value"),
        ({}, {"op": "spam", "path": "/a"}, "[0].op"),
        ({}, {"op": "move", "path": "/a"}, "[0].from"),
        ({}, {"path": "/a"}, "[0].op"),
        ({}, "text", "[0]"),
    ],
)
def test_what_cannot_be_done_names_the_operation(document, operation, place):
    with pytest.raises(InvalidBodyError) as raised:
        patched(document, operation)

    assert raised.value.problems[0].path == place


@pytest.mark.parametrize(("held", "tested"), [(1, True), (True, 1), ("1", 1), (None, False), ([1], [1, 2]), ({}, [])])
def test_a_failed_test_is_a_conflict(held, tested):
    with pytest.raises(ConflictError, match="Operation 1 tests /a"):
        patched({"a": held}, {"op": "add", "path": "/b", "value": 1}, {"op": "test", "path": "/a", "value": tested})


def test_every_malformed_operation_is_named():
    with pytest.raises(InvalidBodyError) as raised:
        parse_operations([{"op": "x"}, {"op": "add", "path": "/a", "value": 1}, {"op": "add", "path": 5}])

    assert [problem.path for problem in raised.value.problems] == ["[0].op", "[0].path", "[2].value", "[2].path"]


def test_the_standards_own_examples_append():
    item = {"action": "add"}
    assert patched({"cartItem": [1]}, {"op": "add", "path": "/cartItem", "value": item}, lenient=True) == {
        "cartItem": [1, item]
    }
    assert patched({}, {"op": "add", "path": "/cartItem/-", "value": item}, lenient=True) == {"cartItem": [item]}


def test_a_patch_cannot_make_a_document_explode():
    double = {"op": "copy", "from": "/a", "path": "/a/-"}
    with pytest.raises(InvalidBodyError, match=r"200000 values|deeper"):
        patched({"a": [1, 2, 3]}, *[double] * 40)
    with pytest.raises(InvalidBodyError, match="200000 values"):
        patched({"a": [0] * 1_000}, *[{"op": "copy", "from": "/a", "path": f"/b{n}"} for n in range(300)])
    with pytest.raises(InvalidBodyError, match="deeper than 8"):
        patched(
            {"a": {}}, *[{"op": "copy", "from": "", "path": "/" + "a/" * n + "a"} for n in range(1, 9)], depth_max=8
        )
    with pytest.raises(InvalidBodyError, match="1000 operations"):
        parse_operations([{"op": "test", "path": "", "value": 1}] * 1_001)


CART = {
    "cartItem": [
        {"id": "1", "quantity": 1, "product": {"relatedParty": [{"role": "user", "id": "7"}, {"role": "payer"}]}},
        {"id": "1203-100", "quantity": 1, "productOffering": {"id": "A"}},
        {"id": "3", "quantity": 5, "productOffering": {"id": "A"}},
    ],
    "note": "x",
}


def ids(cart: Any) -> list[Any]:
    return [item["id"] for item in cart["cartItem"]]


@pytest.mark.parametrize(
    "path",
    [
        "/cartItem?cartItem.id=='1203-100' ",
        "/cartItem?cartItem.id=1203-100",
        '/cartItem?cartItem.id = "1203-100"',
        "/cartItem?cartItem.id=1203-100&cartItem.quantity=1",
        "/cartItem?cartItem.id.eq=1203%2D100",
        "/cartItem?cartItem.quantity<5&cartItem.productOffering.id=A",
        "/cartItem/1",
    ],
)
@pytest.mark.parametrize("verb", ["delete", "remove"])
def test_entries_are_removed_by_what_they_hold(path, verb):
    assert ids(queried(CART, {"op": verb, "path": path})) == ["1", "3"]


def test_every_entry_that_fits_is_changed():
    assert ids(queried(CART, {"op": "remove", "path": "/cartItem?cartItem.productOffering.id=A"})) == ["1"]
    changed = queried(CART, {"op": "replace", "path": "/cartItem/quantity?cartItem.productOffering.id=A", "value": 9})
    assert [item["quantity"] for item in changed["cartItem"]] == [1, 9, 9]
    whole = queried(CART, {"op": "replace", "path": "/cartItem?cartItem.id=3", "value": {"id": "4"}})
    assert ids(whole) == ["1", "1203-100", "4"]


def test_conditions_choose_at_every_list_on_the_way():
    path = "/cartItem/product/relatedParty?cartItem.id=1&cartItem.product.relatedParty.role=user"
    changed = queried(CART, {"op": "remove", "path": path})

    assert changed["cartItem"][0]["product"]["relatedParty"] == [{"role": "payer"}]


def test_adding_goes_to_the_chosen_entries():
    changed = queried(
        CART,
        {"op": "add", "path": "/cartItem/product/relatedParty?cartItem.id=1", "value": {"id": "8"}},
        {"op": "add", "path": "/cartItem/status?cartItem.id=3", "value": "active"},
        {"op": "add", "path": "/cartItem", "value": {"id": "9"}},
        {"op": "test", "path": "/cartItem/quantity?cartItem.id=3", "value": 5},
    )

    assert changed["cartItem"][0]["product"]["relatedParty"][2] == {"id": "8"}
    assert changed["cartItem"][2]["status"] == "active"
    assert ids(changed) == ["1", "1203-100", "3", "9"]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/cartItem?cartItem.id=nobody"},
        {"op": "remove", "path": "/cartItem?"},
        {"op": "remove", "path": "/cartItem?cartItem..id=1"},
        {"op": "remove", "path": "/cartItem?cartItem.id.regex=(a%2B)%2B$"},
        {"op": "move", "from": "/note", "path": "/cartItem/note?cartItem.id=1"},
        {"op": "remove", "path": "?a=1"},
    ],
)
def test_queries_that_lead_nowhere_are_refused(operation):
    with pytest.raises(InvalidBodyError) as raised:
        queried(CART, operation)

    assert raised.value.problems[0].path.startswith("[0].path")


def worked(count: int, operations: list[dict[str, Any]]) -> Any:
    return queried({"item": [{"id": "a", "parts": [{"n": 1}] * 9} for _ in range(count)]}, *operations)


@pytest.mark.parametrize(
    ("count", "operation", "times"),
    [
        (2_000, {"op": "replace", "path": "/item/id?item.id=a", "value": "a"}, 25),
        (1_000, {"op": "replace", "path": "/item/id?item.id=a&item.id.gt=A", "value": "a"}, 33),
        # One comparison for each entry that was chosen, beside the choice and the change.
        (1_000, {"op": "test", "path": "/item/id?item.id=a", "value": "a"}, 33),
        # Entries of the lists inside count as well.
        (1_000, {"op": "replace", "path": "/item/id?item.parts.n=1", "value": "a"}, 9),
    ],
)
def test_a_patch_looks_at_no_more_than_its_bound(count, operation, times):
    worked(count, [operation] * times)
    with pytest.raises(InvalidBodyError) as raised:
        worked(count, [operation] * (times + 1))

    (problem,) = raised.value.problems
    assert problem.path == f"[{times}].path"
    assert "looks at more than 100000 values" in problem.message


def test_what_test_compares_counts_for_pointers_too():
    value = [0] * 399
    given = [{"op": "test", "path": "/a", "value": value}] * 250

    patched({"a": value}, *given)
    with pytest.raises(InvalidBodyError) as raised:
        patched({"a": value}, *given, given[0])

    assert raised.value.problems[0].path == "[250].path"


def test_what_is_far_down_counts_more_than_once():
    """Walking down a path takes the longer, the longer it is: eight parts are as much as one entry looked at."""
    deep = "/".join(["a"] * 14)
    entries: Any = [{"id": "x", "n": 1} for _ in range(1_000)]
    for _ in range(14):
        entries = {"a": entries}
    operation = {"op": "replace", "path": f"/{deep}/n?{deep.replace('/', '.')}.id=x", "value": 2}

    # 1 000 looked at, 1 000 chosen at pointers of 16 parts: 4 000 each time.
    queried(entries, *[operation] * 25)
    with pytest.raises(InvalidBodyError, match="looks at more than"):
        queried(entries, *[operation] * 26)


def test_the_conditions_of_a_patch_are_bounded_in_all():
    """Reading them takes time too, before anything is looked at."""
    operation = {"op": "remove", "path": f"/a?a={','.join(map(str, range(200)))}"}

    parse_query_operations([operation] * 100)
    with pytest.raises(InvalidBodyError) as raised:
        parse_query_operations([operation] * 101)

    (problem,) = raised.value.problems
    assert problem.path == "[100].path"
    assert "20000 values" in problem.message


@pytest.mark.parametrize("value", ["Miller, Anna", "a;b", 'Anna "Ann" Miller, jr.', "plain"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_stands_in_quotes_is_one_value(value: str, quote: str):
    document = {"item": [{"name": value, "n": 1}, {"name": "other", "n": 1}]}
    query = f"item.name=={quote}{value}{quote}"

    changed = queried(document, {"op": "replace", "path": f"/item/n?{query}", "value": 2})

    assert [item["n"] for item in changed["item"]] == [2, 1]
