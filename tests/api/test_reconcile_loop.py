"""Order systems are compared with the checkouts as often as their settings say, by one process, and the figures tell."""

from __future__ import annotations

from checkout_gateway import running, settings_of
from msgspec.structs import replace

from gateway.settings import StorageSettings, UpstreamSettings
from gateway.submission.reconcile_loop import ReconcileLoop
from gateway.upstream.evidence import MarkedOrders, uncontrolled


def settings(tmp_path, hours):
    built = settings_of(StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"))
    plain = UpstreamSettings(base_url="http://127.0.0.1:1/plain", mapping="tmf622-v4", reconcile_hours=hours)
    return replace(built, upstreams={**built.upstreams, "plain": plain})


async def test_it_is_done_once_in_its_time_and_told_in_the_figures(tmp_path):
    async with running(settings(tmp_path, 24)) as gateway:
        checkout = await gateway.check_out(upstream="plain")
        await gateway.work()
        order_id = (await gateway.get(checkout))["productOrder"]["id"]
        asked = []

        async def list_marked(*, since):
            asked.append(since)
            return MarkedOrders((await gateway.plain.get_order(order_id),), uncontrolled())

        gateway.plain.list_marked = list_marked
        gateway.plain.orders[order_id]["state"] = "completed"
        for _ in range(2):
            await ReconcileLoop(gateway.services).once()
        assert len(asked) == 1, "another process, or another minute, does not do it again"
        figures = (await gateway.client.get("/metrics")).text
        assert 'gateway_reconciliation_discrepancies{kind="states_differ",upstream="plain"} 1.0' in figures
        assert 'gateway_reconciliation_complete{upstream="plain"} 1.0' in figures
        assert 'gateway_unclaimed_orders{upstream="plain"} 0.0' in figures


async def test_without_the_setting_nothing_is_asked(tmp_path):
    async with running(settings(tmp_path, 0)) as gateway:
        await ReconcileLoop(gateway.services).once()
        figures = (await gateway.client.get("/metrics")).text
        assert "gateway_reconciliation_complete{" not in figures
