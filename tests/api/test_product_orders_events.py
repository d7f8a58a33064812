"""What subscribers of product orders are told, in the shapes of the official files."""

from __future__ import annotations

import pytest
from checkout_gateway import live_orders, running, settings_of
from hub_listener import QUICK_ON_LOOPBACK, listening
from official_cart_schemas import problems
from partner_orders import cancelled, patched, placed

from gateway.hub.delivery.service import delivery
from gateway.settings import Settings, TrackingSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("version", ["v4", "v5"])
async def test_subscribers_are_told_of_orders_in_the_shapes_of_the_official_files(
    settings: Settings, version: str
) -> None:
    base = f"/tmf-api/productOrderingManagement/{version}"
    async with running(settings_of(settings.storage, hub=QUICK_ON_LOOPBACK)) as gateway, listening() as listener:
        body = {"callback": listener.url, **({"@type": "Hub"} if version == "v5" else {})}
        hub = await gateway.post(body, f"{base}/hub")
        assert hub.status_code == 201, hub.text
        made = await placed(gateway, version, requestedInitialState="draft")
        await patched(gateway, made, {"description": "new"}, version)
        await patched(gateway, made, {"state": "acknowledged"}, version)
        await gateway.work()
        await gateway.get(made["id"])
        asked = (await cancelled(gateway, made, version)).json()
        await gateway.work()
        live_orders(gateway.plain)[0]["state"] = "cancelled"
        await gateway.look_at_orders()
        await gateway.look_at_orders()
        assert (await gateway.client.delete(f"{base}/productOrder/{made['id']}")).status_code == 204
        expected = [
            ("ProductOrderCreateEvent", None),
            ("ProductOrderAttributeValueChangeEvent", None),
            ("ProductOrderStateChangeEvent", "acknowledged"),  # submitted: v4 has no word for what it was before
            ("ProductOrderAttributeValueChangeEvent", None),
            ("CancelProductOrderCreateEvent", None),
            ("ProductOrderStateChangeEvent", "assessingCancellation"),
            ("ProductOrderStateChangeEvent", "cancelled"),
            ("CancelProductOrderStateChangeEvent", "done"),
            ("ProductOrderDeleteEvent", None),
        ]
        async with delivery(gateway.services):
            await listener.until(len(expected))
        seen = []
        for each in listener.deliveries:
            document = each.document
            name = document["eventType"]
            assert each.path == f"/listener/{name[0].lower()}{name[1:]}"
            assert problems(version, name, document, "tmf622") == []
            subject = document["event"]["cancelProductOrder" if name.startswith("Cancel") else "productOrder"]
            assert subject["id"] == (asked if name.startswith("Cancel") else made)["id"]
            assert f"/{version}/" in subject["href"]
            seen.append((name, subject["state"] if "StateChange" in name else None))
        assert seen == expected


