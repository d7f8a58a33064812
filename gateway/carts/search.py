"""Lists of carts: a filter in the client's terms becomes conditions that the database answers, on an index where there is one.

`id`, `href` and `relatedParty.id` compared for equality are look-ups, whatever else is asked; everything else is read out of
the documents that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, or_, select, text

from gateway.carts import store
from gateway.carts.after_order import STATES
from gateway.carts.dialects import Dialect
from gateway.carts.dialects.dialect import CANONICAL_CARTS_PATH, at_path
from gateway.carts.dialects.paths import WORDS
from gateway.errors import Problem
from gateway.filters.paging import Page
from gateway.filters.parse import Filter, Path, Test
from gateway.filters.sorting import Sort
from gateway.filters.sql import filter_clauses, order_clauses, prepare
from gateway.storage.tables import cart, cart_party

# v5 tells when a cart was made and last changed, to the millisecond; the documents do not.
_MOMENTS: Final[dict[str, dict[Path, str]]] = {
    "v5": {
        ("creationDate",): "(cart.created_at / 1000 * 1000)",
        ("lastUpdate",): "(cart.updated_at / 1000 * 1000)",
    }
}
# Carts of one millisecond are sorted by what is stored all the same.
_AGES: Final[dict[str, dict[Path, str]]] = {
    "v5": {("creationDate",): "(cart.created_at + 0)", ("lastUpdate",): "(cart.updated_at + 0)"}
}
_DOCUMENT: Final = "cart.document"
# An expression, so that few carts that were looked up are sorted, instead of all being read in the order of an index.
_BY_CREATION: Final = text("cart.created_at + 0")


def _in_states(texts: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for carts in one of these states; `open` is the part of the table that no checkout holds."""
    told = {
        "open": cart.c.checkout_id.is_(None),
        "inCheckout": cart.c.checkout_id.is_not(None) & cart.c.ordered.is_(False),
        "ordered": cart.c.checkout_id.is_not(None) & cart.c.ordered.is_(True),
    }
    return or_(*(told[text] for text in texts))


# Where a cart is stands in columns: nothing is read out of documents.
_HELD: Final[dict[Path, Callable[[Sequence[str]], ColumnElement[bool]]]] = {
    ("checkoutState",): _in_states,
    ("checkout", "id"): cart.c.checkout_id.in_,
}


def require_answerable(wanted: Filter, problems: list[Problem]) -> None:
    """Report what cannot be asked of the attributes that say where a cart is: they are compared for equality, by themselves."""
    for group in wanted:
        for test in group:
            name = ".".join(test.path)
            if test.path[0] not in {path[0] for path in _HELD}:
                continue
            if test.path not in _HELD or test.operator != "eq" or any(other.path != test.path for other in group):
                problems.append(Problem(name, "is compared by checkoutState=VALUE or checkout.id=VALUE, by itself"))
            elif test.path == ("checkoutState",) and test.text not in STATES:
                problems.append(Problem(name, f"knows no {test.text[:100]}; states are {', '.join(STATES)}"))


def find_page(
    connection: Connection,
    tenant: str,
    dialect: Dialect,
    wanted: Filter,
    sorts: Sequence[Sort],
    page: Page,
    owner: str | None = None,
) -> store.CartPage:
    """Return one page of the tenant's carts (those of this `owner` alone) that fulfil `wanted`.

    Its paths are canonical, its values the dialect's.
    """
    prepare(connection)
    engine = connection.dialect.name
    moments = _MOMENTS.get(dialect.version, {})
    looked_up, rest = _conditions(in_stored_words(wanted, dialect), tenant)
    order = order_clauses(sorts, _DOCUMENT, engine, columns=_AGES.get(dialect.version, {}))
    return store.list_page(
        connection,
        tenant,
        limit=page.limit,
        offset=page.offset,
        conditions=[*looked_up, *filter_clauses(rest, _DOCUMENT, engine, moments=moments)],
        order=[*order, _BY_CREATION] if looked_up else order,
        owner=owner,
    )


def in_stored_words(wanted: Filter, dialect: Dialect) -> Filter:
    """Return the filter with the values that carts are stored with: the version's own words and addresses become v4's."""
    if dialect.is_canonical:
        return wanted
    return tuple(tuple(_stored(test, dialect) for test in group) for group in wanted)


def _stored(test: Test, dialect: Dialect) -> Test:
    if test.operator != "eq":
        return test
    if test.path == ("href",):
        href = at_path({"href": test.text}, dialect.carts_path, CANONICAL_CARTS_PATH)["href"]
        return replace(test, text=href)
    words = WORDS.get(dialect.version, {}).get(test.path[-1], {}) if test.path[0] == "cartItem" else {}
    return replace(test, text=words.get(test.text, test.text))


def _conditions(wanted: Filter, tenant: str) -> tuple[list[ColumnElement[bool]], Filter]:
    """Return the conditions that an index answers, and those that are left."""
    looked_up: list[ColumnElement[bool]] = []
    rest = []
    for group in wanted:
        paths = {test.path for test in group}
        is_equality = all(test.operator == "eq" and test.moment is None for test in group)
        path = paths.pop() if len(paths) == 1 and is_equality else None
        texts = [test.text for test in group]
        if path in _HELD:
            looked_up.append(_HELD[path](texts))
        elif path == ("id",):
            looked_up.append(cart.c.id.in_(texts))
        elif path == ("relatedParty", "id"):
            mine = select(cart_party.c.cart_id).where(cart_party.c.tenant == tenant, cart_party.c.party_id.in_(texts))
            looked_up.append(cart.c.id.in_(mine))
        else:
            if path == ("href",):
                # An address ends with the id; that it is the whole address is read out of the document.
                looked_up.append(cart.c.id.in_([address.rpartition("/")[2] for address in texts]))
            rest.append(group)
    return looked_up, tuple(rest)
