"""Lists of orders: a filter in the words of TMF622 becomes conditions on checkouts, answered by the database.

What says where an order is stands in columns of its checkout. What was ordered is read out of documents: of an order that came
ready the order itself, of a cart the cart and the request, whose attributes have other names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, TextClause, and_, false, or_, text

from gateway.carts.dialects.paths import stored_path
from gateway.checkouts.orders.ready import READY
from gateway.checkouts.orders.shown import OrderDialect
from gateway.checkouts.orders.states import STATES, groups_of
from gateway.errors import Problem
from gateway.filters.parse import Filter, Path, Test
from gateway.filters.sorting import Sort
from gateway.filters.sql import filter_clauses, prepare
from gateway.ordering import TMF_ORDER_STATES
from gateway.storage.tables import checkout

_MOMENTS: Final[dict[Path, str]] = {
    ("orderDate",): "(checkout.created_at / 1000 * 1000)",
    ("lastUpdate",): "(checkout.updated_at / 1000 * 1000)",
}
_COLUMNS: Final[dict[Path, str]] = {
    ("id",): "id",
    ("externalId",): "external_id",
    ("checkout", "id"): "id",
    ("checkout", "state"): "state",
    ("upstreamOrder", "id"): "order_id",
    ("upstreamOrder", "upstream"): "upstream",
    ("upstreamOrder", "state"): "order_state",
    ("upstreamOrder", "upstreamState"): "upstream_state",
}
_ORDERS: Final[dict[Path, str]] = {("orderDate",): "created_at", ("lastUpdate",): "updated_at", **_COLUMNS}
_COMPARE: Final[dict[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
# What the gateway knows of an order beside what was ordered, and that no column says in the words of the standard.
_NOT_FOUND_BY: Final = frozenset(
    {"completionDate", "cancellationDate", "productOrderErrorMessage", "upstreamOrder", "checkout", "@type"}
)
_ITEMS_NOT_FOUND_BY: Final = frozenset({"state", "orderLineItemId"})
_OF_CART: Final = {
    "productOrderItem": "cartItem",
    "productOrderItemRelationship": "cartItemRelationship",
    "orderTotalPrice": "cartTotalPrice",
}


_OVERRIDDEN: Final = (
    "EXISTS (SELECT 1 FROM checkout_document AS asked WHERE asked.tenant = found.tenant"
    " AND asked.checkout_id = found.checkout_id AND asked.kind = 'request' AND {has})"
)


def canonical_path(version: str) -> Callable[[Path], Path]:
    """Return the function from a path in a version's words to one of the canonical form; what it does not know stays as it is."""
    inner = stored_path(version)

    def canonical(path: Path) -> Path:
        if version == "v5":
            if path == ("creationDate",):
                return ("orderDate",)
            if path[:2] == ("channel", "channel"):
                return ("channel", *path[2:])
        return ("externalId",) if path == ("externalId", "id") else inner(path)

    return canonical


def require_answerable(wanted: Filter, sorts: Sequence[Sort], version: str, problems: list[Problem]) -> None:
    """Report conditions and orders by what orders cannot be found or sorted by."""
    for group in wanted:
        paths = {test.path for test in group}
        problems += [
            Problem(".".join(test.path), what) for test in group if (what := _not_answerable(test, version)) is not None
        ]
        if len(paths) > 1:
            problems.append(Problem(".".join(min(paths)), "has alternatives of one attribute only"))
    for sort in sorts:
        if sort.path not in _ORDERS:
            known = ", ".join(sorted(".".join(path) for path in _ORDERS))
            problems.append(Problem("sort", f"orders are sorted by {known}"))


def _not_answerable(test: Test, version: str) -> str | None:
    path, known = test.path, STATES[version]
    of_item = next((name for name in path if name != "productOrderItem"), "") if path[0] == "productOrderItem" else ""
    what = None
    if path in _MOMENTS:
        what = "is compared with a date or a date-time" if test.moment is None else None
    elif path in {("state",), ("href",)} and test.operator != "eq":
        what = f"is compared by {path[0]}=VALUE"
    elif path == ("state",):
        what = f"knows no {test.text[:100]}; states are {', '.join(known)}" if test.text not in known else None
    elif path in _COLUMNS:
        what = "takes .eq .gt .gte .lt .lte, and no .regex" if test.operator not in _COMPARE else None
    elif path[0] in _NOT_FOUND_BY or of_item in _ITEMS_NOT_FOUND_BY:
        what = "is not an attribute that orders are found by"
    return what