async def test_subscribers_are_told_what_the_order_system_says_beside_states(settings: Settings) -> None:
    # Notifications are looked at when they come, not a little later together.
    given = settings_of(settings.storage, hub=QUICK_ON_LOOPBACK, tracking=TrackingSettings(coalesce_seconds=0.0))
    async with running(given) as gateway, listening() as listener:
        made = await placed(gateway, "v5")
        await gateway.work()
        for version in ("v4", "v5"):
            body = {"callback": f"{listener.url}/{version}", "@type": "Hub"}
            assert (await gateway.post(body, f"/tmf-api/productOrderingManagement/{version}/hub")).status_code == 201
        for name, order_ in (
            ("ProductOrderMilestoneEvent", {"productOrderMilestone": [{"name": "site visit", "status": "Completed"}]}),
            ("ProductOrderJeopardyAlertEvent", {"productOrderJeopardyAlert": [{"message": "no technician"}]}),
            ("ProductOrderInformationRequiredEvent", {}),
        ):
            event = {"productOrder": {"id": "00000001", "state": "acknowledged", **order_}}
            if not order_:
                event["informationRequired"] = {"op": "add", "path": "/relatedParty"}  # type: ignore[dict-item]
            notification = {"eventId": name, "eventType": name, "event": event}
            answer = await gateway.post(notification, "/notifications/plain")
            assert answer.is_success, answer.text
        await gateway.look_at_orders()
        async with delivery(gateway.services):
            await listener.until(4)
        seen = {}
        for each in listener.deliveries:
            version = each.path.split("/")[1]
            name = each.document["eventType"]
            assert problems(version, name, each.document, "tmf622") == []
            seen[version, name] = each.document["event"]["productOrder"]
            if version == "v5" and "Information" in name:
                assert each.document["event"]["informationRequired"] == {"op": "add", "path": "/relatedParty"}
            assert seen[version, name]["id"] == made["id"]
        assert set(seen) == {
            ("v4", "ProductOrderInformationRequiredEvent"),
            ("v5", "ProductOrderInformationRequiredEvent"),
            ("v5", "ProductOrderMilestoneEvent"),
            ("v5", "ProductOrderJeopardyAlertEvent"),
        }
        assert "site visit" in seen["v5", "ProductOrderMilestoneEvent"]["productOrderMilestone"][0]["message"]
        assert (
            "no technician" in seen["v5", "ProductOrderJeopardyAlertEvent"]["productOrderJeopardyAlert"][0]["message"]
        )


@pytest.mark.parametrize("told_by", ["event", "task"])
async def test_subscribers_are_told_what_a_cancellation_waits_for(settings: Settings, told_by: str) -> None:
    given = settings_of(settings.storage, hub=QUICK_ON_LOOPBACK, tracking=TrackingSettings(coalesce_seconds=0.0))
    async with running(given) as gateway, listening() as listener:
        gateway.plain.cancel_tasks = []
        made = await placed(gateway, "v5")
        await gateway.work()
        asked = (await cancelled(gateway, made, "v5")).json()
        await gateway.work()
        for version in ("v4", "v5"):
            body = {"callback": f"{listener.url}/{version}", "@type": "Hub"}
            assert (await gateway.post(body, f"/tmf-api/productOrderingManagement/{version}/hub")).status_code == 201
        checkouts = {"callback": f"{listener.url}/checkout"}
        assert (await gateway.post(checkouts, "/tmf-api/checkoutManagement/v1/hub")).status_code == 201
        if told_by == "task":
            gateway.plain.cancel_tasks[0]["state"] = "pending"
        else:
            name = "CancelProductOrderInformationRequiredEvent"
            task = {"id": "task-1", "state": "acknowledged", "productOrder": {"id": "00000001"}}
            wanted = {"op": "add", "path": "cancellationReason"}
            event = {"cancelProductOrder": task, "informationRequired": wanted}
            answer = await gateway.post({"eventId": "1", "eventType": name, "event": event}, "/notifications/plain")
            assert answer.is_success, answer.text
        for _ in range(2):
            await gateway.look_at_orders()
        async with delivery(gateway.services):
            await listener.until(3)
        seen = {each.path.split("/")[1]: each.document for each in listener.deliveries}
        path = "cancellationReason" if told_by == "event" else None
        for version in ("v4", "v5"):
            name = seen[version]["eventType"]
            assert name == "CancelProductOrderInformationRequiredEvent"
            assert problems(version, name, seen[version], "tmf622") == []
            assert seen[version]["event"]["cancelProductOrder"]["id"] == asked["id"]
            assert f"/{version}/" in seen[version]["event"]["cancelProductOrder"]["href"]
            assert seen[version]["fieldPath"] == (path or "cancelProductOrder")
        pointer = f"/{path or 'cancelProductOrder'}"
        assert seen["v5"]["event"]["informationRequired"] == {"op": "add", "path": pointer}
        assert seen["checkout"]["eventType"] == "CheckoutInformationRequiredEvent"
        assert seen["checkout"]["fieldPath"] == ("cancelProductOrder" if path is None else f"cancelProductOrder.{path}")
        assert len(listener.deliveries) == 3
