"""What operators do to a checkout that is held, for the tests of their commands."""

from __future__ import annotations

from checkout_gateway import CHECKOUTS, set_columns

WHY = {"reason": "the order system is repaired"}


async def do(gateway, checkout, action, body=WHY):
    return await gateway.post(body, f"{CHECKOUTS}/{checkout['id']}/{action}")


async def held(gateway, *, upstream="shop", reason_code="outcome_unknown", **columns):
    """Return a checkout that was worked on and is held."""
    checkout = await gateway.check_out(upstream=upstream)
    await gateway.work()
    columns = {"status_reason": "nobody knows", "due_at": None, "track_due_at": None, **columns}
    await set_columns(gateway, checkout, state="held", reason_code=reason_code, **columns)
    return await gateway.get(checkout)


def show(gateway, upstream, order_id, **attributes):
    """Put an order into an order system as if somebody had made it there."""
    fake = getattr(gateway, upstream)
    template = next(iter(fake.orders.values()))
    fake.orders[order_id] = {**template, "id": order_id, **attributes}
