"""Requests made up from the served OpenAPI document, right and wrong ones: no defect, no answer that is not described.

What is made up by the document alone seldom makes sense (an `If-Match` of any text, an id of nothing), so that most of it ends with
400 or 404. One request to each operation does make sense: it must be answered with success, and as described.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from litestar.testing import TestClient

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.settings import Settings, StorageSettings, UpstreamSettings

with warnings.catch_warnings():
    # What it imports warns about its own dependencies.
    warnings.simplefilter("ignore")
    import requests
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )


class Effort(NamedTuple):
    """How many requests are made up for each operation: any, and those that have the shape. Of orders, half a second each, fewer."""

    any: int
    shaped: int
    shaped_orders: int


EFFORTS = pytest.mark.parametrize(
    "effort",
    [Effort(1, 3, 1), pytest.param(Effort(6, 12, 6), marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
    ids=["short", "long"],
)
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# A part of the standard that is not offered, and work that waits for an order system that nobody runs here.
EXPECTED = frozenset({501, 503})
BASES = {
    "v1": "/shoppingCart/v1",
    "v4": "/tmf-api/shoppingCart/v4",
    "v5": "/tmf-api/shoppingCart/v5",
    "orders": "/tmf-api/productOrderingManagement",
}
ORDERS = "/tmf-api/productOrderingManagement/v4/productOrder"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
PRICE = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
ITEM = {"id": "1", "action": "add", "productOffering": {"id": "A"}}
PARTY = [{"id": "42", "role": "customer", "@referredType": "Customer"}]
CART = {"cartItem": [{**ITEM, "itemPrice": [PRICE]}], "relatedParty": PARTY}
CANCELLATIONS = "/tmf-api/productOrderingManagement/v4/cancelProductOrder"
ORDER = {"productOrderItem": [ITEM], "relatedParty": PARTY}
ORDER_V5 = {
    "@type": "ProductOrder",
    "productOrderItem": [
        {"@type": "ProductOrderItem", **ITEM, "productOffering": {"@type": "ProductOfferingRef", "id": "A"}}
    ],
    "relatedParty": [
        {
            "@type": "RelatedPartyRefOrPartyRoleRef",
            "role": "customer",
            "partyOrPartyRole": {"@type": "PartyRef", "id": "42", "@referredType": "Individual"},
        }
    ],
}
CALLBACK = "https://listener.example.com"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Any]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'gateway.db'}"
    settings = Settings(
        storage=StorageSettings(url=url, readers_max=2),
        upstreams={"none": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    app = create_app(settings, mappings=load_mappings(settings.mappings))

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34"]

    app.services = replace(app.services, resolver=resolve)
    with TestClient(app) as connected:
        yield connected


def send(client: TestClient[Any], case: Any) -> Any:
    """Send what was made up, byte for byte as `requests` would."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=str(client.base_url))).prepare()
    return client.request(
        str(prepared.method), str(prepared.url), content=prepared.body or b"", headers=dict(prepared.headers)
    )


def operations_of(client: TestClient[Any], base: str) -> Iterator[Any]:
    """Yield the operations of the served document below a base path; those of no version of carts for an empty one."""
    document = json.loads(client.get("/schema/openapi.json").content)
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if (path.startswith(base) if base else not re.search("/shoppingCart/v|/productOrderingManagement/", path))
    }
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        yield found.ok()


def made(client: TestClient[Any], path: str, body: Any) -> str:
    """Return the id of what a POST makes."""
    answer = client.post(path, json=body)
    assert answer.status_code in {201, 202}, answer.text
    return str(answer.json()["id"])


def draft(client: TestClient[Any]) -> str:
    """Return the id of an order that is a draft."""
    return made(client, ORDERS, {**ORDER, "requestedInitialState": "draft"})


