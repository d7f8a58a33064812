"""Ids of merged carts: none is another one's, for a reader of numbers either."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.carts.merging import merged_carts
from gateway.carts.rules import free_ids, item_ids, number_of

ids = st.lists(
    st.sampled_from(["1", "01", "001", "2", "02", "10", "a", "a1", "0", "007", "7"]), unique=True, max_size=6
)


def cart(given_ids: list[str]) -> dict[str, Any]:
    return {"cartItem": [{"id": each, "productOffering": {"id": each}} for each in given_ids]}


@given(ids, ids)
def test_no_new_id_is_confused_with_another(customer, guest):
    merged = merged_carts(cart(customer), cart(guest))
    found = [item["id"] for item in merged["cartItem"]]
    assert len(set(found)) == len(found) == len(customer) + len(guest)
    assert found[: len(customer)] == customer
    numbers = {number_of(each) for each in customer} - {None}
    kept = dict(zip(guest, found[len(customer) :], strict=True))
    for before, after in kept.items():
        assert number_of(after) not in numbers
        if before not in customer and number_of(before) not in numbers:
            assert after == before
    new = [number_of(after) for before, after in kept.items() if after != before]
    old = {number_of(each) for each in (*customer, *guest)}
    assert len(set(new)) == len(new)
    assert old.isdisjoint(new)


def test_given_ids_are_the_first_numbers_that_nobody_reads():
    taken = item_ids(cart(["1", "002", "x"]))
    free = free_ids(taken)
    assert [next(free), next(free)] == ["03", "04"]
