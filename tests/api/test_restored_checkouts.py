"""A checkout that the backup knows, and that was never sent: it waits for a proof where a POST is live, and goes on then."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from checkout_gateway import CHECKOUTS, Clock, live_orders, running, settings_of
from click.testing import CliRunner
from sqlalchemy import update

from gateway.checkouts.stored import recovering
from gateway.cli import main
from gateway.storage.tables import cart
from gateway.submission.recovery import RecoveryLoop
from gateway.upstream.evidence import FindResult, MarkedOrders, incomplete, proven, uncontrolled


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
async def gateway(storage):
    settings = settings_of(storage)
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


async def command(gateway, tmp_path, *arguments):
    """Run a command of the gateway beside it, on its database."""
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[storage]\nurl = "{gateway.services.settings.storage.url}"\n'
        '[upstreams.shop]\nbase_url = "http://127.0.0.1:1"\nmapping = "salesforce-v4"\n'
    )
    return await asyncio.to_thread(CliRunner().invoke, main, (*arguments, "--config", str(config)))


async def test_a_recovery_whose_list_never_becomes_whole_is_ended_by_a_person(gateway, tmp_path):
    """Its checkouts go on with what was found; the order that belongs to no checkout still holds the cart that may have made it."""
    checkout = await gateway.check_out(upstream="shop")
    before = gateway.clock.moment - timedelta(days=1)
    await gateway.services.database.write(lambda c: c.execute(update(cart).values(created_at=before)))
    strange = {"id": "77", "state": "In Progress", "externalId": "gw1-zzzzzzzzzzzzzzzz-0", "productOrderItem": []}
    gateway.shop.orders["77"] = strange
    found = await gateway.shop.get_order("77")
    await restored(gateway, "shop", [found])

    async def list_marked(*, since):
        return MarkedOrders((found,), incomplete("page_failed"))

    gateway.shop.list_marked = list_marked
    for _ in range(10):
        await pass_time(gateway, 3600)
    assert (await gateway.get(checkout))["reason"]["code"] == "recovering"

    words = ("reconcile", "shop", "--end-recovery", "--reason", "compared by hand")
    ended = await command(gateway, tmp_path, *words)
    assert ended.exit_code == 0, ended.output
    assert "1 checkouts go on. 1 orders were found that belong to no checkout" in ended.output
    assert "77" in ended.output
    await gateway.work()
    told = await gateway.get(checkout)
    assert (told["state"], told["reason"]["code"]) == ("held", "unclaimed_order")

    settled = await command(gateway, tmp_path, "reconcile", "shop", "--settle", "77", "--reason", "a test order")
    assert settled.exit_code == 0, settled.output
    again = await gateway.post({"reason": "settled"}, f"{CHECKOUTS}/{checkout['id']}/retry")
    assert again.status_code == 202, again.text
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"

    refused = await command(gateway, tmp_path, *words)
    assert refused.exit_code == 1
    assert "no recovery of shop waits" in refused.output
    unexplained = await command(gateway, tmp_path, "reconcile", "shop", "--end-recovery")
    assert unexplained.exit_code == 2
