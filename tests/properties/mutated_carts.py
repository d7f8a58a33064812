"""Real carts with mistakes in them: the golden carts of every version, changed as senders get things wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from gateway.tmf.json import decode_json

CASES = Path(__file__).resolve().parents[1] / "golden" / "cases"
CARTS = [decode_json(file.read_bytes()) for file in sorted(CASES.glob("*/cart.json"))]
ODD: tuple[Any, ...] = (
    None, "", " ", "x", "Ä" * 40, 0, -1, 3, Decimal("1.5"), Decimal("-50.01"), Decimal("1E20"), True, [], {}, ["a"], ["a", "b"],
    [["a"]], {"a": 1}, [{"a": 1}], "2026-12-01", "2026-W49", "20261201", "2026-12-01T08:30:00+02:00", "2020-01-01T00:00:00Z",
    "Add", "modify", "no_change", "delete", "HasChild", "isBundled", "parent", "sells", "reliesOn", "savedForLater", "Active",
)  # fmt: skip
# What one version has and another does not, and what only the sender knows.
NAMES: tuple[str, ...] = (
    "version", "intent", "creationDate", "partyId", "partyName", "city", "streetName", "externalId", "projectId", "campaign",
    "validFor", "place", "note", "characteristic", "cardItem", "itemTotalPrice", "totalItemPrice", "relationshipType", "type",
    "@type", "@referredType", "@schemaLocation", "state", "submitCart", "ratingType", "characteristicRelationship", "itemTerm",
    "quantity", "status", "action", "id", "href", "valueType", "requestedStartDate", "contactMedium", "partyOrPartyRole",
)  # fmt: skip


def mutated(seed: int) -> dict[str, Any]:
    """Return a golden cart with one to six mistakes; the same seed gives the same cart."""
    random = Random(seed)
    cart: dict[str, Any] = copy.deepcopy(random.choice(CARTS))
    for _ in range(random.randint(1, 6)):
        _mistake(cart, random)
    return cart


def _mistake(cart: dict[str, Any], random: Random) -> None:
    holders = list(_holders(cart))
    holder = random.choice(holders)
    kind = random.choice(("remove", "odd", "name", "twice", "listed", "single", "moved"))
    if isinstance(holder, list):
        if not holder:
            holder.append(random.choice(ODD))
            return
        at = random.randrange(len(holder))
        if kind == "remove":
            del holder[at]
        elif kind == "twice":
            holder.append(copy.deepcopy(holder[at]))
        elif kind == "listed":
            holder[at] = [holder[at]]
        else:
            holder[at] = copy.deepcopy(random.choice(ODD))
        return
    names = list(holder)
    if kind == "name" or not names:
        holder[random.choice(NAMES)] = copy.deepcopy(random.choice(ODD))
        return
    name = random.choice(names)
    if kind == "remove":
        del holder[name]
    elif kind == "listed":
        holder[name] = [holder[name]]
    elif kind == "single" and isinstance(holder[name], list) and len(holder[name]) == 1:
        holder[name] = holder[name][0]
    elif kind == "moved":
        holder[random.choice(NAMES)] = holder.pop(name)
    else:
        holder[name] = copy.deepcopy(random.choice(ODD))


def _holders(node: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Yield every object and array, the document first."""
    if isinstance(node, dict | list):
        yield node
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _holders(inner)
