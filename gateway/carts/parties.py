"""The index of carts by their related parties: kept in the transaction of the cart, so that it never says anything else."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, delete, select

from gateway.storage.statements import run
from gateway.storage.tables import cart_party
from gateway.tmf.json import decode_stored

_MENTIONED: Final = '"relatedParty"'
PARTY_ID_CHARACTERS_MAX: Final = 255
_INSERT: Final = "INSERT INTO cart_party (tenant, cart_id, party_id) VALUES (?, ?, ?)"


class _Mentions(msgspec.Struct):
    """What the index reads of a cart; the rest is passed over without being decoded."""

    relatedParty: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the standard's name


_mentions: Final = msgspec.json.Decoder(_Mentions)


def party_ids(document: str) -> set[str]:
    """Return the ids of the related parties of a stored cart; only what a filter on `relatedParty.id` would compare."""
    if _MENTIONED not in document:
        return set()
    parties = decode_stored(bytes(_mentions.decode(document).relatedParty))
    found = (party.get("id") for party in (parties if type(parties) is list else [parties]) if type(party) is dict)
    return {party for party in found if type(party) is str and len(party) <= PARTY_ID_CHARACTERS_MAX}


def index_new(connection: Connection, tenant: str, cart_id: str, document: str) -> None:
    """Add a new cart."""
    _add(connection, tenant, cart_id, party_ids(document))


def index_changed(connection: Connection, tenant: str, cart_id: str, document: str) -> None:
    """Follow a changed cart; a change that leaves the parties alone writes nothing."""
    here = (cart_party.c.tenant == tenant, cart_party.c.cart_id == cart_id)
    before = set(connection.execute(select(cart_party.c.party_id).where(*here)).scalars())
    after = party_ids(document)
    if gone := before - after:
        connection.execute(delete(cart_party).where(*here, cart_party.c.party_id.in_(gone)))
    _add(connection, tenant, cart_id, after - before)


def index_gone(connection: Connection, tenant: str, cart_id: str) -> None:
    """Forget a removed cart."""
    connection.execute(delete(cart_party).where(cart_party.c.tenant == tenant, cart_party.c.cart_id == cart_id))


def _add(connection: Connection, tenant: str, cart_id: str, parties: set[str]) -> None:
    for party in sorted(parties):
        run(connection, _INSERT, (tenant, cart_id, party))
