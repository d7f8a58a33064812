"""Parts of a product that v5 names differently, in the canonical (v4) names: agreement items, related orders, prices.

The periods of prices in the order system's words, and what a relationship between products says in any version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.v5.terms import check_duration
from gateway.ordering.values import date_time, objects, wrong_type
from gateway.tmf.charge_words import PeriodWords

_NAMES: Final[dict[str, dict[str, str]]] = {
    "agreementItem": {"agreementId": "id", "agreementName": "name", "agreementHref": "href"},
    "productOrderItem": {"orderId": "productOrderId", "orderHref": "productOrderHref"},
    "productPrice": {"priceAlteration": "productPriceAlteration"},
}
PARTS: Final = frozenset(_NAMES)
_MOMENTS: Final = ("startDate", "terminationDate", "orderDate", "creationDate")


def canonical_part(
    key: str, value: object, path: str, findings: Findings, *, is_v5: bool, periods: PeriodWords
) -> tuple[str, list[Json]]:
    """Return the canonical name and value of the product attribute `key`, one of PARTS.

    Towards v5 the names are changed back when the order is written, so that only other dialects tell of it. `periods` are the
    order system's words for the periods of prices, by the cart's.
    """
    names = _NAMES[key]
    canonical = "agreement" if key == "agreementItem" else key
    if canonical != key and not is_v5:
        findings.info("renamed", path, f"It is sent as {canonical}.")
    parts = []
    for member, where in objects(value, path, findings):
        given = _with_period(member, where, findings, periods) if key == "productPrice" else member
        changed = {names.get(name, name): inner for name, inner in given.items() if inner is not None and inner != []}
        if not is_v5:
            for name in (name for name in member if name in names):
                findings.info("renamed", f"{where}.{name}", f"It is sent as {names[name]}.")
        parts.append(changed)
    return canonical, parts


def part_readers(
    findings: Findings, written: Callable[[str], str], *, is_v5: bool
) -> dict[str, Callable[[Any, str], Any]]:
    """Return what reads the dates and terms of a product, by attribute: dates as `written` writes them, amounts as numbers."""

    def moment(value: object, path: str) -> str | None:
        return date_time(value, path, findings, written)

    def period(value: object, path: str) -> Json:
        if type(value) is not dict:
            wrong_type(value, "an object", path, findings)
            return None
        ends = {key: value[key] for key in ("startDateTime", "endDateTime") if value.get(key) is not None}
        return {**value, **{key: moment(end, f"{path}.{key}") for key, end in ends.items()}}

    def terms(value: object, path: str) -> list[JsonObject]:
        read = []
        for member, where in objects(value, path, findings):
            if not is_v5:
                check_duration(member, where, findings)
            given = member.get("validFor")
            read.append(member if given is None else {**member, "validFor": period(given, f"{where}.validFor")})
        return read

    return {"productTerm": terms, **dict.fromkeys(_MOMENTS, moment)}


def tell_names(member: JsonObject, path: str, findings: Findings) -> None:
    """Tell which name R17 has for the kind of a relationship between products, and what is said twice and differently."""
    if "relationshipType" not in member:
        findings.info("renamed", f"{path}.type", "It is sent as relationshipType.")
    elif member.get("type") not in (None, member["relationshipType"]):
        findings.warning("dropped", f"{path}.type", "The relationshipType beside it is sent.")
    inner = member.get("product")
    for key in ("id", "href", "name"):
        if type(inner) is dict and member.get(key) not in (None, inner.get(key)):
            findings.warning("dropped", f"{path}.{key}", "The related product beside it is sent.")


def period_word(node: JsonObject, path: str, findings: Findings, periods: PeriodWords) -> str | None:
    """Return the order system's word for the recurringChargePeriod of a price or alteration, None where it is the cart's."""
    period = node.get("recurringChargePeriod")
    word = periods.word(period) if type(period) is str else None
    if word is None:
        return None
    findings.info("converted", f"{path}.recurringChargePeriod", f"It is sent as {word}.")
    return word


def _with_period(price: JsonObject, path: str, findings: Findings, periods: PeriodWords) -> JsonObject:
    """Return a price of a product, and its alterations, with the order system's words for their periods."""
    word = period_word(price, path, findings, periods)
    changed = price if word is None else {**price, "recurringChargePeriod": word}
    for name in ("priceAlteration", "productPriceAlteration"):
        listed = price.get(name)
        if type(listed) is list:
            changed = {
                **changed,
                name: [
                    _with_period(member, f"{path}.{name}[{position}]", findings, periods)
                    if type(member) is dict
                    else member
                    for position, member in enumerate(listed)
                ],
            }
    return changed


def relationship_of(member: JsonObject) -> tuple[str | None, JsonObject | None]:
    """Return the type of a relationship between products (R17: `type`) and the other product; None for what it does not say."""
    kind = member.get("relationshipType")
    kind = member.get("type") if kind is None else kind
    inner = member.get("product")
    if inner is None and type(member.get("id")) is str:  # v5 refers by id
        inner = {key: member[key] for key in ("id", "href", "name") if key in member}
    return (kind if type(kind) is str else None), (inner if type(inner) is dict else None)
