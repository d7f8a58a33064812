"""What an order costs by the sandbox's own price list, in the shape of TMF622's OrderPrice.

Prices come from the catalogue, never from the cart: an order system prices an order itself. `--price-drift` lets it charge
other prices than its list says, as a system does whose list was changed since the cart was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from gateway.sandbox.catalog import Catalog, Price
from gateway.sandbox.orders import Line
from gateway.sandbox.price_drift import NO_DRIFT, PriceDrift


def list_prices(catalog: Catalog, code: str | None, drift: PriceDrift) -> list[dict[str, Any]]:
    """Return what one of a product costs; empty when the catalogue names no price of it."""
    product = catalog.product(code) if code is not None else None
    return [_order_price(price, drift.apply(price.amount)) for price in product.price] if product else []


def total_prices(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return the total of an order's lines by kind, period and currency; lines that take a product away cost nothing."""
    totals: dict[tuple[str, str, str], Decimal] = {}
    for line in lines:
        if line.action not in {"add", "modify"}:
            continue
        for price in line.prices:
            money = price["price"]["dutyFreeAmount"]
            key = (price["priceType"], price.get("recurringChargePeriod", ""), money["unit"])
            totals[key] = totals.get(key, Decimal(0)) + money["value"] * line.quantity
    return [
        _order_price(Price(type=kind, amount=amount, period=period, currency=currency), amount)
        for (kind, period, currency), amount in sorted(totals.items())
    ]


def drifted(prices: Any, drift: PriceDrift) -> Any:
    """Return prices that a client sent as this order system would charge them."""
    if drift == NO_DRIFT or not isinstance(prices, list):
        return prices
    return [_drifted(price, drift) for price in prices]


def _drifted(price: Any, drift: PriceDrift) -> Any:
    inner = price.get("price") if isinstance(price, dict) else None
    if not isinstance(inner, dict):
        return price
    return price | {"price": inner | dict(_amounts(inner, drift))}


def _amounts(price: dict[str, Any], drift: PriceDrift) -> Iterator[tuple[str, Any]]:
    for name in ("dutyFreeAmount", "taxIncludedAmount"):
        money = price.get(name)
        if isinstance(money, dict) and isinstance(money.get("value"), int | Decimal):
            yield name, money | {"value": drift.apply(Decimal(money["value"]))}


def _order_price(price: Price, amount: Decimal) -> dict[str, Any]:
    period = {"recurringChargePeriod": price.period} if price.period else {}
    money = {"unit": price.currency, "value": amount}
    return {
        "@type": "OrderPrice",
        "priceType": price.type,
        **period,
        "price": {"@type": "Price", "dutyFreeAmount": money},
    }
