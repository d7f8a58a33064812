"""The hub of every API over HTTP: subscribe, list, look, unsubscribe."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from typing import Any, Final

from litestar import Request
from litestar.handlers import delete, post, route
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.callers import caller_of
from gateway.documents import Json, JsonObject
from gateway.errors import ConflictError, ForbiddenError, InvalidBodyError, NotFoundError, Problem
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import read_object, require_json_accepted
from gateway.http.headers import base_url
from gateway.http.lists import list_answer
from gateway.http.queries import page_of, query_pairs, refuse, report_unknown
from gateway.hub.model import ACTIVE, APIS, CART_V1, Api, Subscription
from gateway.hub.subscriptions import openapi, store
from gateway.hub.subscriptions.resource import check_request, resource
from gateway.roles import ORDERING, READING
from gateway.security.callbacks import CallbackGuard, CallbackRefusedError, policy_of, target_of
from gateway.security.guard import client_of
from gateway.security.tokens import Client
from gateway.services import Services, services_of
from gateway.storage import audit
from gateway.storage.audit import Deed
from gateway.storage.tables import EPOCH

RESOURCE: Final = "subscription"
# Bytes of a signing secret; Standard Webhooks asks for 24 to 64.
SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of every secret is not one


def new_secret() -> str:
    """Return a signing secret as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


async def _subscribe(request: Request[Any, Any, Any], api: Api) -> Answer:
    require_json_accepted(request)
    services = services_of(request)
    client, server = client_of(request), services.settings.server
    guard = CallbackGuard(policy_of(services.settings.hub), services.resolver)
    if api is CART_V1:
        _assume_json(request)
    document = await read_object(request, bytes_max=server.body_bytes_max, depth_max=server.depth_max)
    callback, query = check_request(document, api, services.settings.hub, guard.policy)
    target = target_of(callback)
    try:
        async with asyncio.timeout(services.settings.hub.timeout_seconds):
            await guard.addresses(target.host, target.port)
    except CallbackRefusedError as error:
        raise InvalidBodyError([Problem("callback", f"cannot be used: {error}")]) from None
    except TimeoutError:
        raise InvalidBodyError([Problem("callback", "cannot be used: its host cannot be looked up in time")]) from None
    secret, address = new_secret(), base_url(request, server.public_url)
    made = _new(services, client, api, callback, query, secret)
    new = replace(made, base_url=address)
    stored = await _store(services, new, address, caller_of(request).deed("create", RESOURCE, new.id))
    shown = resource(stored, address, 0, secret=secret)
    return json_answer(shown, status=201, headers=[(b"location", shown["href"].encode("latin-1"))])


def _assume_json(request: Request[Any, Any, Any]) -> None:
    """Take a body without Content-Type for JSON, as the sample of R17 sends it.

    Not from a page of somebody else in a browser, which always says where it comes from: it could subscribe for its visitor.
    """
    names = {name for name, _ in request.scope["headers"]}
    if not {b"content-type", b"origin"} & names:
        request.scope["headers"] = [*request.scope["headers"], (b"content-type", b"application/json")]


def _new(services: Services, client: Client, api: Api, callback: str, query: str | None, secret: str) -> Subscription:
    now = services.clock()
    return Subscription(
        tenant=client.tenant,
        id=services.new_id(),
        resource=api.resource,
        version=api.version,
        callback=callback,
        query=query,
        fingerprint=store.fingerprint_of(api, callback, query, client.owner_scope),
        secrets=secret,
        state=ACTIVE,
        state_reason=None,
        position=0,
        failures=0,
        failing_since=None,
        last_success_at=None,
        last_failure_at=None,
        last_failure=None,
        events_dropped=0,
        due_at=EPOCH,
        blocked_due_at=None,
        fence=0,
        lease_owner=None,
        lease_until=EPOCH,
        created_at=now,
        owner=client.name,
        owner_scope=client.owner_scope,
    )


