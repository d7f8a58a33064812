"""Parts of a product that v5 names differently, in the canonical (v4) names: agreement items, related orders, prices.

And what a relationship between products says in any version.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.ordering.findings import Findings
from gateway.ordering.values import objects

_NAMES: Final[dict[str, dict[str, str]]] = {
    "agreementItem": {"agreementId": "id", "agreementName": "name", "agreementHref": "href"},
    "productOrderItem": {"orderId": "productOrderId", "orderHref": "productOrderHref"},
    "productPrice": {"priceAlteration": "productPriceAlteration"},
}
PARTS: Final = frozenset(_NAMES)


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


def relationship_of(member: dict[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
    """Return the type of a relationship between products (R17: `type`) and the other product; None for what it does not say."""
    kind = member.get("relationshipType", member.get("type"))
    inner = member.get("product")
    if inner is None and type(member.get("id")) is str:  # v5 refers by id
        inner = {key: member[key] for key in ("id", "href", "name") if key in member}
    return (kind if type(kind) is str else None), (inner if type(inner) is dict else None)
