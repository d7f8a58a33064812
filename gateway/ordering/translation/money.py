"""What is told of a cart's prices: those that are not part of a total, alterations that do not apply, amounts nobody would pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError
from gateway.ordering.findings import Findings
from gateway.ordering.translation.entries import ITEM_DEPTH_MAX
from gateway.tmf.alterations import Fault
from gateway.tmf.amounts import amounts_of
from gateway.tmf.given_totals import CartTotals, totals_of_cart
from gateway.tmf.item_status import is_removed, is_saved_for_later, is_unchanged
from gateway.tmf.item_totals import with_right_item_totals
from gateway.tmf.numbers import INEXACT
from gateway.tmf.prices import Charge, charges
from gateway.tmf.totals import ITEM_TOTALS, Counted, Unknown, quantity_of

# What is more is not a price in any currency, unless a setting says otherwise.
AMOUNT_MAX: Final = Decimal(10**12)
_ZERO: Final = Decimal(0)
_NAMES: Final = {"dutyFreeAmount": "without tax", "taxIncludedAmount": "with tax"}


class Money:
    """The totals of a cart, once; and what is told of its prices. `replaced` are the paths of items' totals that were not right."""

    def __init__(self, cart: JsonObject, amount_max: Decimal, findings: Findings) -> None:
        # A cart that is too deep is refused: its prices are not looked at.
        self._cart = cart if _is_shallow(cart) else {}
        self._given = cart
        self._amount_max = amount_max
        self._findings = findings
        self.replaced: set[str] = set()
        # What the items' own prices come to and why not, by the items' identity: each price is read once.
        self._read: dict[int, tuple[list[Counted], Sequence[tuple[int, Fault]]]] = {}
        # While the prices are read, it is seen whether there is anything to tell of them, as there seldom is: else nobody looks again.
        self._is_usual = True
        self._has_item_totals = False
        self.totals: CartTotals | None
        try:
            self.totals = totals_of_cart(self._cart, self._counted, self._see)
        except InvalidBodyError:
            self.totals = None

    def with_right_totals(self) -> JsonObject:
        """Return the cart with its items' totals as they are sent: one that says something else than the prices is told."""
        if self._cart is not self._given or (self._is_summed() and not self._has_item_totals):
            return self._given
        try:
            return with_right_item_totals(self._cart, self._tell_item_total, self._counted)
        except INEXACT:
            return self._given

    def _is_summed(self) -> bool:
        """Tell whether the totals are sums: then every item has been looked at."""
        return self.totals is not None and self.totals.are_sums

    def _see(self, item: JsonObject, counted: list[Counted]) -> None:
        if not counted and "itemPrice" in item:
            self._is_usual = False
        if any(map(item.__contains__, ITEM_TOTALS)):
            self._has_item_totals = True

    def _counted(self, item: JsonObject) -> list[Counted]:
        return self._charges_of(item)[0]

    def _charges_of(self, item: JsonObject) -> tuple[list[Counted], Sequence[tuple[int, Fault]]]:
        known = self._read.get(id(item))
        if known is None:
            faults: list[tuple[int, Fault]] = []
            quantity = quantity_of(item)
            found = charges(item.get("itemPrice"), faults)
            known = [(charge, quantity) for charge in found], faults or ()
            self._read[id(item)] = known
            if self._is_usual:
                self._is_usual = not faults and self._are_usual(found)
        return known

    def _are_usual(self, found: list[Charge]) -> bool:
        most = self._amount_max
        for charge in found:
            if "priceAlteration" in charge.price:
                return False
            for value in charge.values:
                if not _ZERO <= value <= most:
                    return False
        return True

    def _tell_item_total(self, path: str) -> None:
        self.replaced.add(path)
        message = "It is not what the item's prices come to; the total of the prices is sent."
        self._findings.warning("totals_differ", path, message)

    def tell(self) -> None:
        """Tell what does not count as it was meant, and amounts that are implausible."""
        if not (self._is_usual and self._is_summed()):
            for path, item in _items(self._cart.get("cartItem"), ""):
                self._tell_item(path, item)
        if self.totals is None:
            return
        for unknown in self.totals.unknown:
            self._tell_unknown(unknown)
        for position, price in enumerate(self.totals.prices):
            if type(price) is dict:
                self._tell_total(position, price)

    def _tell_item(self, path: str, item: JsonObject) -> None:
        prices = item.get("itemPrice")
        if not prices or type(prices) is not list:
            return
        if is_removed(item) or is_unchanged(item):
            why = "removed" if is_removed(item) else "not changed"
            message = f"The item is {why}: its prices are not part of the totals."
            self._findings.info("price_not_summed", f"{path}.itemPrice", message)
            return
        try:
            counted, faults = self._charges_of(item)
        except INEXACT:
            return  # Told once, for the totals.
        for position, fault in faults:
            where = f"{path}.itemPrice[{position}]" + (f".{fault.where}" if fault.where else "")
            self._tell_fault(fault, where)
        for position, price in enumerate(prices):
            if type(price) is dict:
                self._tell_amounts(path, position, price, counted)

    def _tell_fault(self, fault: Fault, where: str) -> None:
        findings = self._findings
        if fault.code == "price_not_summed":
            findings.info("price_not_summed", where, fault.message)
        elif fault.code == "currencies_differ":
            findings.warning("currencies_differ", where, fault.message)
        elif fault.code == "amount_unknown":
            findings.warning("amount_unknown", where, fault.message)
        else:
            findings.warning("alteration_not_applied", where, fault.message)

    def _tell_amounts(self, item_path: str, position: int, price: JsonObject, counted: list[Counted]) -> None:
        """Tell amounts that are negative, as given or after the alterations, or absurd."""
        values = next((charge.values for charge, _ in counted if charge.price is price), None)
        if values is None or "priceAlteration" in price:
            values = amounts_of(price.get("price"))[1] + (values or ())
        if all(_ZERO <= value <= self._amount_max for value in values):
            return
        path = f"{item_path}.itemPrice[{position}]"
        if any(value < 0 for value in values):
            message = "Its amount is negative, as given or after its alterations."
            self._findings.warning("price_negative", path, message)
        if any(value.copy_abs() > self._amount_max for value in values):
            self._findings.warning("price_too_large", path, f"Its amount is above {self._amount_max:f}.")

    def _tell_total(self, position: int, price: JsonObject) -> None:
        faults: list[tuple[int, Fault]] = []
        try:
            found = charges([price], faults)
        except INEXACT:
            return
        for _, fault in faults:
            if fault.code != "price_not_summed":
                self._tell_fault(fault._replace(message=f"Total {position + 1}: {fault.message}"), "cartTotalPrice")
        values = [value for charge in found for value in charge.values]
        if any(value < 0 for value in values):
            self._findings.warning("total_negative", "cartTotalPrice", f"Total {position + 1} is negative.")
        if any(value.copy_abs() > self._amount_max for value in values):
            message = f"Total {position + 1} is above {self._amount_max:f}."
            self._findings.warning("price_too_large", "cartTotalPrice", message)

    def _tell_unknown(self, unknown: Unknown) -> None:
        if not unknown.amount:
            return  # Each of its prices is told.
        words = " ".join(word for word in (*unknown.head, unknown.currency) if word)
        message = (
            f"The total {words} {_NAMES[unknown.amount]} is left out: not every one of its prices tells that amount, or a tax "
            "rate that it follows from."
        )
        self._findings.warning("amount_unknown", "cartTotalPrice", message)


def _is_shallow(cart: JsonObject) -> bool:
    """Tell whether items are nested no deeper than the order may be."""
    level = [cart]
    for _ in range(ITEM_DEPTH_MAX + 1):
        level = [
            item
            for holder in level
            if type(inside := holder.get("cartItem")) is list
            for item in inside
            if type(item) is dict and "cartItem" in item
        ]
        if not level:
            return True
    return False


def _items(items: object, above: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield every active item that is not inside a removed one, with its path."""
    for position, item in enumerate(items if type(items) is list else ()):
        if type(item) is dict and not is_saved_for_later(item):
            path = f"{above}cartItem[{position}]"
            yield path, item
            if "cartItem" in item and not is_removed(item):
                yield from _items(item["cartItem"], f"{path}.")