def conditions(
    connection: Connection, wanted: Filter, dialect: OrderDialect, base_url: str
) -> list[ColumnElement[bool] | TextClause]:
    """Return the conditions of a filter that `require_answerable` had nothing against; `base_url` is before the paths."""
    prepare(connection)
    engine = connection.dialect.name
    found: list[ColumnElement[bool] | TextClause] = [checkout.c.order_removed.is_(False)]
    inside = []
    for group in wanted:
        path, texts = group[0].path, [test.text for test in group]
        if path == ("state",):
            found.append(_in_states(texts, dialect.version))
        elif path == ("href",):
            beginning = f"{base_url}{dialect.orders_path}/"
            ids = [given.removeprefix(beginning) for given in texts if given.startswith(beginning)]
            found.append(checkout.c.id.in_(ids))
        elif path in _COLUMNS:
            column = checkout.c[_COLUMNS[path]]
            found.append(or_(*(_COMPARE[test.operator](column, test.text) for test in group)))
        else:
            inside.append(group)
    return [*found, *_in_documents(inside, engine)]


def _in_states(wanted: Sequence[str], version: str) -> ColumnElement[bool]:
    """Return the condition for checkouts whose order is in one of the states."""
    found: list[ColumnElement[bool]] = []
    for group in groups_of(wanted, version):
        word = checkout.c.order_state
        alike: ColumnElement[bool] = (
            (checkout.c.state == group.state)
            & (checkout.c.submit.is_(group.submit))
            & (checkout.c.cancel_requested.is_(group.cancel_requested))
        )
        if group.order_states is not None:
            known = [state for state in group.order_states if state is not None]
            words = [word.in_(known)]
            if None in group.order_states:
                words.append(word.is_(None))
            if group.others:
                words.append(word.not_in(TMF_ORDER_STATES))
            alike = and_(alike, or_(*words))
        found.append(alike)
    return or_(*found) if found else false()


def _in_documents(groups: Sequence[tuple[Test, ...]], engine: str) -> list[TextClause]:
    """Return one condition for each group of tests of what was ordered."""
    renamed = [tuple(_of_cart(test) for test in group) for group in groups]
    # One call, so that no two conditions have parameters of the same name.
    clauses = filter_clauses((*groups, *renamed), "found.document", engine, moments=_MOMENTS)
    found = []
    for number, group in enumerate(groups):
        as_ordered, as_cart = clauses[number], clauses[number + len(groups)]
        if all(test.path in _MOMENTS for test in group):
            found.append(as_ordered)
            continue
        found.append(_exists(group[0].path[0], as_ordered, as_cart, f"attribute_{number}", engine))
    return found


def _exists(attribute: str, as_ordered: TextClause, as_cart: TextClause, name: str, engine: str) -> TextClause:
    """Return the condition that a document of the checkout fulfils; the request's attribute stands in the place of the cart's."""
    cart = f"found.kind = 'cart' AND {as_cart.text}"
    parameters = {**_bound(as_ordered), **_bound(as_cart)}
    if attribute not in _OF_CART:
        has = (
            f"json_type(asked.document, :{name}) IS NOT NULL"
            if engine == "sqlite"
            else f"jsonb_exists(CAST(asked.document AS jsonb), :{name})"
        )
        parameters[name] = f'$."{attribute}"' if engine == "sqlite" else attribute
        other = _OVERRIDDEN.format(has=has)
        cart = f"(found.kind = 'request' AND {as_ordered.text}) OR ({cart} AND NOT {other})"
    sql = (
        "EXISTS (SELECT 1 FROM checkout_document AS found WHERE found.tenant = checkout.tenant"  # noqa: S608 - every name and value in it is a bound parameter
        f" AND found.checkout_id = checkout.id AND ((checkout.source = '{READY}' AND found.kind = '{READY}'"
        f" AND {as_ordered.text}) OR (checkout.source <> '{READY}' AND ({cart}))))"
    )
    return text(sql).bindparams(**parameters)


def _bound(clause: TextClause) -> dict[str, Any]:
    return {parameter: bound.value for parameter, bound in clause._bindparams.items()}  # noqa: SLF001 - it has no other face


def _of_cart(test: Test) -> Test:
    """Return the test with the names that a cart has for what an order has; nothing inside a product is renamed."""
    names: list[str] = []
    for name in test.path:
        if names and names[-1] != "cartItem":
            names.append(name)
        else:
            names.append(_OF_CART.get(name, name))
    return Test(tuple(names), test.operator, test.text, test.number, test.boolean, test.moment, test.pattern)


def order(sorts: Sequence[Sort]) -> list[TextClause]:
    """Return what the list is sorted by; what has no value comes last."""
    return [text(f"checkout.{_ORDERS[sort.path]} {'DESC' if sort.descending else 'ASC'} NULLS LAST") for sort in sorts]
