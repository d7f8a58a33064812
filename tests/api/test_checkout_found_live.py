"""A refused order that is live all the same, as clients see it: the checkout is held, says so, and its cart is not free."""

from __future__ import annotations

from checkout_gateway import CHECKOUTS
from checkout_work import request
from worker_runs import REFUSED, clocked, run


async def test_a_refused_order_that_is_made_late_is_told_and_keeps_its_cart(tmp_path):
    async with clocked(tmp_path) as gateway:
        gateway.plain.script([REFUSED], effect="later")
        checkout = await gateway.check_out(upstream="plain")
        await run(gateway, checkout)
        told = await gateway.get(checkout)
        assert (told["state"], told["reason"]["code"]) == ("rejected", "refused")
        gateway.plain.apply_late()
        gateway.clock.advance(86400)
        assert await gateway.cleanup().once() == 1
        found = await gateway.get(checkout)
        assert (found["state"], found["reason"]["code"]) == ("held", "live_after_end")
        assert found["reason"]["nextAttemptAt"] is None
        assert found["productOrder"]["id"] in found["statusReason"]
        assert [one["code"] for one in found["finding"] if one["severity"] == "error"] == ["live_after_end"]
        again = await gateway.post({**request(), "shoppingCart": {"id": found["shoppingCart"]["id"]}}, CHECKOUTS)
        assert again.status_code == 409
        assert checkout["id"] in again.json()["message"]
