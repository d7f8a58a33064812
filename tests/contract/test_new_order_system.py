"""A cart is checked out at an order system nobody has seen before, over a socket: its mapping is a file in the folder, no more."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack

import httpx
from application_runs import started
from checkout_gateway import CARTS, Gateway
from new_order_system import MAPPING, PRODUCTS, Model, cart
from upstream_server import answer, answering, serving

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.settings import MappingSettings, Settings, UpstreamSettings
from gateway.upstream.building import build_upstreams


def answers_of(system):
    """Answer as the order system does: create, change, show one, list; what it does not know is a 400 that says so."""

    def reply(request):
        path = request.path.removeprefix("/api/")
        if request.method == "GET":
            if path == "orderDesk/orders":
                orders = [system.show()] if system.state == request.query["status"] else []
                return answer(200, orders if request.query["page"] == "1" else [])
            assert path == "orderDesk/orders/D-1"
            return answer(200, system.show())
        try:
            system.take(request.method, path, json.loads(request.body))
        except (AssertionError, KeyError, StopIteration) as error:
            return answer(400, {"code": "1", "reason": f"not understood: {error!r}"})
        return answer(201 if request.method == "POST" else 200, system.show())

    return reply


async def test_a_cart_is_checked_out_at_a_new_order_system_by_a_file_alone(settings, tmp_path):
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "acme.toml").write_bytes(MAPPING)
    (folder / "acme-products.csv").write_bytes(PRODUCTS)
    system = Model()
    async with serving(answering(answers_of(system))) as desk:
        configured = Settings(
            storage=settings.storage,
            mappings=MappingSettings(folder=str(folder)),
            upstreams={"desk": UpstreamSettings(base_url=desk.url, mapping="acme")},
        )
        mappings = load_mappings(configured.mappings)
        clients = build_upstreams(configured, mappings)
        application = create_app(configured, mappings=mappings, upstreams=clients)
        transport = httpx.ASGITransport(app=application)
        async with (
            AsyncExitStack() as stack,
            started(application),
            httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
        ):
            stack.push_async_callback(clients["desk"].close)
            gateway = Gateway(web, application.services, None, None)
            stored = (await web.post(CARTS, json=cart())).json()
            accepted = await gateway.post({"shoppingCart": {"id": stored["id"]}})
            assert accepted.status_code == 202, accepted.text
            await gateway.work()
            checkout = await gateway.get(accepted.json()["id"])
            assert checkout["state"] == "submitted", checkout["statusReason"]
            order = checkout["productOrder"]
            assert (order["id"], order["state"], order["upstreamState"]) == ("D-1", "acknowledged", "Placed")
            assert all(line["orderLineItemId"].startswith("L") for line in checkout["item"])
            system.state = "Shipped"
            await gateway.look_at_orders()
            assert (await gateway.get(checkout))["state"] == "completed"

    calls = [request for request in desk.requests if request.method != "GET"]
    assert calls[0].method == "POST"
    assert len(calls) > 3, "four items a call"
    assert {request.method for request in calls[1:]} == {"PATCH"}
    assert system.header["customerReference"] == order["externalId"]
    assert {party["id"] for party in system.header["relatedParty"]} == {"7", "8"}
    articles = sorted(line["article"]["number"] for line in system.lines if "article" in line)
    assert articles == sorted(["ACME-1", *(f"ACME-{n}" for n in range(6)), "ACME-2", "ACME-2"])
    bundle = next(line["lineNumber"] for line in system.lines if line["article"]["number"] == "ACME-1")
    assert len([line for line in system.lines if line["parent"] == bundle]) == 6
