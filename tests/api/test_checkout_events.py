"""What a subscriber of the checkout hub is sent, over the whole life of checkouts: from the tables, as deliveries take it from there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout_gateway import CHECKOUTS, Clock, Gateway, act, running, set_columns, settings_of
from checkout_work import seen
from hub_listener import LOOPBACK_ALLOWED
from jsonschema import Draft202012Validator
from sqlalchemy import Connection

from gateway.checkouts import events as checkout_events
from gateway.checkouts.changing.draft_lifetime import DraftLifetime
from gateway.checkouts.changing.found_live import found_live
from gateway.checkouts.stored import store
from gateway.hub.cart_shape import cart_in_version
from gateway.hub.envelope import Renderer
from gateway.hub.events import number_events, page
from gateway.hub.model import APIS, CART_V1, CART_V4, CART_V5, CHECKOUT_V1, Api, Event
from gateway.hub.query import parse_query
from gateway.hub.samples import sample
from gateway.settings import HubSettings, TrackingSettings
from gateway.tmf.schema import definitions

HUB = "/tmf-api/checkoutManagement/v1/hub"
CALLBACK = "http://127.0.0.1:9/x"


async def subscribed(gateway: Gateway, **body: Any) -> dict[str, Any]:
    answer = await gateway.post({"callback": CALLBACK, **body}, HUB)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def sent(gateway: Gateway, query: str | None = None, api: Api = CHECKOUT_V1) -> list[dict[str, Any]]:
    """Return every event of that hub so far, in the order and the form of its delivery."""
    renderer = Renderer(api, parse_query(query, api, []), cart_in_version, "https://gw.example")

    def function(connection: Connection) -> list[Event]:
        number_events(connection, "default", api.resource, limit=None)
        return page(connection, "default", api.resource, 0, events_max=1000, bytes_max=10_000_000)

    found = await gateway.services.database.write(function)
    return [json.loads(renderer.body(event)) for event in found if renderer.is_wanted(event)]


def of(events: list[dict[str, Any]], checkout: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [
        (event["eventType"], event["event"]["checkout"]["state"], event.get("fieldPath"))
        for event in events
        if event["event"]["checkout"]["id"] == checkout["id"]
    ]


async def test_every_event_of_a_checkout_is_sent_in_order_with_what_was_asked_for(storage):
    clock = Clock()
    hub = HubSettings(**LOOPBACK_ALLOWED)
    async with running(settings_of(storage, hub=hub), clock=clock) as gateway:
        await subscribed(gateway)
        waiting = await gateway.check_out(submit=False, relatedParty=None)
        done = await gateway.check_out(relatedParty=[{"id": "CD77", "role": "customer"}])
        await gateway.work()
        clock.advance(91 * 86_400)
        assert await DraftLifetime(gateway.services).once() == 1
        await gateway.work()
        refused = await gateway.check_out()
        await set_columns(gateway, refused, state="rejected", cart_live=False, due_at=None)
        mapping = gateway.services.mappings["salesforce-v4"]
        order = seen(gateway.shop)
        await gateway.services.database.write(
            lambda c: found_live(c, "default", refused["id"], order, mapping, clock.moment)
        )
        record = await gateway.record(done["id"])
        await gateway.services.database.write(
            lambda c: checkout_events.information_required(c, record, "productOrderItem[0]", clock.moment)
        )
        events = await sent(gateway)

        assert of(events, waiting) == [
            ("CheckoutCreateEvent", "draft", None),
            ("CheckoutInformationRequiredEvent", "draft", "relatedParty"),
            ("CheckoutDraftExpiredEvent", "cancelled", "state"),
            ("CheckoutStateChangeEvent", "cancelled", "state"),
        ]
        assert of(events, done) == [
            ("CheckoutCreateEvent", "accepted", None),
            ("CheckoutStateChangeEvent", "drafting", "state"),
            ("CheckoutStateChangeEvent", "drafting", "productOrder.state"),
            ("CheckoutStateChangeEvent", "submitting", "state"),
            ("CheckoutStateChangeEvent", "submitted", "state"),
            ("CheckoutInformationRequiredEvent", "submitted", "productOrderItem[0]"),
        ]
        assert of(events, refused)[-2:] == [
            ("CheckoutLiveOrderFoundEvent", "held", "productOrder"),
            ("CheckoutStateChangeEvent", "held", "state"),
        ]
        told = next(event for event in reversed(events) if event["event"]["checkout"]["id"] == done["id"])
        shown = (await gateway.client.get(f"{CHECKOUTS}/{done['id']}")).json()
        assert told["event"]["checkout"]["relatedParty"] == [{"id": "CD77", "role": "customer"}]
        absent = {"item", "step", "finding", "abandonedOrder", "history", "actions", "upstreamCapability"}
        assert set(shown) - set(told["event"]["checkout"]) == absent
        assert told["event"]["checkout"]["shoppingCart"]["href"].startswith("https://gw.example/")
        by_party = await sent(gateway, "checkout.relatedParty.id=CD77&eventType=CheckoutCreateEvent")
        assert [event["event"]["checkout"]["id"] for event in by_party] == [done["id"]]


async def test_events_carry_the_correlation_id_of_the_channels_request_whoever_works_on_it(storage):
    async with running(settings_of(storage, hub=HubSettings(**LOOPBACK_ALLOWED))) as gateway:
        await subscribed(gateway)
        gateway.client.headers["X-Correlation-ID"] = "shop-4711"
        done = await gateway.check_out()
        gateway.client.headers["X-Correlation-ID"] = "shop-4712"
        cancelled = await gateway.check_out(submit=False)
        await gateway.work()
        gateway.client.headers["X-Correlation-ID"] = "desk-1"
        await act(gateway, cancelled, "cancel")
        await gateway.work()
        told: dict[str, set[str]] = {}
        for event in await sent(gateway):
            told.setdefault(event["event"]["checkout"]["id"], set()).add(event["correlationId"])

        assert told[done["id"]] == {"shop-4711"}
        assert told[cancelled["id"]] == {"shop-4712"}


@pytest.mark.parametrize("api", [CART_V4, CART_V5, CART_V1], ids=["v4", "v5", "v1"])
async def test_carts_tell_that_they_were_checked_out_ordered_and_let_go(storage, api):
    async with running(settings_of(storage, hub=HubSettings(**LOOPBACK_ALLOWED))) as gateway:
        assert (await gateway.post({"callback": CALLBACK}, api.path)).status_code == 201
        ordered = await gateway.check_out()
        await gateway.work()
        cancelled = await gateway.check_out(submit=False)
        await act(gateway, cancelled, "cancel")
        await gateway.work()
        told: dict[str, list[Any]] = {}
        for event in await sent(gateway, api=api):
            cart = event["event"]["shoppingCart"]
            held_by = cart.get("checkout", {}).get("id")
            told.setdefault(cart["id"], []).append((event.get("fieldPath"), cart["checkoutState"], held_by))
            if held_by is not None:
                assert cart["checkout"]["href"] == f"http://gateway.test{CHECKOUTS}/{held_by}"
        paths = (None, "checkout,checkoutState", "checkoutState") if api is not CART_V1 else (None, None, None)
        assert told[ordered["shoppingCart"]["id"]] == [
            (None, "open", None),
            (paths[1], "inCheckout", ordered["id"]),
            (paths[2], "ordered", ordered["id"]),
        ]
        assert told[cancelled["shoppingCart"]["id"]] == [
            (None, "open", None),
            (paths[1], "inCheckout", cancelled["id"]),
            (paths[1], "open", None),
        ]


async def test_nothing_is_kept_while_nobody_subscribes(storage):
    async with running(settings_of(storage)) as gateway:
        await gateway.check_out()
        await gateway.work()
        assert await sent(gateway) == []


@pytest.mark.parametrize(
    ("api", "event_type"), [(api, event) for api in APIS for event in api.names], ids=lambda value: str(value)[:40]
)
def test_a_sample_of_each_event_has_the_shape_of_the_official_files(api: Api, event_type: str):
    body = sample(api, event_type)

    assert body["eventType"] == api.names[event_type]
    assert {api.resource, "cancelProductOrder"} & body["event"].keys()
    if api.posts_to_listener:
        assert body["correlationId"]
        assert body["title"]
        assert body["description"]
    if api.typed:
        envelope = {name: value for name, value in body.items() if name not in {"event", "fieldPath"}}
        schema = {"$ref": "#/$defs/Event", "$defs": definitions("tmf663_v5", limits=False)}
        assert list(Draft202012Validator(schema).iter_errors(envelope)) == []


async def test_a_checkout_of_another_database_state_is_untouched_by_its_events(storage):
    # The record that `change` returns is the one that is told: also with what it wrote beside the given columns.
    async with running(settings_of(storage, hub=HubSettings(**LOOPBACK_ALLOWED))) as gateway:
        await subscribed(gateway)
        checkout = await gateway.check_out()
        await gateway.work()
        record = await gateway.record(checkout["id"])
        changed = await gateway.services.database.write(
            lambda c: store.change(c, record, {"state": "completed", "order_state": "completed"}, record.updated_at)
        )
        assert changed is not None
        last = (await sent(gateway))[-1]["event"]["checkout"]
        assert (last["state"], last["productOrder"]["state"]) == ("completed", "completed")


async def test_what_the_order_system_asks_for_is_passed_on_once(storage):
    tracking = TrackingSettings(coalesce_seconds=0.0)
    async with running(settings_of(storage, hub=HubSettings(**LOOPBACK_ALLOWED), tracking=tracking)) as gateway:
        await subscribed(gateway, query="eventType=CheckoutInformationRequiredEvent")
        checkout = await gateway.check_out(upstream="plain")
        await gateway.work()
        order_id = (await gateway.get(checkout))["productOrder"]["id"]
        asked = {
            "eventId": "e1",
            "eventType": "ProductOrderInformationRequiredEvent",
            "event": {
                "productOrder": {"id": order_id},
                "informationRequired": {"op": "replace", "path": "/productOrderItem/0/product"},
            },
        }
        for _ in range(2):
            assert (await gateway.post(asked, "/notifications/plain")).status_code < 300
            await gateway.tracker().once()
        told = await sent(gateway, "eventType=CheckoutInformationRequiredEvent")

        assert [event["event"]["checkout"]["id"] for event in told] == [checkout["id"]]
        assert "/productOrderItem/0/product" in told[0]["fieldPath"]
