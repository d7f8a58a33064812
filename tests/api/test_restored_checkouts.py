"""A checkout that the backup knows, and that was never sent: it waits for a proof where a POST is live, and goes on then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from checkout_gateway import Clock, live_orders, running, settings_of

from gateway.checkouts import recovering
from gateway.settings import StorageSettings
from gateway.submission.recovery import RecoveryLoop
from gateway.upstream.evidence import FindResult, MarkedOrders, proven, uncontrolled


async def restored(gateway, upstream, orders=()):
    """Begin a recovery of an order system whose list holds `orders`, and list it."""
    fake = getattr(gateway, upstream)

    async def list_marked(*, since):
        return MarkedOrders(tuple(orders), uncontrolled())

    fake.list_marked = list_marked
    now = gateway.clock.moment
    drafts = {upstream: fake.mapping.draft.supported}
    await gateway.services.database.write(lambda c: recovering.begin(c, drafts, now - timedelta(hours=1), now))


async def pass_time(gateway, seconds):
    gateway.clock.advance(seconds)
    await RecoveryLoop(gateway.services).once()
    await gateway.work()


@pytest.fixture
async def gateway(tmp_path):
    settings = settings_of(StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"))
    async with running(settings, clock=Clock()) as opened:
        yield opened


async def test_a_draft_that_was_never_begun_is_made_once_the_list_is_there(gateway):
    checkout = await gateway.check_out(upstream="shop")
    await restored(gateway, "shop")
    await gateway.work()
    waiting = await gateway.get(checkout)
    assert (waiting["state"], waiting["reason"]["code"]) == ("accepted", "recovering")
    assert waiting["reason"]["nextAttemptAt"]
    assert not gateway.shop.orders
    await pass_time(gateway, 120)
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_a_live_post_that_was_never_sent_waits_for_a_search_that_proves_it(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await restored(gateway, "plain")
    worth = [uncontrolled("nothing_younger")]

    async def find(marker, *, since, doubt=None):
        return FindResult((), worth[0])

    gateway.plain.find = find
    for _ in range(8):
        await pass_time(gateway, 300)
    waiting = await gateway.get(checkout)
    assert (waiting["state"], waiting["reason"]["code"]) == ("accepted", "not_verifiable")
    assert not gateway.plain.orders, "nothing is sent while it may be there"
    worth[0] = proven()
    for _ in range(8):
        await pass_time(gateway, 900)
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(gateway.plain.orders) == 1


async def test_new_checkouts_wait_for_the_list_too_and_go_on_when_nothing_is_nobodys(gateway):
    await restored(gateway, "shop")
    checkout = await gateway.check_out(upstream="shop")
    await gateway.work()
    assert (await gateway.get(checkout))["reason"]["code"] == "recovering"
    await pass_time(gateway, 120)
    assert (await gateway.get(checkout))["state"] == "submitted"
    later = await gateway.check_out(upstream="shop")
    await gateway.work()
    assert (await gateway.get(later))["state"] == "submitted"