def sensible(client: TestClient[Any], method: str, path: str) -> dict[str, Any] | None:
    """Return path parameters and body of a request to an operation that makes sense; None where nobody can succeed here."""
    nobody = ("/notifications", "/login", "/logout", "/oauth2")
    if path.startswith(nobody) or path.endswith(("/poll", "/adopt", "/close", "/payload")):
        # Nothing is sent, followed or held here, and nobody has credentials.
        return None
    parameters: dict[str, Any] = {}
    if "{notification_id}" in path:
        parameters["notification_id"] = told(client)
    if "{cart_id}" in path:
        parameters["cart_id"] = made(client, CARTS, CART)
    if "{checkout_id}" in path:
        cart = {"id": made(client, CARTS, CART)}
        parameters["checkout_id"] = made(client, CHECKOUTS, {"shoppingCart": cart, "submit": False})
    if "{hub_id}" in path:
        callback = f"{CALLBACK}/{len(client.get(path.removesuffix('/{hub_id}')).json())}"
        parameters["hub_id"] = made(client, path.removesuffix("/{hub_id}"), {"callback": callback})
    if "{subscription_id}" in path:
        hub = "/tmf-api/checkoutManagement/v1/hub"
        parameters["subscription_id"] = made(client, hub, {"callback": f"{CALLBACK}/{len(client.get(hub).json())}"})
    if "{upstream}" in path:
        parameters["upstream"] = client.get("/tmf-api/checkoutManagement/v1/upstream").json()[0]["id"]
    if "{order_id}" in path:
        parameters["order_id"] = draft(client)
    if "{cancellation_id}" in path:
        parameters["cancellation_id"] = made(client, CANCELLATIONS, {"productOrder": {"id": draft(client)}})
    if "{task_id}" in path:
        tasks = client.get(path.removesuffix("/{task_id}").format(**parameters)).json()
        parameters["task_id"] = tasks[0]["id"]
    body = sensible_body(client, method, path)
    query = {"query": {"id": made(client, CARTS, CART)}} if path.endswith("/trace") else {}
    return {
        "path_parameters": parameters,
        **query,
        **({} if body is None else {"body": body, "media_type": "application/json"}),
    }


def told(client: TestClient[Any]) -> str:
    """Return the id of a new notification in the inbox."""
    inbox = "/tmf-api/checkoutManagement/v1/inbox"
    event_id = f"e{len(client.get(f'{inbox}?state=received,waiting,done,dead').json())}"
    client.post("/notifications/none", json={"eventId": event_id, "productOrder": {"id": "1"}})
    return str(client.get(f"{inbox}?eventId={event_id}").json()[0]["id"])


def sensible_body(client: TestClient[Any], method: str, path: str) -> Any:
    """Return the body of a request to an operation that makes sense; None for none."""
    body: Any = None
    if method == "post" and path.endswith(("/retry", "/pause", "/resume", "/replay", "/dismiss")):
        body = {"reason": "x"}
    elif method == "post" and path.endswith("/resend"):
        body = {"since": "2020-01-01T00:00:00Z"}
    elif method == "patch" and "{order_id}" in path:
        body = {"@type": "ProductOrder", "description": "x"}
    elif path.endswith("/cancelProductOrder") and method == "post":
        reference = {"@type": "ProductOrderRef", "id": draft(client)}
        body = {"@type": "CancelProductOrder", "productOrder": reference}
    elif method == "patch":
        body = {"description": "x"} if "{checkout_id}" in path else {"relatedParty": []}
    elif method == "post" and path.endswith("/hub"):
        body = {"callback": f"{CALLBACK}/new"}
    elif method == "post" and path.endswith(("/merge", *(f"{CHECKOUTS}{end}" for end in ("", "/preview")))):
        body = {"shoppingCart": {"id": made(client, CARTS, CART)}}
    elif method == "post" and path.endswith("/shoppingCart"):
        body = {"@type": "ShoppingCart"} if path.startswith(BASES["v5"]) else {"cartItem": [ITEM]}
    elif method == "post" and path.endswith("/productOrder"):
        body = ORDER if path == ORDERS else ORDER_V5
    elif method == "post":
        body = {}
    return body


@pytest.mark.parametrize("base", [*BASES.values(), ""])
def test_what_makes_sense_succeeds_as_described(client: TestClient[Any], base: str) -> None:
    answered = set()
    for operation in operations_of(client, base):
        request = sensible(client, operation.method, operation.path)
        if request is None:
            continue
        case = operation.Case(**request)
        answer = send(client, case)
        where = f"{operation.method} {operation.path}: {answer.status_code} {answer.text[:300]}"
        # A checkout that has only just been accepted does not change yet; that too is described.
        waits = (operation.method, answer.status_code) == ("patch", 409) and "{checkout_id}" in operation.path
        # Nor is an order deleted that has not ended.
        waits = waits or ((operation.method, answer.status_code) == ("delete", 409) and "{order_id}" in operation.path)
        assert answer.is_success or waits, where
        case.validate_response(answer, checks=CHECKS)
        answered.add((operation.method, operation.path))

    assert len(answered) > 5


