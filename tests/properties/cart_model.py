"""What carts are, written down a second time and with nothing of the gateway's: patches, ids, totals, validity and merges.

A cart is kept as each version shows it, without what is derived (totals, validity, times), so that every answer can be compared
letter by letter; the derived parts are computed here by the words of the standard.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, NoReturn, TypeAlias

Document: TypeAlias = dict[str, Any]
Totals: TypeAlias = dict[tuple[str, str, str], Decimal]

BASES = {
    "v1": "/shoppingCart/v1/shoppingCart",
    "v4": "/tmf-api/shoppingCart/v4/shoppingCart",
    "v5": "/tmf-api/shoppingCart/v5/shoppingCart",
}
SAVED = {"v1": "SavedForLater", "v4": "saveForLater", "v5": "saveForLater"}
ITEM_TOTAL = {"v1": "totalItemPrice", "v4": "itemTotalPrice", "v5": "itemTotalPrice"}
DERIVED = ("cartTotalPrice", "validFor", "creationDate", "lastUpdate", "checkoutState", "checkout")
# What a merge does not hand on as it is.
_OWN = frozenset({"id", "href", "cartItem", "contactMedium", "relatedParty"})
DAYS, DAYS_EMPTY, DAYS_KEPT = 90, 7, 7


class Refused(Exception):  # noqa: N818 - a value of the model, not a mistake of the test
    """A change that has no effect: the status it is answered with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def refuse(status: int) -> NoReturn:
    raise Refused(status)


def attempted(change: Callable[[], Document], status: int) -> tuple[Document | None, int]:
    """Return what a change makes of a cart and the `status` it is answered with, or None and the status of its refusal."""
    try:
        return change(), status
    except Refused as refused:
        return None, refused.status


def text(value: Any) -> str:
    """Return JSON whose equality is that of documents: every digit counts, the order of names does not."""
    return json.dumps(value, sort_keys=True, default=lambda number: f"number {number}")


def written(value: Any) -> bytes:
    """Return JSON with Decimals as the numbers that they are."""
    marked = json.dumps(value, default=lambda number: f"\0{number}\0")
    return re.sub(r'"\\u0000(.*?)\\u0000"', r"\1", marked).encode()


def read(body: bytes) -> Any:
    """Return decoded JSON, fractions as Decimal."""
    return json.loads(body, parse_float=Decimal)


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Cart:
    """One cart; `shown` is what each version shows of it, `checkout` what holds it."""

    id: str
    created: datetime
    updated: datetime
    expires: datetime
    given: Document | None
    etag: str = ""
    shown: dict[str, Document] = field(default_factory=dict)
    etags: list[str] = field(default_factory=list)
    checkout: str | None = None

    @property
    def shown_etag(self) -> str:
        """The tag of what is shown: it tells carts of one version apart that are held, and by whom."""
        return self.etag if self.checkout is None else f'{self.etag[:-1]}-inCheckout-{self.checkout}"'

    def touch(self, now: datetime, items: Any) -> None:
        """Note a change: activity moves the end of validity on, unless a client said when it is."""
        self.updated = now
        if self.given is None:
            self.expires = now + timedelta(days=DAYS if items else DAYS_EMPTY)

    def is_swept(self, now: datetime) -> bool:
        kept = now - timedelta(days=DAYS_KEPT)
        return self.expires < kept and self.updated < kept and self.checkout is None

    def validity(self) -> Document:
        return self.given or {"startDateTime": moment_text(self.created), "endDateTime": moment_text(self.expires)}


def stripped(document: Document, version: str) -> Document:
    """Return a cart as it is shown without what is derived."""
    kept = {name: value for name, value in document.items() if name not in DERIVED}
    if "cartItem" in kept:
        kept["cartItem"] = [_without_total(item, version) for item in kept["cartItem"]]
    return kept


def _without_total(item: Document, version: str) -> Document:
    kept = {name: value for name, value in item.items() if name != ITEM_TOTAL[version]}
    if "cartItem" in kept:
        kept["cartItem"] = [_without_total(inner, version) for inner in kept["cartItem"]]
    return kept


def items_of(document: Document) -> list[Document]:
    """Return every item, parents before children."""
    found = []
    for item in document.get("cartItem", []):
        found += [item, *items_of(item)]
    return found


def completed(document: Document, before: Document | None = None) -> Document:
    """Give ids to items without one: the first numbers that neither the cart nor the cart before has. Refuse what is not a cart."""
    items = items_of(document)
    ids = [item["id"] for item in items if "id" in item]
    if len(set(ids)) < len(ids) or any(item.get("quantity", 1) < 1 for item in items):
        raise Refused(400)
    taken = {*ids, *(item["id"] for item in items_of(before or {}))}
    free = (f"{number:02d}" for number in count(1) if f"{number:02d}" not in taken)
    for item in items:
        if "id" not in item:
            item["id"] = next(free)
    return document


