"""The drift guard: what the cart cost when it was accepted, against what the order system's draft costs. Pure.

One-time and recurring totals are compared, at the digits of their currency. A total of which one side names the amount with
tax and the other that without cannot be compared, and neither can a draft without any price: the checkout is held as for a
difference, or a finding tells so. A cart without a price promised none. A total that only one side has counts as 0 on the other,
one without a currency is in the only currency there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.ordering import Finding, ObservedOrder
from gateway.ordering import Mapping as OrderMapping
from gateway.tmf.charge_words import PeriodWords, head_of_words
from gateway.tmf.currencies import currency_code, half_minor_unit
from gateway.tmf.totals import TotalKey

Totals: TypeAlias = Mapping[TotalKey, Decimal]

_EXACT: Final = Context(prec=1000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_HUNDRED: Final = Decimal(100)
_COMPARED: Final = frozenset({"oneTime", "recurring"})


class DriftGuard(Struct, frozen=True, kw_only=True):
    """What to do about a difference, and how large it may be: the larger of an amount and a share of the cart's total.

    `tolerance_by_currency` has the amounts of single currencies; `not_comparable` is what `hold` means for totals that cannot be
    compared.
    """

    action: Literal["off", "hold", "go-on"] = "off"
    tolerance_amount: Decimal = Decimal(0)
    tolerance_percent: Decimal = Decimal(0)
    tolerance_by_currency: dict[str, Decimal] = {}
    not_comparable: Literal["hold", "go-on"] = "hold"

    def tolerated(self, currency: str, total: Decimal) -> Decimal:
        """Return the difference that is accepted of a total of the cart in `currency`."""
        share = _EXACT.divide(_EXACT.multiply(abs(total), self.tolerance_percent), _HUNDRED)
        amount = self.tolerance_by_currency.get(currency, self.tolerance_amount)
        return max(amount, share, half_minor_unit(currency))


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a draft may be submitted for its price: `held_for` are the figures that forbid it, `reason` a sentence of them."""

    held_for: str | None = None
    reason: str = ""
    finding: Finding | None = None


def judge(
    cart: Totals, observed: ObservedOrder, mapping: OrderMapping, guard: DriftGuard, *, accepted: str | None
) -> Verdict:
    """Compare what the cart cost with what the draft costs. `accepted` are figures that a person said yes to."""
    if guard.action == "off":
        return Verdict()
    if not cart:
        return _not_compared(observed, "no total of the cart is known")
    holds_unlike = guard.action == "hold" and guard.not_comparable == "hold"
    if not observed.totals:
        unlike = "the order system shows no price of it"
        differing: tuple[str, ...] = ()
    else:
        differing = drift(cart, observed.totals, mapping, guard)
        names = ", ".join(not_alike(cart, observed.totals, mapping))
        unlike = f"one side has with tax, the other without: {names}" if names else ""
    figures = "; ".join((*differing, unlike) if unlike and holds_unlike else differing)
    if not figures:
        return _not_compared(observed, unlike) if unlike else Verdict()
    if guard.action == "hold" and figures != accepted:
        then = "submit the checkout all the same, or cancel it"
        reason = f"order {observed.id} does not cost what the cart did, and was not submitted (checkout.drift_action): {figures}; {then}"
        if not differing:
            reason = (
                f"order {observed.id} cannot be compared with what the cart cost, and was not submitted "
                f"(checkout.drift_not_comparable): {figures}; {then}"
            )
        return Verdict(held_for=figures, reason=reason)
    if not differing:
        return _not_compared(observed, f"{unlike} (a person accepted it)")
    decided = "a person accepted it" if figures == accepted else "checkout.drift_action lets it go on"
    message = f"Order {observed.id} does not cost what the cart did ({decided}): {figures}"
    return Verdict(finding=_finding("price_drift", message))


def _not_compared(observed: ObservedOrder, why: str) -> Verdict:
    message = f"Order {observed.id} was submitted without comparing prices: {why}."
    return Verdict(finding=_finding("price_not_compared", message))


def _finding(code: str, message: str) -> Finding:
    return Finding(severity="warning", code=code, path="cartTotalPrice", message=message)


def drift(cart: Totals, order: Totals, mapping: OrderMapping, guard: DriftGuard) -> tuple[str, ...]:
    """Return a sentence with both figures for each total that differs by more than is tolerated."""
    if not order:
        return ()
    wanted, shown = _both(cart, order, mapping)
    return tuple(_differences(wanted, shown, guard))


def not_alike(cart: Totals, order: Totals, mapping: OrderMapping) -> tuple[str, ...]:
    """Return the name of each total that both sides have, and neither with an amount that the other has too."""
    wanted, shown = _both(cart, order, mapping)
    ours, theirs = _kinds(wanted), _kinds(shown)
    return tuple(_name(total) for total in sorted(ours) if total in theirs and not ours[total] & theirs[total])


def _both(cart: Totals, order: Totals, mapping: OrderMapping) -> tuple[Totals, Totals]:
    currencies = {currency_code(key.currency) for key in (*cart, *order) if key.currency}
    only = currencies.pop() if len(currencies) == 1 else ""
    return _comparable(cart, mapping.price.charge_periods, only), _comparable(order, {}, only)


def _kinds(totals: Totals) -> dict[TotalKey, set[str]]:
    """Return each total, without its kind of amount, with the kinds it has."""
    found: dict[TotalKey, set[str]] = {}
    for key in totals:
        found.setdefault(key._replace(amount=""), set()).add(key.amount)
    return found


def _differences(wanted: Totals, shown: Totals, guard: DriftGuard) -> Iterator[str]:
    ours, theirs = _kinds(wanted), _kinds(shown)
    for key in sorted({*wanted, *shown}):
        total = key._replace(amount="")
        if total in ours and total in theirs and key.amount not in ours[total] & theirs[total]:
            continue
        cart, order = wanted.get(key, Decimal(0)), shown.get(key, Decimal(0))
        if abs(_EXACT.subtract(cart, order)) > guard.tolerated(key.currency, cart):
            yield f"{_name(key)}: the cart has {cart:f}, the order {order:f}"


def _name(key: TotalKey) -> str:
    return " ".join(part for part in (key.price_type, key.period, key.amount, key.currency) if part)


def _comparable(totals: Totals, words: Mapping[str, str], currency: str) -> dict[TotalKey, Decimal]:
    """Return one-time and recurring totals by keys in which the same thing has the same word; `words` as the mapping has them."""
    found: dict[TotalKey, Decimal] = {}
    periods = PeriodWords(words)
    for key, value in totals.items():
        head = head_of_words(key.price_type, key.period, "", 1)
        if head.price_type not in _COMPARED:
            continue
        alike = TotalKey(
            head.price_type, periods.period(head.period), "", key.amount, currency_code(key.currency) or currency
        )
        found[alike] = _EXACT.add(found.get(alike, Decimal(0)), value)
    return found
