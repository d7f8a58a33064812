"""Every route, for every role, two tenants and two clients of each: nobody sees or changes what is not theirs.

The matrix is made from the routes of the application: a route that is added is in it, and one with an id of a kind that is not
known here fails until it is.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from application_runs import started
from isolation_matrix import (
    CANCELLATIONS,
    CARTS,
    CHECKOUTS,
    CLIENTS,
    CUSTOMER,
    FEWER,
    INBOX,
    ORDERS,
    ORDERS_V5,
    OWNING,
    TRACE,
    UNKNOWN,
    Things,
    Who,
    ask,
    body_of,
    comparable,
    filled,
    id_in_body,
    id_name,
    made,
    operations,
    ready_order,
)
from known_clients import known_clients

from gateway.app import GatewayApp, create_app
from gateway.resources import load_mappings
from gateway.roles import PUBLIC
from gateway.settings import (
    ClientRate,
    HubSettings,
    LimitSettings,
    Settings,
    StorageSettings,
    TenantRate,
    UpstreamSettings,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.long]),
        pytest.param("sqlite, everybody", marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param("postgresql, everybody", marks=[pytest.mark.postgres, pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
async def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayApp]:
    folder = tmp_path_factory.mktemp("isolation")
    if request.param.startswith("sqlite"):
        url = f"sqlite:///{folder}/gateway.db"
    else:
        of_their_own = "other_postgresql_url_of_module" if "everybody" in request.param else "postgresql_url_of_module"
        url = request.getfixturevalue(of_their_own)
    security = known_clients(folder, {who.name: (who.tenant, [who.role]) for who in CLIENTS})
    settings = Settings(
        storage=StorageSettings(url=url, connections_max=8),
        security=security,
        limits=LimitSettings(client=ClientRate(requests_per_second=0), tenant=TenantRate(requests_per_second=0)),
        hub=HubSettings(allow_http=True, allowed_ports=(), allowed_networks=("127.0.0.0/8",)),
        upstreams={"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    made = create_app(settings, mappings=load_mappings(settings.mappings))
    transport = httpx.ASGITransport(app=made, raise_app_exceptions=False)
    async with started(made), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        made.state.test_client = client
        made.state.clients = FEWER if request.param == "postgresql" else CLIENTS
        made.state.everybody = "everybody" in request.param
        yield made


def clients_of(app: GatewayApp) -> list[Who]:
    """Return who asks."""
    clients: list[Who] = app.state.clients
    return clients


def owners_of(app: GatewayApp) -> list[Who]:
    """Return who made something."""
    return [who for who in clients_of(app) if who.role in OWNING]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def things(app: GatewayApp) -> list[Things]:
    """What each owner made: two carts, a checkout of one of them, and a subscription at each hub."""
    found = []
    for owner in owners_of(app):
        canary = f"canary of {owner.name}"
        item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
        document = {"description": canary, "cartItem": [item]}
        cart = await made(app, owner, CARTS, document)
        ordered = await made(app, owner, CARTS, document)
        request = {
            "shoppingCart": {"id": ordered["id"]},
            "upstream": "crm",
            "externalId": canary,
            "description": canary,
            "relatedParty": CUSTOMER,
            "submit": False,
        }
        # The channels of a tenant share their keys, as ever; nobody else does.
        key = "key of another" if (owner.role, owner.letter) == ("channel", "b") else "the same key"
        checkout = await made(app, owner, CHECKOUTS, request, **{"Idempotency-Key": key})
        hubs = {}
        for path in [route.path_format for route in app.routes if route.path_format.endswith("/hub")]:
            callback = f"http://127.0.0.1:9/{owner.name}"
            hubs[path] = (await made(app, owner, path, {"callback": callback}))["id"]
        order = await made(app, owner, ORDERS, ready_order(canary))
        given_up = await made(app, owner, ORDERS, ready_order(f"{canary} given up"))
        asked = {"productOrder": {"id": given_up["id"]}, "cancellationReason": canary}
        cancellation = await made(app, owner, CANCELLATIONS, asked)
        ids = {
            "cart_id": {"": cart["id"]},
            "checkout_id": {"": checkout["id"]},
            "order_id": {"": order["id"]},
            "cancellation_id": {"": cancellation["id"]},
            "hub_id": hubs,
            "subscription_id": {"": next(iter(hubs.values()))},
            "notification_id": {"": await notified(app, owner, canary)},
        }
        found.append(Things(owner, ids, canary))
    return found


def foreign_to(app: GatewayApp, who: Who, things: list[Things]) -> list[Things]:
    """Return what others made: of each kind of stranger one (its tenant or another, its role); in the long form of everybody."""
    foreign = [given for given in things if not who.sees(given.owner)]
    if app.state.everybody:
        return foreign
    kinds = {(given.owner.tenant == who.tenant, given.owner.role): given for given in foreign}
    return list(kinds.values())


async def notified(app: GatewayApp, owner: Who, canary: str) -> str:
    """Let an order system of the owner's tenant report something that waits for an operator, and return its id."""
    event = {"eventId": canary, "eventType": "ProductOrderStateChangeEvent", "description": canary}
    notifier = Who(owner.tenant, "notifier", "a")
    assert (await ask(app, notifier, "POST", "/notifications/crm", event)).is_success
    listed = (await ask(app, Who(owner.tenant, "operator", "a"), "GET", INBOX)).json()
    return next(str(each["id"]) for each in listed if each["eventId"] == canary)


