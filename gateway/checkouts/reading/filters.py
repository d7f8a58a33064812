"""Which filters the list of checkouts has, and what their values mean (TMF630, 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.checkouts.states import MEANING
from gateway.errors import Problem
from gateway.filters.values import split_outside_quotes, unquoted
from gateway.http.queries import values_of

# Filters of the list and the columns they compare.
FILTERS: Final[dict[str, str]] = {
    "id": "id",
    "state": "state",
    "externalId": "external_id",
    "upstream": "upstream",
    "shoppingCart.id": "cart_id",
    "productOrder.id": "order_id",
    "productOrder.state": "order_state",
}


def parse_filters(pairs: Sequence[tuple[str, str]], problems: list[Problem]) -> dict[str, list[str]]:
    """Return the wanted values by column; report what no checkout can have.

    Values of one parameter are alternatives, also with commas between; one with a comma in it stands in double quotes, as in
    the filters of carts. A parameter without a value is a mistake of the person who filled it in: to leave the filter out would show
    every checkout to a client that asked for one.
    """
    filters: dict[str, list[str]] = {}
    for name, column in FILTERS.items():
        given = values_of(pairs, name)
        if not given:
            continue
        parts = [unquoted(part) for value in given for part in split_outside_quotes(value, ",")]
        values = filters[column] = [part for part in parts if part]
        if not values:
            problems.append(Problem(name, "has no value; give one, or leave the filter out"))
        elif name == "state" and (unknown := [value for value in values if value not in MEANING]):
            problems.append(Problem("state", f"knows no {', '.join(unknown)[:100]}; states are {', '.join(MEANING)}"))
        elif any("\0" in value for value in values):
            problems.append(Problem(name, "holds the character U+0000"))
    return filters
