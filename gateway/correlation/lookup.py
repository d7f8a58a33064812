"""What an id leads to: the checkouts and the carts of a tenant that it names, no matter who gave the id. Plain functions over a connection.

One statement asks every index that an id can stand in. Most ids lead to one checkout; a customer, a party or a client leads to many,
of which a page is returned, the latest made first (ids of checkouts and carts are in the order of time).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import Connection

from gateway.checkouts.stored.keys import KeyKind, key_value
from gateway.storage.statements import rows_of

FoundBy: TypeAlias = KeyKind | Literal["checkout", "client", "cartItem"]
# Up to so many of each source are returned by the statement that looks everywhere; what has more is counted and paged by itself.
_FEW_MAX: Final = 64
_Source: TypeAlias = Literal["keys", "client", "carts"]
# Whatever leads to a checkout or a cart: (resource, id) a row, in the first two with the kind of id between.
_CHECKOUT: Final = "SELECT 'checkout' AS resource, 'checkout' AS kind, id FROM checkout WHERE tenant = ? AND id = ?"
_OPEN_CART: Final = "SELECT 'cart' AS resource, 'shoppingCart' AS kind, id FROM cart WHERE tenant = ? AND id = ? AND checkout_id IS NULL"
_KEYS: Final = (
    "SELECT DISTINCT 'checkout' AS resource, checkout_id AS id FROM checkout_key WHERE tenant = ? AND value = ?"
)
_KEY_OF_OWNER: Final = (
    " AND EXISTS (SELECT 1 FROM checkout AS made WHERE made.tenant = checkout_key.tenant AND made.id = checkout_key.checkout_id"
    " AND made.owner = ?)"
)
_OF_CLIENT: Final = "SELECT 'checkout' AS resource, id FROM checkout WHERE tenant = ? AND owner = ?"
_OPEN_CARTS: Final = (
    "SELECT 'cart' AS resource, cart_id AS id FROM cart_party WHERE tenant = ? AND party_id = ? AND EXISTS"
    " (SELECT 1 FROM cart WHERE tenant = cart_party.tenant AND id = cart_party.cart_id AND checkout_id IS NULL"
)
_OF_OWNER: Final = " AND owner = ?"
_KIND_OF: Final[dict[_Source, str]] = {"keys": "kind", "client": "'client'", "carts": "'party'"}
_FEW_OF: Final = "SELECT resource, kind, id FROM (LISTED) AS of_"


class Named(NamedTuple):
    """A checkout or a cart that an id leads to."""

    resource: Literal["checkout", "cart"]
    id: str


class Found(NamedTuple):
    """A page of what an id leads to, as what it is known there, and how much there is in all."""

    kinds: tuple[FoundBy, ...]
    page: tuple[Named, ...]
    total: int


class Asked(NamedTuple):
    """Whose things are looked through: those of a tenant, or of one client of it alone (`owner`), for which id, and which page."""

    tenant: str
    owner: str | None
    id: str
    offset: int
    limit: int


def find(connection: Connection, asked: Asked) -> Found:
    """Return what the id leads to; an empty page when nobody knows it."""
    statement, names = _statement(of_owner=asked.owner is not None)
    rows = rows_of(connection, statement, _values(asked, names))
    kinds = tuple(dict.fromkeys(row[1] for row in rows))
    if len(rows) < _FEW_MAX:
        found = sorted({Named(row[0], row[2]) for row in rows}, key=lambda each: each.id, reverse=True)
        return Found(kinds, tuple(found[asked.offset : asked.offset + asked.limit]), len(found))
    return _of_many(connection, asked, kinds)


def _of_many(connection: Connection, asked: Asked, kinds: tuple[FoundBy, ...]) -> Found:
    """Return a page of what very many checkouts and carts share. What only one source knows is paged by its index."""
    sources = _sources(of_owner=asked.owner is not None)
    some: list[str] = []
    values: list[Any] = []
    for source, names in sources.values():
        given = _values(asked, names)
        if rows_of(connection, f"{source} LIMIT 1", given):
            some.append(source)
            values += given
    union = " UNION ".join(some)
    total = rows_of(connection, f"SELECT count(*) FROM ({union}) AS found", tuple(values))[0][0]  # noqa: S608 - texts of this module
    page = f"SELECT resource, id FROM ({union}) AS found ORDER BY id DESC LIMIT ? OFFSET ?"  # noqa: S608 - texts of this module
    rows = rows_of(connection, page, (*values, asked.limit, asked.offset))
    return Found(kinds, tuple(Named(*row) for row in rows), total)


def _values(asked: Asked, names: Iterable[str]) -> tuple[Any, ...]:
    """Return the values of a statement, by their names."""
    values = {**asked._asdict(), "value": key_value(asked.id), "few": _FEW_MAX}
    return tuple([values[name] for name in names])


@cache
def _sources(*, of_owner: bool) -> dict[_Source, tuple[str, tuple[str, ...]]]:
    """Return the statements that list what many may share, each with the names of its values."""
    own = ("owner",) if of_owner else ()
    return {
        "keys": (_KEYS + (_KEY_OF_OWNER if of_owner else ""), ("tenant", "value", *own)),
        "client": (_OF_CLIENT + (_OF_OWNER if of_owner else ""), ("tenant", "id", *own)),
        "carts": (_OPEN_CARTS + (_OF_OWNER if of_owner else "") + ")", ("tenant", "id", *own)),
    }


@cache
def _statement(*, of_owner: bool) -> tuple[str, tuple[str, ...]]:
    """Return the statement that looks everywhere, with the names of its values: (resource, kind, id) a row."""
    mine, own = (_OF_OWNER, ("owner",)) if of_owner else ("", ())
    parts = [_CHECKOUT + mine, _OPEN_CART + mine]
    names: list[str] = ["tenant", "id", *own] * 2
    for source, (listed, given) in _sources(of_owner=of_owner).items():
        few = listed.replace("AS resource,", f"AS resource, {_KIND_OF[source]} AS kind,", 1).replace("DISTINCT ", "", 1)
        parts.append(_FEW_OF.replace("LISTED", f"{few} LIMIT ?") + source)
        names += [*given, "few"]
    return " UNION ALL ".join(parts), tuple(names)