def merge_patched(target: Any, patch: Any) -> Any:
    """Apply a merge patch, by the pseudocode of RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), value)
    return result


def json_patched(document: Document, operations: list[Document]) -> Document:
    """Apply a JSON patch (RFC 6902: add, remove, replace, copy, move, test), with TMF630's habit of adding to a list."""
    result = copy.deepcopy(document)
    for operation in operations:
        verb, path = operation["op"], operation["path"].split("/")[1:]
        value = copy.deepcopy(operation.get("value"))
        if verb in {"copy", "move"}:
            source = operation["from"].split("/")[1:]
            value = copy.deepcopy(_at(result, source))
            if verb == "move":
                _removed(result, source)
        if verb == "test":
            if text(_at(result, path)) != text(value):
                raise Refused(409)
        elif verb == "remove":
            _removed(result, path)
        elif verb == "replace":
            _at(result, path)
            _put(_at(result, path[:-1]), path[-1], value)
        else:
            if path[-1] == "-" and len(path) == 2:
                result.setdefault(path[0], [])
            _added(_at(result, path[:-1]), path[-1], value, is_given=verb == "add")
    return result


def _at(node: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            raise Refused(400)
    return node


def _removed(document: Document, path: list[str]) -> None:
    _at(document, path)
    holder = _at(document, path[:-1])
    del holder[int(path[-1]) if isinstance(holder, list) else path[-1]]


def _put(holder: Any, name: str, value: Any) -> None:
    holder[int(name) if isinstance(holder, list) else name] = value


def _added(holder: Any, name: str, value: Any, *, is_given: bool) -> None:
    if isinstance(holder, list):
        place = len(holder) if name == "-" else int(name)
        if place > len(holder):
            raise Refused(400)
        holder.insert(place, value)
    elif is_given and isinstance(holder.get(name), list) and isinstance(value, dict):
        holder[name].append(value)
    else:
        holder[name] = value


def query_patched(document: Document, verb: str, attribute: str, value: Any, quantity: int | None) -> Document:
    """Remove the items that fit, or give them a quantity: those with `attribute` equal to, or (quantity) more than, `value`."""
    result = copy.deepcopy(document)
    items = result.get("cartItem", [])
    fitting = [
        item
        for item in items
        if (item.get("quantity", 0) > value if attribute == "quantity" else item.get(attribute) == value)
    ]
    if verb == "replace":
        fitting = [item for item in fitting if "quantity" in item]
    if not fitting:
        raise Refused(400)
    for item in fitting:
        if verb == "replace":
            item["quantity"] = quantity
        else:
            items.remove(item)
    return result


def merged(customer: Document, guest: Document) -> Document:
    """Return two carts in the form of v4 as one: the guest's items come last, ids that are taken replaced by free ones."""
    ours = {item["id"] for item in items_of(customer)}
    theirs = {item["id"] for item in items_of(guest)}
    free = (f"{number:02d}" for number in count(1) if f"{number:02d}" not in ours | theirs)
    names = {name: next(free) for name in sorted(ours & theirs)}
    incoming = copy.deepcopy(guest)
    for item in items_of(incoming):
        item["id"] = names.get(item["id"], item["id"])
    result = copy.deepcopy(customer)
    if incoming.get("cartItem"):
        result["cartItem"] = [*result.get("cartItem", []), *incoming["cartItem"]]
    for name in ("contactMedium", "relatedParty"):
        there = [text(entry) for entry in result.get(name, [])]
        if added := [entry for entry in incoming.get(name, []) if text(entry) not in there]:
            result[name] = [*result.get(name, []), *added]
    return {**{name: value for name, value in incoming.items() if name not in _OWN}, **result}


def own_totals(item: Document) -> Totals:
    """Return what an item's own prices come to: a percentage off, unless it is for some months of a recurring price only."""
    sums: Totals = {}
    for price in item.get("itemPrice", []):
        money = price["price"]["dutyFreeAmount"]
        money = money.get("money", money)
        value = Decimal(money["value"])
        for alteration in price.get("priceAlteration", []):
            if "applicationDuration" not in alteration:
                value *= 1 - Decimal(alteration["price"]["percentage"]) / 100
        key = (price["priceType"], price.get("recurringChargePeriod", ""), money["unit"])
        sums[key] = sums.get(key, Decimal(0)) + value * item.get("quantity", 1)
    return sums


def cart_totals(holder: Document, version: str) -> Totals:
    """Return the totals of the items that are not saved for later, those inside them too."""
    sums: Totals = {}
    for item in holder.get("cartItem", []):
        if item.get("status") != SAVED[version]:
            for part in (own_totals(item), cart_totals(item, version)):
                for key, value in part.items():
                    sums[key] = sums.get(key, Decimal(0)) + value
    return sums


def told_totals(prices: list[Document]) -> Totals:
    """Return the amounts of a list of totals as an answer has them; each kind at most once."""
    found: Totals = {}
    for price in prices:
        money = price["price"]["dutyFreeAmount"]
        money = money.get("money", money)
        key = (price["priceType"], price.get("recurringChargePeriod", ""), money["unit"])
        assert key not in found, f"{key} is told twice"
        found[key] = Decimal(money["value"])
    return found