async def _store(services: Services, subscription: Subscription, address: str, deed: Deed) -> Subscription:
    hub = services.settings.hub
    bounds = store.Bounds(hub.subscriptions_max, hub.client_subscriptions_max)

    def create(connection: Connection) -> Subscription | store.Bounds | str:
        made = store.create(connection, subscription, bounds)
        if isinstance(made, Subscription):
            audit.record(connection, deed, subscription.created_at)
        return made

    try:
        stored: Subscription | store.Bounds | str = await services.database.write(create)
    except IntegrityError:
        stored = "another"
    if isinstance(stored, Subscription):
        return stored
    if isinstance(stored, store.Bounds):
        raise ConflictError(
            f"There are {bounds.tenant_max} subscriptions of the tenant or {bounds.client_max} of this client already; "
            "remove one that is not needed."
        )
    raise ConflictError(
        "The same callback has the same query already; a second subscription needs another callback or query.",
        extension={"referenceError": f"{address}{subscription.api.path}/{stored}"},
    )


async def _list(request: Request[Any, Any, Any], api: Api) -> Answer:
    require_json_accepted(request)
    services = services_of(request)
    client, server = client_of(request), services.settings.server
    tenant, owner = client.tenant, client.owner_scope
    pairs = query_pairs(request)
    problems: list[Problem] = []
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"limit", "offset"}, problems)
    refuse(problems)
    address = base_url(request, server.public_url)

    def function(connection: Connection) -> tuple[list[JsonObject], int]:
        found, total = store.list_page(connection, tenant, api, limit=page.limit, offset=page.offset, owner=owner)
        return [resource(each, address, store.waiting(connection, each)) for each in found], total

    found, total = await services.database.read_list(tenant, function)
    return list_answer(found, page, total, api.path, pairs)


async def _retrieve(request: Request[Any, Any, Any], api: Api) -> Answer:
    require_json_accepted(request)
    services = services_of(request)
    client = client_of(request)
    subscription_id: str = request.scope["path_params"]["hub_id"]
    address = base_url(request, services.settings.server.public_url)

    def function(connection: Connection) -> JsonObject | None:
        found = store.get(connection, client.tenant, api, subscription_id, owner=client.owner_scope)
        return None if found is None else resource(found, address, store.waiting(connection, found))

    document = await services.database.read(function)
    if document is None:
        raise _not_found()
    return json_answer(document)


async def _unsubscribe(request: Request[Any, Any, Any], api: Api) -> Answer:
    services, caller = services_of(request), caller_of(request)
    client = client_of(request)
    subscription_id: str = request.scope["path_params"]["hub_id"]

    def function(connection: Connection) -> None:
        found = store.get(connection, client.tenant, api, subscription_id, owner=client.owner_scope)
        if found is None:
            raise _not_found()
        if "admin" not in client.roles and client.name != found.owner:
            raise ForbiddenError("Another client made this subscription: it, or a client with the role admin, ends it.")
        store.remove(connection, client.tenant, subscription_id)
        audit.record(connection, caller.deed("delete", RESOURCE, subscription_id), services.clock())

    await services.database.write(function)
    return Answer(status=204)


def _not_found() -> NotFoundError:
    return NotFoundError("There is no such subscription.", problems=[Problem("id", "names no subscription")])


def _handlers(api: Api) -> list[Any]:
    """Return the four operations of one API's hub."""
    name = f"{api.resource[0].lower()}{api.resource[1:]}_{api.version}_hub"
    one = f"{api.path}/{{hub_id:str}}"

    def handler(verb: str, summary: str, perform: Callable[[Request[Any, Any, Any], Api], Any]) -> Json:
        async def handle(request: Request[Any, Any, Any]) -> Answer:
            answer: Answer = await perform(request, api)
            return answer

        handle.__name__ = f"{verb}_{name}"
        handle.__doc__ = summary
        return handle

    return [
        post(api.path, opt={"openapi": openapi.create(api), "roles": ORDERING})(
            handler("create", "Subscribe to events.", _subscribe)
        ),
        route(api.path, http_method=["GET", "HEAD"], opt={"openapi": openapi.LIST, "roles": READING})(
            handler("list", "List the subscriptions.", _list)
        ),
        route(one, http_method=["GET", "HEAD"], opt={"openapi": openapi.RETRIEVE, "roles": READING})(
            handler("retrieve", "Look at a subscription: whether it is active, and how many events wait.", _retrieve)
        ),
        # The answer carries its own status; Litestar only refuses a 204 for a handler that returns something.
        delete(one, status_code=200, opt={"openapi": openapi.DELETE, "roles": ORDERING})(
            handler("delete", "Unsubscribe; what waits is dropped.", _unsubscribe)
        ),
    ]


handlers: Final[list[Any]] = [handler for api in APIS for handler in _handlers(api)]