@pytest.mark.parametrize("base", [*BASES.values(), ""])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@EFFORTS
def test_whatever_is_sent_is_answered_as_described(
    client: TestClient[Any], base: str, mode: GenerationMode, effort: Effort
) -> None:
    for operation in operations_of(client, base):
        cases = operation.as_strategy(generation_mode=mode)

        @hypothesis_settings(
            max_examples=effort.any,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, known=st.booleans())
        def check(case: Any, known: bool) -> None:
            if known and "cart_id" in (case.path_parameters or {}):
                # A cart that there is: otherwise nearly everything ends with 404.
                case.path_parameters["cart_id"] = made(client, CARTS, CART)
            if known and "order_id" in (case.path_parameters or {}):
                case.path_parameters["order_id"] = draft(client)
            answer = send(client, case)
            checks = CHECKS[1:] if answer.status_code in EXPECTED else CHECKS
            case.validate_response(answer, checks=checks)

        # Of some operations nothing wrong can be said.
        with contextlib.suppress(Unsatisfiable):
            check()


# What a schema cannot say; each operation's page lists it. By what is said of it.
BUSINESS = re.compile(
    "names no (item|shopping cart|cart|checkout)|is the id of .* too|has more than|is longer than|must not be before"
    "|must be a date-time|lies in the future|must be a whole number, written without|is given by the server and cannot be changed"
    "|is fixed when (a checkout is accepted|an order is placed)|may be set to acknowledged"
    "|did you mean|is not an attribute of a checkout|names no upstream|is no upstream"
    "|must be given, there is no default|is not configured; there are|needs id or href of the product|is another spelling of"
    "|more digits|cannot be told exactly|cannot be kept|holds the character U.0000"
)
# Parameters, and texts that are a language of their own: what is wrong with them is told by the parser of each.
LANGUAGES = ("fields", "limit", "offset", "sort", "attribute", "query", "callback", "If-Match", "If-None-Match")


@pytest.mark.parametrize("base", [*BASES.values(), ""])
@EFFORTS
def test_nothing_that_has_the_shape_is_refused_but_for_what_its_page_lists(
    client: TestClient[Any], base: str, effort: Effort
) -> None:
    taken = 0
    for operation in operations_of(client, base):
        # What subscriptions and notifications take is no document of a client's.
        if operation.method != "get" and not operation.path.endswith(("/hub", "/hub/{hub_id}")):
            taken += requests_that_have_the_shape(client, operation, effort)

    assert taken


def requests_that_have_the_shape(client: TestClient[Any], operation: Any, effort: Effort) -> int:
    """Send them, and return how many were taken; each refusal must be of those that the page lists."""
    taken = 0

    @hypothesis_settings(
        max_examples=effort.shaped_orders if "Order" in operation.path else effort.shaped,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case: Any) -> None:
        nonlocal taken
        if "json-patch" in str(case.media_type):
            return  # It must fit the cart, which nothing made up does.
        case.headers.pop("If-Match", None)
        case.query = {}
        if "cart_id" in (case.path_parameters or {}):
            case.path_parameters["cart_id"] = made(client, CARTS, CART)
        if "order_id" in (case.path_parameters or {}):
            case.path_parameters["order_id"] = draft(client)
        answer = send(client, case)
        taken += answer.is_success
        if answer.status_code == 400:
            error = answer.json()
            rest = [
                (each["path"], each["message"])
                for each in error.get("problem", [{"path": "", "message": error["message"]}])
                if not BUSINESS.search(each["message"]) and not each["path"].startswith(LANGUAGES)
            ]
            assert rest == [], (operation.method, operation.path, case.body)
            assert "Refused besides" in operation.definition.raw["description"]

    with contextlib.suppress(Unsatisfiable):
        check()
    return taken
