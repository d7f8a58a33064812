"""Prices of carts and cart items as order prices (TMF622 OrderPrice), every digit kept.

R17 shapes are read too: money inside `{"money": {...}}`, the tax rate inside taxIncludedAmount, `priceCondition` and
`validFor` of an alteration (which have no attribute in v4: they are appended to its description).
"""

from __future__ import annotations

from typing import Final

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.translation.altered_prices import Altered
from gateway.ordering.v5.fitting import fit_price
from gateway.ordering.v5.product_parts import period_word
from gateway.ordering.values import integer, is_number, objects, text, wrong_type
from gateway.tmf.amounts import AMOUNTS
from gateway.tmf.charge_words import PeriodWords, charge_kind

_AMOUNT: Final = frozenset({"unit", "value"})
_RATES: Final = frozenset({"percentage", "taxRate"})
_TEXTS: Final = frozenset({"name", "description", "priceType", "recurringChargePeriod", "unitOfMeasure"})
_ENDS: Final = ("startDateTime", "endDateTime")
_TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
_R17_ONLY: Final = ("priceCondition", "validFor")


class Prices:
    """Translates prices for one mapping."""

    def __init__(self, mapping: Mapping, findings: Findings) -> None:
        self._findings = findings
        self._periods = PeriodWords(mapping.price.charge_periods)
        self._drop_alterations = mapping.price.alterations == "drop"
        self._separate = mapping.price.alterations == "patch-per-line"
        self._merged = self._separate and mapping.price.altered_prices == "merged"
        self._is_v5 = mapping.dialect == "tmf622-v5"
        self._recurring_required = mapping.price.recurring_required
        self._endless = mapping.price.endless_duration

    def are_plain(self, prices: object) -> bool:
        """Tell whether a list of prices is sent as it is: texts and amounts in the order system's own shape."""
        return type(prices) is list and bool(prices) and all(map(self._is_plain, prices))

    def _is_plain(self, price: object) -> bool:
        if type(price) is not dict:
            return False
        for key, value in price.items():
            if key == "price":
                if not _is_plain_price(value):
                    return False
            elif key not in _TEXTS or type(value) is not str:
                return False
        if "recurringChargePeriod" in price and self._periods.word(price["recurringChargePeriod"]) is not None:
            return False
        return not self._is_v5 or bool(price.get("price") and price.get("priceType"))

    def order_prices(self, value: object, path: str) -> list[JsonObject]:
        """Return totals or prices at `path`, with their alterations inline or (by the mapping) without."""
        return self.item_prices(value, path, collect=None, are_totals=True)

    def altered(self) -> Altered:
        """Return what gathers the altered prices of one item."""
        return Altered(separate=not self._merged)

    def item_prices(
        self, value: object, path: str, collect: Altered | None, *, are_totals: bool = False
    ) -> list[JsonObject]:
        """Return the prices at `path`; alterations that are sent in calls of their own are put into `collect`."""
        prices = [
            price
            for member, member_path in objects(value, path, self._findings)
            if (price := self._order_price(member, member_path, collect, is_total=are_totals)) is not None
        ]
        if collect is not None:
            collect.tell_ambiguous(prices, self._findings)
        return prices

    def _order_price(
        self, node: JsonObject, path: str, collect: Altered | None, *, is_total: bool
    ) -> JsonObject | None:
        price = self._common(node, path)
        if self._is_v5 and not fit_price(price, path, self._findings):
            return None
        alterations = node.get("priceAlteration")
        if alterations is None:
            return price
        price.pop("priceAlteration", None)
        if self._drop_alterations or (self._separate and collect is None):
            self._findings.warning("dropped", f"{path}.priceAlteration", "The order system does not take it here.")
            return price
        translated = [
            alteration
            for member, member_path in objects(alterations, f"{path}.priceAlteration", self._findings)
            if (alteration := self._alteration(member, member_path, price, is_total=is_total)) is not None
        ]
        if self._separate and collect is not None:
            collect.take(price, translated, f"{path}.priceAlteration")
        elif translated:
            price["priceAlteration"] = translated
        return price

    def _common(self, node: JsonObject, path: str) -> JsonObject:
        """Return a copy of the price or alteration with its texts checked, its period translated, its price flat."""
        findings = self._findings
        copy = {key: value for key, value in node.items() if value is not None}
        for key in [key for key, value in copy.items() if key in _TEXTS and type(value) is not str]:
            text(copy, key, path, findings)
            del copy[key]
        if copy.get("@type") == "CartPrice":
            copy["@type"] = "OrderPrice"
            findings.info("converted", f"{path}.@type", "A CartPrice is an OrderPrice in the order.")
        period = period_word(copy, path, findings, self._periods)
        if period is not None:
            copy["recurringChargePeriod"] = period
        if "price" in copy:
            copy["price"] = self._price(copy["price"], f"{path}.price")
        return copy

    def _price(self, value: object, path: str) -> JsonObject:
        findings = self._findings
        if type(value) is not dict:
            wrong_type(value, "an object", path, findings)
            return {}
        price = value
        for key in AMOUNTS:
            amount = price.get(key)
            if amount is None:
                continue
            if type(amount) is not dict:
                wrong_type(amount, "an object", f"{path}.{key}", findings)
                continue
            if "money" in amount or "taxRate" in amount:
                price, amount = self._flat_amount(price, key, f"{path}.{key}")
            if not is_number(amount.get("value", 0)):
                wrong_type(amount["value"], "a number", f"{path}.{key}.value", findings)
            if type(amount.get("unit", "")) is not str:
                text(amount, "unit", f"{path}.{key}", findings)
        for key in ("percentage", "taxRate"):
            if key in price and price[key] is not None and not is_number(price[key]):
                wrong_type(price[key], "a number", f"{path}.{key}", findings)
        return price

    def _flat_amount(self, price: JsonObject, key: str, path: str) -> tuple[JsonObject, JsonObject]:
        """Unwrap R17's money and lift its tax rate to the price (TMF663 R17 sample of ShoppingCart)."""
        findings = self._findings
        amount = price[key]
        money = amount.get("money", {})
        if type(money) is not dict:
            wrong_type(money, "an object", f"{path}.money", findings)
            money = {}
        flat = {**{name: value for name, value in amount.items() if name not in ("money", "taxRate")}, **money}
        price = {**price, key: flat}
        if "money" in amount:
            findings.info("converted", path, "The amount is sent without R17's wrapper `money`.")
        rate = amount.get("taxRate")
        if rate is not None:
            if price.get("taxRate") is None:
                price["taxRate"] = rate
                findings.info("moved", f"{path}.taxRate", "The tax rate is sent as price.taxRate.")
            elif price["taxRate"] != rate:
                findings.warning("dropped", f"{path}.taxRate", "The price has another taxRate of its own.")
        return price, flat

    def _alteration(self, node: JsonObject, path: str, price: JsonObject, *, is_total: bool) -> JsonObject | None:
        findings = self._findings
        alteration = self._common(node, path)
        if not alteration.get("price"):
            if "price" not in node or type(node["price"]) is dict or node["price"] is None:
                message = "A price alteration needs a price: a percentage or an amount."
                if is_total:  # It only informs, and never refuses what is ordered.
                    findings.warning("dropped", path, message)
                else:
                    findings.error("price_incomplete", path, message)
            return None
        if "priceType" not in alteration and type(node.get("priceType")) is not str:
            alteration["priceType"] = price.get(
                "priceType", "recurring" if "recurringChargePeriod" in alteration else "oneTime"
            )
            findings.info("defaulted", f"{path}.priceType", "It is taken from the price that is altered.")
        for key in ("applicationDuration", "priority"):
            if key in alteration:
                number = integer(alteration.pop(key), f"{path}.{key}", findings)
                if number is not None:
                    alteration[key] = number
        if any(key in alteration for key in _R17_ONLY):
            self._describe(alteration, path)
        if self._separate and _is_recurring(alteration, price):
            self._check_recurring(alteration, node, path, price)
        return alteration

    def _describe(self, alteration: JsonObject, path: str) -> None:
        """Append R17's condition and validity to the description: v4 has no attribute for them."""
        parts = [alteration["description"]] if "description" in alteration else []
        condition = alteration.pop("priceCondition", None)
        if type(condition) is str and condition:
            parts.append(f"[condition: {condition}]")
            self._findings.info("moved", f"{path}.priceCondition", "It is appended to the description.")
        elif condition:
            wrong_type(condition, "a string", f"{path}.priceCondition", self._findings)
        period = alteration.pop("validFor", None)
        if type(period) is dict:
            start, end = (text(period, key, f"{path}.validFor", self._findings) or "" for key in _ENDS)
            if start or end:
                parts.append(f"[valid: {start}..{end}]")
                self._findings.info("moved", f"{path}.validFor", "It is appended to the description.")
            for key in sorted(period.keys() - {*_ENDS, *_TYPES}):
                self._findings.warning(
                    "dropped", f"{path}.validFor.{key}", "The description tells the start and the end only."
                )
        elif period is not None:
            wrong_type(period, "an object", f"{path}.validFor", self._findings)
        if parts:
            alteration["description"] = " ".join(parts)

    def _check_recurring(self, alteration: JsonObject, node: JsonObject, path: str, price: JsonObject) -> None:
        """Refuse a recurring alteration without the attributes the order system demands; the period may be the price's."""
        key = "recurringChargePeriod"
        if (self._merged or key in self._recurring_required) and key not in alteration and key in price:
            alteration[key] = price[key]
            self._findings.info("defaulted", f"{path}.{key}", "It is taken from the price that is altered.")
        key = "applicationDuration"
        if self._endless and key in self._recurring_required and key not in alteration and node.get(key) is None:
            alteration[key] = self._endless
            message = f"The alteration has no end, and the order system demands one: {self._endless} is sent for it."
            self._findings.warning("defaulted", f"{path}.{key}", message)
        # What is there but wrong (in `node`, as it was given) has been told already.
        missing = [key for key in self._recurring_required if key not in alteration and node.get(key) is None]
        if missing:
            self._findings.error(
                "recurring_incomplete",
                path,
                f"The order system needs {', '.join(missing)} in a recurring price alteration; add it.",
            )


def _is_recurring(alteration: JsonObject, price: JsonObject) -> bool:
    """Tell whether an alteration is one of a recurring charge: by its own type, else (`discount`) by the price it alters."""
    for node in (alteration, price):
        kind = charge_kind(str(node.get("priceType", "")))
        if kind:
            return kind == "recurring"
        if "recurringChargePeriod" in node:
            return True
    return False


def _is_plain_price(price: object) -> bool:
    """Tell whether a price holds nothing but rates and flat amounts."""
    if type(price) is not dict:
        return False
    for key, value in price.items():
        if key in AMOUNTS:
            if type(value) is not dict or not _AMOUNT.issuperset(value):
                return False
            if not is_number(value.get("value", 0)) or type(value.get("unit", "")) is not str:
                return False
        elif key not in _RATES or not is_number(value):
            return False
    return True
