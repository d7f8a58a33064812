"""What TMF622 v5 makes mandatory deep inside of an item: the ids of references, and what makes a part one of its class.

An id that only an href tells is taken from it; what lacks more is not sent, with a finding, instead of a whole order refused for it.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.tmf.hrefs import last_segment

_ID: Final = (("id",),)
# What each part needs, by its canonical name: of several names of one thing, one must be there.
_NEEDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    **dict.fromkeys(
        ("appointment", "billingAccount", "payment", "qualification", "productOfferingPrice", "realizingResource", "realizingService",
         "externalIdentifier", "engagedParty", "account", "paymentMethod", "partyRoleSpecification"),
        _ID,
    ),
    **dict.fromkeys(("characteristicRelationship", "siteRelationship"), (("id",), ("relationshipType",))),
    "quoteItem": (("quoteId",), ("quoteItemId", "id")),
    "productOfferingQualificationItem": (("productOfferingQualificationId",), ("itemId", "id")),
    "subUnit": (("subUnitNumber",), ("subUnitType",)),
    "targetProductSchema": (("@schemaLocation",),),
}  # fmt: skip
_ASKED: Final = frozenset({*_NEEDS, "relatedParty"})
_OTHER_NAMES: Final = {"agreement": "agreementItem", "productCharacteristic": "characteristic"}
_TOTALS: Final = ("itemTotalPrice", "ItemTotalPrice", "totalItemPrice")
_REFERENCES: Final = frozenset({"PartyRef", "PartyRoleRef"})
_CONTAINERS: Final = frozenset({dict, list})
_DEPTH_MAX: Final = 24


def completed(node: JsonObject, given: object, path: str, findings: Findings, depth: int = 0) -> JsonObject:
    """Return an item or a part of one without what v5 would refuse; itself when it is whole.

    `given` is the cart's own node at `path`, whose names and positions the findings use.
    """
    if depth == 0 and not _has_asked(node, 0):
        return node
    changed: dict[str, Any] | None = None
    for key, value in node.items():
        if type(value) not in _CONTAINERS or key == "value" or depth > _DEPTH_MAX:
            continue
        name = _own_name(key, given)
        own = given.get(name) if type(given) is dict else None
        where = f"{path}.{name}"
        whole: Any
        if isinstance(value, dict):
            whole = _whole(key, value, own, where, findings, depth)
        else:
            whole = _members(key, value, own, where, findings, depth)
        if whole is value:
            continue
        changed = dict(node) if changed is None else changed
        if whole is None or whole == []:
            del changed[key]
        else:
            changed[key] = whole
    return node if changed is None else changed


def _has_asked(value: Json, depth: int) -> bool:
    """Tell whether a part that something is asked of is anywhere in `value`; most items have none."""
    if depth > _DEPTH_MAX:
        return True
    if type(value) is list:
        return any(type(member) is dict and _has_asked(member, depth + 1) for member in value)
    for key, inner in value.items():
        if type(inner) not in _CONTAINERS:
            continue
        if key in _ASKED or _has_asked(inner, depth + 1):
            return True
    return False


def _members(key: str, value: list[Json], given: object, path: str, findings: Findings, depth: int) -> list[Json]:
    """Return the whole members of a list, of which the cart may have one object for a list of one."""
    kept: list[Any] = []
    is_changed = False
    for at, member in enumerate(value):
        if type(member) is not dict:
            kept.append(member)
            continue
        own: Any = given
        where = path
        if type(given) is not dict:
            own = given[at] if type(given) is list and at < len(given) else None
            where = f"{path}[{at}]"
        whole: dict[str, Any] | None = _whole(key, member, own, where, findings, depth)
        is_changed = is_changed or whole is not member
        if whole is not None:
            kept.append(whole)
    return kept if is_changed else value


def _whole(key: str, node: JsonObject, given: object, path: str, findings: Findings, depth: int) -> JsonObject | None:
    """Return one part with what v5 demands of it, None (told) when it cannot be had."""
    needs = _NEEDS.get(key, ())
    if key == "relatedParty":
        inner: Any = node.get("partyOrPartyRole")
        if type(inner) is dict and inner.get("@type") in (None, *_REFERENCES):
            party = _with_id(inner, f"{path}.partyOrPartyRole", findings)
            if not party.get("id"):
                findings.warning("dropped", path, "v5 refers to a party by its id; it has none and is not sent.")
                return None
            node = node if party is inner else {**node, "partyOrPartyRole": party}
    elif needs == _ID:
        node = _with_id(node, path, findings)
    missing = [names[0] for names in needs if not any(node.get(name) for name in names)]
    if missing:
        findings.warning("dropped", path, f"v5 demands {', '.join(missing)} here; without it it is not sent.")
        return None
    return completed(node, given, path, findings, depth + 1)


def _with_id(node: JsonObject, path: str, findings: Findings) -> JsonObject:
    if node.get("id"):
        return node
    derived = last_segment(node.get("href"))
    if not derived:
        return node
    findings.info("defaulted", f"{path}.id", "The id is taken from the last segment of the href.")
    return {"id": derived, **{key: value for key, value in node.items() if key != "id"}}


def _own_name(key: str, given: object) -> str:
    """Return the name that the cart has for the canonical attribute `key`."""
    if type(given) is not dict or given.get(key) is not None:
        return key
    if key == _TOTALS[0]:
        return next((name for name in _TOTALS if given.get(name) is not None), key)
    other = _OTHER_NAMES.get(key, key)
    return other if given.get(other) is not None else key
