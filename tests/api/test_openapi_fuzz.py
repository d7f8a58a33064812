"""Requests made up from the served OpenAPI document, right and wrong ones: no defect, no answer that is not described."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

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

EXAMPLES = 3
CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# A part of the standard that is not offered, and work that waits for an order system that nobody runs here.
EXPECTED = frozenset({501, 503})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Any]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'gateway.db'}"
    settings = Settings(
        storage=StorageSettings(url=url, readers_max=2),
        upstreams={"none": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")},
    )
    with TestClient(create_app(settings, mappings=load_mappings(settings.mappings))) as connected:
        yield connected


def send(client: TestClient[Any], case: Any) -> Any:
    """Send what was made up, byte for byte as `requests` would."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=str(client.base_url))).prepare()
    return client.request(
        str(prepared.method), str(prepared.url), content=prepared.body or b"", headers=dict(prepared.headers)
    )


@pytest.mark.parametrize("base", ["/shoppingCart/v1", "/tmf-api/shoppingCart/v4", "/tmf-api/shoppingCart/v5", ""])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_whatever_is_sent_is_answered_as_described(client: TestClient[Any], base: str, mode: GenerationMode) -> None:
    document = json.loads(client.get("/schema/openapi.json").content)
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if (path.startswith(base) if base else "/shoppingCart/v" not in path)
    }
    price = {"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}
    items = [{"action": "add", "productOffering": {"id": "A"}, "itemPrice": [price]}]

    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        cases = operation.as_strategy(generation_mode=mode)

        @hypothesis_settings(
            max_examples=EXAMPLES,
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
                case.path_parameters["cart_id"] = client.post(CARTS, json={"cartItem": items}).json()["id"]
            answer = send(client, case)
            checks = CHECKS[1:] if answer.status_code in EXPECTED else CHECKS
            case.validate_response(answer, checks=checks)

        # Of some operations nothing wrong can be said.
        with contextlib.suppress(Unsatisfiable):
            check()
