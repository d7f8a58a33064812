"""A cart of bundles, a TMF620 catalogue and an order system that adds mandatory children by itself, all over sockets."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from application_runs import started
from checkout_gateway import Gateway
from checkout_work import request
from upstream_server import answer, answering, serving

from gateway.app import create_app
from gateway.resources import load_mappings
from gateway.sandbox import SandboxOptions
from gateway.sandbox import serving as serving_orders
from gateway.sandbox.options import API_ROOTS
from gateway.settings import CatalogueSettings, CheckoutSettings, MappingSettings, Settings, UpstreamSettings
from gateway.upstream import UpstreamClient, UpstreamOptions
from gateway.upstream.building import build_catalogue

NAME = "salesforce-v4"
MAPPINGS = load_mappings(MappingSettings())
# PLAN brings SIM, SIM brings ESIM: two levels of children that appear by themselves.
PRODUCTS = """
[[product]]
code = "PLAN"
child = [{ code = "SIM", minimum = 1, maximum = 1 }, { code = "MUSIC", maximum = 3 }]

[[product]]
code = "SIM"
child = [{ code = "ESIM", minimum = 1, maximum = 1 }]

[[product]]
code = "ESIM"

[[product]]
code = "MUSIC"
"""
BUNDLES = {"PLAN": [("SIM", 1), ("MUSIC", 0)], "SIM": [("ESIM", 1)]}


def known(request):
    code = request.path.rpartition("/")[2]
    children = [
        {"id": child, "bundledProductOfferingOption": {"numberRelOfferLowerLimit": lower}}
        for child, lower in BUNDLES.get(code, ())
    ]
    return answer(200, {"id": code, "bundledProductOffering": children})


def item(number, code, *children, color=None):
    value = [{"name": "color", "value": color}] if color else []
    nested = {"cartItem": list(children)} if children else {}
    return {"id": number, "action": "add", "quantity": 1, "productOffering": {"id": code},
            "product": {"productCharacteristic": value}, **nested}  # fmt: skip


def bundles():
    return [
        item(
            f"{n}", "PLAN",
            item(f"{n}.1", "SIM", item(f"{n}.1.1", "ESIM", color=f"e{n}"), color=f"s{n}"),
            item(f"{n}.2", "MUSIC", color=f"m{n}"),
        )
        for n in (1, 2)
    ]  # fmt: skip


@pytest.fixture
def stand(settings, tmp_path):
    (tmp_path / "products.toml").write_text(PRODUCTS, encoding="utf-8")

    @asynccontextmanager
    async def build(catalogue_url):
        options = SandboxOptions(
            mapping=NAME, port=0, ledger_path=tmp_path / "ledger.jsonl", catalog_path=tmp_path / "products.toml"
        )
        async with serving_orders(options) as server:
            url = server.address + API_ROOTS[NAME]
            configured = Settings(
                storage=settings.storage,
                upstreams={"shop": UpstreamSettings(base_url=url, mapping=NAME)},
                checkout=CheckoutSettings(default_upstream="shop"),
                catalogue=CatalogueSettings(base_url=catalogue_url),
            )
            client = UpstreamClient(UpstreamOptions(name="shop", base_url=url, mapping=MAPPINGS[NAME]))
            catalogue = build_catalogue(configured)
            application = create_app(configured, mappings=MAPPINGS, upstreams={"shop": client}, catalogue=catalogue)
            transport = httpx.ASGITransport(app=application)
            try:
                async with (
                    started(application),
                    httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as web,
                ):
                    yield Gateway(web, application.services, None, None)
            finally:
                await catalogue.close()
                await client.close()

    return build


def wanted_lines():
    return Counter(
        [("PLAN", "{}")] * 2
        + [
            (code, str({"color": f"{letter}{n}"}))
            for n in (1, 2)
            for code, letter in (("SIM", "s"), ("ESIM", "e"), ("MUSIC", "m"))
        ]
    )


def submitted_lines(ledger):
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [entry["effect"] for entry in entries].count("submitted") == 1
    return Counter((line["offering"], str(line["characteristics"])) for line in entries[-1]["lines"])


@pytest.mark.parametrize(
    ("reply", "doubts"), [(known, set()), (lambda _request: answer(503), {"catalogue_unavailable"})]
)
async def test_the_order_is_the_cart_whether_the_catalogue_answers_or_not(stand, tmp_path, reply, doubts):
    async with serving(answering(reply)) as catalogue, stand(catalogue.url) as gateway:
        accepted = await gateway.post({**request(), "shoppingCart": {"cartItem": bundles()}})
        assert accepted.status_code == 202, accepted.text
        await gateway.work()
        checkout = await gateway.get(accepted.json()["id"])
        assert checkout["state"] == "submitted", checkout["statusReason"]
        codes = [finding["code"] for finding in checkout["finding"]]
        assert {code for code in codes if code.startswith("catalogue")} == doubts
        assert codes.count("converted") >= (0 if doubts else 4)
        assert submitted_lines(tmp_path / "ledger.jsonl") == wanted_lines()
        if not doubts:
            assert sorted(request.path.rpartition("/")[2] for request in catalogue.requests) == ["PLAN", "SIM"]
