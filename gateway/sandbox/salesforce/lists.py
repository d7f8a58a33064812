"""Which orders the order intake of Salesforce lists: its filters and its pages."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.sandbox.answers import invalid
from gateway.sandbox.intake import page_of
from gateway.sandbox.options import SandboxProfile
from gateway.sandbox.orders import Order
from gateway.sandbox.salesforce.view import stamp
from gateway.sandbox.wire import Request


def listed(orders: list[Order], request: Request, profile: SandboxProfile) -> list[Order]:
    """Return the orders of the page that is asked for. Raises RefusedError for a parameter that is malformed.

    Filters are id, state and orderDate; every other name in the query is passed over in silence.
    """
    limit = _whole(request.value("limit"), "limit", profile.page_size_default, minimum=1)
    limit = min(limit, profile.page_size_maximum)
    page = max(_whole(request.value("offset"), "offset", 1, minimum=0), 1)  # a page number, not a record's
    for name, values in (("id", request.values("id")), ("state", request.values("state"))):
        wanted = {part for value in values for part in value.split(",")}
        if wanted:
            orders = [order for order in orders if (order.number if name == "id" else order.state) in wanted]
    for value in request.values("orderDate"):
        orders = [order for order in orders if _is_on(order, value)]
    return page_of(orders, (page - 1) * limit, limit)


def _whole(value: str | None, name: str, absent: int, *, minimum: int) -> int:
    if value is None:
        return absent
    if not (value.isascii() and value.isdigit()) or int(value) < minimum:
        raise invalid(name, f"must be an integer of {minimum} or more")
    return int(value)


def _is_on(order: Order, value: str) -> bool:
    """Whether an order was created at a moment, or on a day when only that is given."""
    if value == stamp(order.created):
        return True
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError as error:
        raise invalid("orderDate", "must be a date or a date-time") from error
    if len(value) == len("2026-12-01"):
        return order.created.date() == moment.date()
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return stamp(order.created) == stamp(moment)
