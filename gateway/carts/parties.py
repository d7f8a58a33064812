"""The index of carts by their related parties: kept in the transaction of the cart, so that it never says anything else."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection

from gateway.storage.statements import run
from gateway.tmf.json import decode_stored

_MENTIONED: Final = '"relatedParty"'
PARTY_ID_CHARACTERS_MAX: Final = 255
_INSERT: Final = "INSERT INTO cart_party (tenant, party_id, cart_id) VALUES (?, ?, ?)"
_DELETE: Final = "DELETE FROM cart_party WHERE tenant = ? AND party_id = ? AND cart_id = ?"


class _Mentions(msgspec.Struct):
    """What the index reads of a cart; the rest is passed over without being decoded."""

    relatedParty: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the standard's name


_mentions: Final = msgspec.json.Decoder(_Mentions)


def party_ids(parties: object) -> set[str]:
    """Return the ids of the related parties of a cart, given its `relatedParty`; only what a filter would compare."""
    found = (party.get("id") for party in (parties if type(parties) is list else [parties]) if type(party) is dict)
    return {party for party in found if type(party) is str and len(party) <= PARTY_ID_CHARACTERS_MAX}


def stored_party_ids(document: str) -> set[str]:
    """Return the ids of the related parties of a stored cart."""
    if _MENTIONED not in document:
        return set()
    return party_ids(decode_stored(bytes(_mentions.decode(document).relatedParty)))


def index_changed(connection: Connection, tenant: str, cart_id: str, before: set[str], after: set[str]) -> None:
    """Follow a cart that had the parties `before` and has `after` now; of a new cart the first, of one that is gone the second is empty."""
    for party in sorted(before - after):
        run(connection, _DELETE, (tenant, party, cart_id))
    for party in sorted(after - before):
        run(connection, _INSERT, (tenant, party, cart_id))