async def test_who_has_no_role_for_a_route_is_refused_before_anything_else(app: GatewayApp) -> None:
    seen = 0
    for method, path, roles in operations(app):
        if roles == PUBLIC:
            continue
        assert (await ask(app, None, method, filled(path, None))).status_code == 401, (method, path)
        for who in clients_of(app):
            if who.role in roles:
                continue
            for one in {filled(path, None)}:
                answer = await ask(app, who, method, one, body_of(method, path, UNKNOWN))
                assert answer.status_code == 403, (method, path, who.name, answer.text)
                seen += 1
    assert seen > (1000 if clients_of(app) is CLIENTS else 100)


async def test_what_is_not_theirs_is_answered_as_what_does_not_exist(app: GatewayApp, things: list[Things]) -> None:
    compared = leaks = 0
    for method, path, roles in operations(app):
        for who in clients_of(app):
            if who.role not in roles:
                continue
            foreign = foreign_to(app, who, things)
            # An id may stand in the path, in the body, or in both: each is somebody else's once.
            in_path = id_name(path) is not None
            nothing = await ask(app, who, method, filled(path, None), body_of(method, path, UNKNOWN))
            for given in foreign:
                body = body_of(method, path, id_in_body(path, given))
                answer = await ask(app, who, method, filled(path, given), body)
                if in_path or (body is not None and UNKNOWN in json.dumps(body_of(method, path, UNKNOWN))):
                    assert answer.status_code in {404, 501}, (method, path, who.name, answer.text)
                    assert comparable(answer, given) == comparable(nothing, None), (method, path, who.name)
                    compared += 1
                leaks += given.canary in answer.text
            told = nothing.text
            leaks += sum(given.canary in told for given in foreign)
    assert leaks == 0
    assert compared > (1500 if app.state.everybody else 100)


async def test_what_an_id_leads_to_is_theirs_alone(app: GatewayApp, things: list[Things]) -> None:
    """Every id, looked for around everything that is kept, and by the ids that documents carry."""
    for given in things:
        ids = {each for by_path in given.ids.values() for each in by_path.values()} | {given.canary}
        for who in clients_of(app):
            if who.role not in {"channel", "partner", "support", "operator", "admin"}:
                continue
            unknown = await ask(app, who, "GET", f"{TRACE}?id={UNKNOWN}")
            for one in sorted(ids):
                found = await ask(app, who, "GET", f"{TRACE}?id={one}")
                if not who.sees(given.owner):
                    assert found.status_code == unknown.status_code, (who.name, given.owner.name, one)
                    assert found.text.replace(one, "ID") == unknown.text.replace(UNKNOWN, "ID"), (who.name, one)
            cart_id = given.ids["cart_id"][""]
            own = await ask(app, who, "GET", f"{TRACE}?id={cart_id}")
            assert (own.is_success and cart_id in own.text and own.text.replace(cart_id, "") != unknown.text) or not (
                who.sees(given.owner)
            )


async def test_a_foreign_cart_is_neither_merged_nor_held(app: GatewayApp, things: list[Things]) -> None:
    """Ids that stand in bodies alone: the guest of a merge, a whole cart with the id of somebody else's, an Idempotency-Key."""
    item = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "X"}}
    for given in things:
        for who in [each for each in owners_of(app) if not each.sees(given.owner)]:
            own = (await made(app, who, CARTS, {"cartItem": []}))["id"]
            told = []
            for guest in (given.ids["cart_id"][""], UNKNOWN):
                answer = await ask(app, who, "POST", f"{CARTS}/{own}/merge", {"shoppingCart": {"id": guest}})
                told.append((answer.status_code, answer.text.replace(guest, "ID")))
            assert told[0] == told[1], who.name
            assert told[0][0] == 422
    for given in things:
        for who in [each for each in owners_of(app) if not each.sees(given.owner)]:
            copy = {"id": given.ids["cart_id"][""], "cartItem": [item]}
            request = {"shoppingCart": copy, "upstream": "crm", "relatedParty": CUSTOMER}
            answer = await ask(app, who, "POST", CHECKOUTS, request, **{"Idempotency-Key": f"{given.owner.name}"})
            assert answer.status_code == 202, (who.name, answer.text)
        # Nobody held it by sending a copy: its owner changes it still.
        path = f"{CARTS}/{given.ids['cart_id']['']}"
        assert (await ask(app, given.owner, "PATCH", path, {"category": "x"})).status_code == 200, given.owner.name


async def test_each_sees_its_own_and_nothing_that_anybody_did_changed_it(app: GatewayApp, things: list[Things]) -> None:
    for given in things:
        for who in clients_of(app):
            if who.role not in {"channel", "partner", "support", "operator", "admin"}:
                continue
            seen = 200 if who.sees(given.owner) else 404
            cart = await ask(app, who, "GET", f"{CARTS}/{given.ids['cart_id']['']}")
            checkout = await ask(app, who, "GET", f"{CHECKOUTS}/{given.ids['checkout_id']['']}")
            assert (cart.status_code, checkout.status_code) == (seen, seen), (who.name, given.owner.name)
            for path in (ORDERS, ORDERS_V5):
                for order_id in (given.ids["order_id"][""], given.ids["checkout_id"][""]):
                    assert (await ask(app, who, "GET", f"{path}/{order_id}")).status_code == seen, (path, who.name)
            if seen == 200:
                assert cart.json()["description"] == given.canary
                assert checkout.json()["state"] == "accepted"
            for path in (
                CARTS,
                CHECKOUTS,
                f"{CHECKOUTS}?externalId={given.canary}",
                f"{CARTS}?description.eq={given.canary}",
                CANCELLATIONS,
                f"{ORDERS}?externalId={given.canary}",
                f"{ORDERS_V5}?description.eq={given.canary}",
            ):
                listed = await ask(app, who, "GET", path)
                assert (given.canary in listed.text) == who.sees(given.owner), (path, who.name, given.owner.name)
