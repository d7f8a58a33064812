"""Parts of a product that v5 names differently, in the canonical (v4) names: agreement items, related orders, prices.

And what a relationship between products says in any version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.ordering.findings import Findings
from gateway.ordering.terms import check_duration
from gateway.ordering.values import date_time, objects, wrong_type

_NAMES: Final[dict[str, dict[str, str]]] = {
    "agreementItem": {"agreementId": "id", "agreementName": "name", "agreementHref": "href"},
    "productOrderItem": {"orderId": "productOrderId", "orderHref": "productOrderHref"},
    "productPrice": {"priceAlteration": "productPriceAlteration"},
}
PARTS: Final = frozenset(_NAMES)
_MOMENTS: Final = ("startDate", "terminationDate", "orderDate", "creationDate")


def canonical_part(key: str, value: Any, path: str, findings: Findings, *, is_v5: bool) -> tuple[str, list[Any]]:
    """Return the canonical name and value of the product attribute `key`, one of PARTS.

    Towards v5 the names are changed back when the order is written, so that only other dialects tell of it.
    """
    names = _NAMES[key]
    canonical = "agreement" if key == "agreementItem" else key
    if canonical != key and not is_v5:
        findings.info("renamed", path, f"It is sent as {canonical}.")
    parts = []
    for member, where in objects(value, path, findings):
        changed = {names.get(name, name): inner for name, inner in member.items() if inner is not None}
        if not is_v5:
            for name in (name for name in member if name in names):
                findings.info("renamed", f"{where}.{name}", f"It is sent as {names[name]}.")
        parts.append(changed)
    return canonical, parts


def part_readers(findings: Findings, *, is_v5: bool) -> dict[str, Callable[[Any, str], Any]]:
    """Return what reads the dates and terms of a product, by attribute: dates as RFC 3339 wants them, amounts as numbers."""

    def moment(value: Any, path: str) -> str | None:
        return date_time(value, path, findings)

    def period(value: Any, path: str) -> Any:
        if type(value) is not dict:
            wrong_type(value, "an object", path, findings)
            return None
        ends = {key: value[key] for key in ("startDateTime", "endDateTime") if value.get(key) is not None}
        return {**value, **{key: moment(end, f"{path}.{key}") for key, end in ends.items()}}

    def terms(value: Any, path: str) -> list[dict[str, Any]]:
        read = []
        for member, where in objects(value, path, findings):
            if not is_v5:
                check_duration(member, where, findings)
            given = member.get("validFor")
            read.append(member if given is None else {**member, "validFor": period(given, f"{where}.validFor")})
        return read

    return {"productTerm": terms, **dict.fromkeys(_MOMENTS, moment)}


def tell_names(member: dict[str, Any], path: str, findings: Findings) -> None:
    """Tell which name R17 has for the kind of a relationship between products, and what is said twice and differently."""
    if "relationshipType" not in member:
        findings.info("renamed", f"{path}.type", "It is sent as relationshipType.")
    elif member.get("type") not in (None, member["relationshipType"]):
        findings.warning("dropped", f"{path}.type", "The relationshipType beside it is sent.")
    inner = member.get("product")
    for key in ("id", "href", "name"):
        if type(inner) is dict and member.get(key) not in (None, inner.get(key)):
            findings.warning("dropped", f"{path}.{key}", "The related product beside it is sent.")


def relationship_of(member: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    """Return the type of a relationship between products (R17: `type`) and the other product; None for what it does not say."""
    kind = member.get("relationshipType", member.get("type"))
    inner = member.get("product")
    if inner is None and type(member.get("id")) is str:  # v5 refers by id
        inner = {key: member[key] for key in ("id", "href", "name") if key in member}
    return (kind if type(kind) is str else None), (inner if type(inner) is dict else None)
