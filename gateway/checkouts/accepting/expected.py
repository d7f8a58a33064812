"""`expectedTotalPrice`: what the customer was shown, compared with what the cart's totals are now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from types import MappingProxyType
from typing import Final

from gateway.documents import Json, JsonObject
from gateway.errors import ConflictError, InvalidBodyError, Problem
from gateway.settings import CheckoutSettings
from gateway.tmf.currencies import currency_code, half_minor_unit
from gateway.tmf.given_totals import CartTotals, totals_of_cart
from gateway.tmf.totals import TotalKey, amounts_by_key, exactly, price_amounts

# Amounts have at most 64 digits and exponents up to 64, quantities 64 digits: no difference of totals is ever rounded.
_EXACT: Final = Context(prec=1000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])

NO_CURRENCIES: Final[Mapping[str, Decimal]] = MappingProxyType({})


def require_expected_totals(cart: JsonObject, request: Mapping[str, Json], settings: CheckoutSettings) -> None:
    """Raise ConflictError (409) with the cart's totals when they are not what the customer was shown.

    An empty list says that no total was shown, as for a cart without prices; only without the attribute nothing is compared.
    Raises InvalidBodyError (400) when the same total is named twice: which of them the customer saw cannot be known.
    """
    given = request.get("expectedTotalPrice")
    if given is None:
        return
    expected: dict[TotalKey, Decimal] = {}
    for index, price in enumerate(given):
        for key, amount in price_amounts([price]):
            if key in expected:
                path = f"expectedTotalPrice[{index}].price.{key.amount}"
                raise InvalidBodyError([Problem(path, f"names the total {_name(key)} a second time; name each once")])
            expected[key] = amount
    totals = totals_of_cart(cart)
    with exactly():
        actual = amounts_by_key(totals.prices)
    differing = list(
        differences(
            expected,
            actual,
            tolerance=Decimal(str(settings.price_tolerance)),
            lower_accepted=settings.price_lower_accepted,
            by_currency={
                currency_code(currency): Decimal(str(amount))
                for currency, amount in settings.price_tolerance_by_currency.items()
            },
        )
    )
    differing += _not_known(totals, actual)
    if differing:
        raise ConflictError(
            "The cart's totals are not those of expectedTotalPrice; show the customer the current ones. "
            + "; ".join(differing),
            problems=[Problem("expectedTotalPrice", text) for text in differing],
            extension={"cartTotalPrice": totals.prices},
        )


def _not_known(totals: CartTotals, actual: Mapping[TotalKey, Decimal]) -> list[str]:
    """Return one sentence for each total that the cart has and that nobody can tell: what a customer was shown is not all there is."""
    known = {(*_group(key)[:3], key.currency) for key in actual}
    found = {(*unknown.head, unknown.currency) for unknown in totals.unknown} - known
    return [
        f"{' '.join(filter(None, total))}: the cart has such a total, and it is not known" for total in sorted(found)
    ]


def differences(
    expected: Mapping[TotalKey, Decimal],
    actual: Mapping[TotalKey, Decimal],
    *,
    tolerance: Decimal,
    lower_accepted: bool,
    by_currency: Mapping[str, Decimal] = NO_CURRENCIES,
) -> Iterator[str]:
    """Yield one sentence for each total that is not as expected, at the digits of its currency and within its tolerance.

    `by_currency` has the tolerances of single currencies.

    A total of 19.980999 EUR is shown as 19.98, one of 1998.4 JPY as 1998: what is rounded so is what the customer was shown.
    An expected total without a currency means the only one the cart has. A total of the cart that the customer was not shown
    counts as expected to be 0. Where only one of the two amounts of a price is expected, the other one is not compared.
    """
    wanted = {_with_currency(key, actual): amount for key, amount in expected.items()}
    shown = {_group(key) for key in wanted}
    unseen = {key: Decimal(0) for key in actual if _group(key) not in shown}
    for key, amount in {**wanted, **unseen}.items():
        is_now = actual.get(key)
        if is_now is None:
            yield f"{_name(key)}: expected {amount:f}, the cart has no such total"
            continue
        more = _EXACT.subtract(is_now, amount)
        tolerated = max(by_currency.get(key.currency, tolerance), half_minor_unit(key.currency))
        if more > tolerated or (-more > tolerated and not lower_accepted):
            yield f"{_name(key)}: expected {amount:f}, the cart has {is_now:f}"


def _group(key: TotalKey) -> tuple[str, str, str, str]:
    return key.price_type, key.period, key.unit_of_measure, key.currency


def _with_currency(key: TotalKey, actual: Mapping[TotalKey, Decimal]) -> TotalKey:
    """Return the key of the cart that a key without a currency means, if there is just one."""
    meant = [other for other in actual if other._replace(currency="") == key]
    return meant[0] if len(meant) == 1 else key


def _name(key: TotalKey) -> str:
    return " ".join(
        part for part in (key.price_type, key.period, key.unit_of_measure, key.amount, key.currency) if part
    )
