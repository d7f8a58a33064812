"""The API reference: every definition, examples that work, and a page that anybody can open and that loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from application_runs import client_of
from checkout_gateway import CARTS, CHECKOUTS, running, settings_of
from known_clients import known_clients
from msgspec.structs import replace

from gateway.app import create_app
from gateway.http.openapi import TAGS
from gateway.http.reference.examples import example
from gateway.hub.model import APIS
from gateway.settings import Settings
from gateway.tmf.schema import definitions

BASES = {"v1": "/shoppingCart/v1/shoppingCart", "v4": CARTS, "v5": "/tmf-api/shoppingCart/v5/shoppingCart"}


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings)) as connected:
        yield connected


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place in ("paths", "webhooks"):
        for path, methods in document[place].items():
            for method, operation in methods.items():
                yield f"{method} {path}", operation


def contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is said of each body: of the request and of every answer, errors too."""
    for part in (operation.get("requestBody", {}), *operation.get("responses", {}).values()):
        yield from part.get("content", {}).values()


async def test_every_definition_of_v4_is_there_with_its_attributes(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    found = definitions("tmf663_v4", limits=False)

    assert len(found) == 49
    for name, schema in found.items():
        assert set(schema.get("properties", {})) <= set(schemas[name].get("properties", {})), name
        assert schemas[name].get("description"), name
    for name in ("ShoppingCart_FVO_v5", "ShoppingCart_v5", "ShoppingCart_MVO_v5", "ShoppingCart_v1"):
        assert name in schemas
    for name in (
        "Checkout",
        "CheckoutItem",
        "CheckoutStep",
        "Finding",
        "CheckoutOrder",
        "ProductOrder_Create_TMF622v4",
    ):
        assert schemas[name]["properties"]


async def test_no_attribute_is_a_mere_dictionary(document: dict[str, Any]) -> None:
    """A client that is generated from it would have no types there."""
    untyped = []
    for name, schema in document["components"]["schemas"].items():
        for attribute, said in schema.get("properties", {}).items():
            inner = said.get("items", said)
            if inner.get("type") == "object" and "properties" not in inner:
                untyped.append(f"{name}.{attribute}")
    # What may be anything by the standard.
    free = ("ObjectCharacteristic", "ObjectArrayCharacteristic", "Expression")
    assert [each for each in untyped if not each.startswith(free)] == []


async def test_every_operation_has_a_tag_that_is_described_and_says_who_may_call(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    assert all(tag["description"] for tag in document["tags"])
    assert document["components"]["securitySchemes"]["bearerToken"]["scheme"] == "bearer"
    assert {"bearerToken": []} in document["security"]
    order = [operation["tags"][0] for name, operation in operations({**document, "webhooks": {}})]
    assert order == sorted(order, key=list(TAGS).index)
    assert not [name for name, _ in operations(document) if name.startswith("head")]
    assert len(document["webhooks"]) == sum(len(api.names) for api in APIS)


async def test_every_body_has_an_example_that_is_what_the_schema_says(document: dict[str, Any]) -> None:
    # A whole cart is an example of what is answered in whatever version; oneOf and discriminators are not looked at here.
    seen = 0
    for name, operation in operations(document):
        for said in contents(operation):
            if said["schema"] == {"$ref": "#/components/schemas/Error"} and "example" not in said:
                continue  # errors of every other status
            assert "example" in said, name
            root = {**said["schema"], "components": document["components"]}
            problems = [
                f"{error.json_path}: {error.message[:200]}"
                for error in jsonschema.Draft202012Validator(root).iter_errors(said["example"])
            ]
            assert problems == [], name
            seen += 1
    assert seen > 400


async def test_every_example_of_a_request_is_taken(settings: Settings) -> None:
    async with running(settings_of(settings.storage)) as gateway:
        for version, base in BASES.items():
            made = await gateway.post(example(f"cart.{version}.request"), base)
            assert made.status_code == 201, made.text
            path = f"{base}/{made.json()['id']}"
            change = {**example("cart.change"), "cartItem": example(f"cart.{version}.request")["cartItem"][:1]}
            types = {"application/json": change}
            if version == "v4":
                types |= {
                    f"application/{kind}+json": example(f"cart.{kind}") for kind in ("json-patch", "json-patch-query")
                }
            for media_type, body in types.items():
                answer = await gateway.client.patch(
                    path, content=json.dumps(body), headers={"Content-Type": media_type}
                )
                assert answer.is_success, answer.text
        cart = await gateway.new_cart(example("cart.v4.request"))
        wish = {**example("checkout.request"), "shoppingCart": {"id": cart}}
        assert (await gateway.post(wish, f"{CHECKOUTS}/preview")).status_code == 200
        draft = await gateway.post({**wish, "submit": False}, CHECKOUTS)
        assert draft.status_code == 202, draft.text
        await gateway.work()
        changed = await gateway.client.patch(f"{CHECKOUTS}/{draft.json()['id']}", json=example("checkout.change"))
        assert changed.status_code == 200, changed.text


async def test_the_page_is_open_to_everybody_and_loads_nothing_from_elsewhere(
    settings: Settings, tmp_path: Any
) -> None:
    tokens = known_clients(tmp_path, {"shop": ("acme", ["channel"])})
    async with client_of(create_app(replace(settings, security=tokens))) as client:
        assert (await client.get(CARTS)).status_code == 401
        start = await client.get("/")
        assert (start.status_code, start.headers["location"]) == (307, "/schema")
        page = await client.get("/schema")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert not re.search(r"<script>|<style|style=| on[a-z]+=", page.text)
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 5
        for address in loaded:
            assert address.startswith("/schema/")
            asset = await client.get(address)
            assert asset.status_code == 200, address
            if not address.endswith(".json"):
                assert asset.headers["x-content-type-options"] == "nosniff"
                again = await client.get(address, headers={"If-None-Match": asset.headers["etag"]})
                assert again.status_code == 304
        script = (await client.get("/schema/start.js")).text
        assert "validatorUrl: null" in script
        assert not re.search(r"https?://", script)
        assert (await client.get("/schema/openapi.json")).status_code == 200
        assert (await client.get("/schema/nothing")).status_code == 401
        assert (await client.head("/schema")).status_code == 200
