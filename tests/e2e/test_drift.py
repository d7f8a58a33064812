"""The drift guard with real processes: an order system whose prices are others than the cart's, and a person who decides."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from child_environment import child_environment
from support.processes import world

from gateway.sandbox.options import API_ROOTS

pytestmark = pytest.mark.processes
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
PRICES = """
[[product]]
code = "PLAN"
price = [{ type = "recurring", period = "month", amount = "20.00" }]
"""
CART = {
    "cartItem": [
        {"id": "1", "action": "add", "quantity": 2, "productOffering": {"id": "PLAN"}, "itemPrice": [
            {"priceType": "recurring", "recurringChargePeriod": "month",
             "price": {"dutyFreeAmount": {"unit": "EUR", "value": 20.00}}},
        ]},
    ],
}  # fmt: skip


async def settled(client, checkout):
    """Wait until nothing more happens to a checkout."""
    async with asyncio.timeout(60):
        while checkout["state"] in {"accepted", "drafting", "draft", "submitting"}:
            await asyncio.sleep(0.05)
            checkout = (await client.get(f"{CHECKOUTS}/{checkout['id']}")).json()
    return checkout


async def test_an_order_that_costs_more_waits_for_a_yes_or_a_no_on_the_command_line(tmp_path):
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    async with world(tmp_path) as opened:
        price_list = ("--catalog", "prices.toml", "--price-drift", "10%")
        sandbox = opened.process(
            "sandbox", "gateway.cli", "sandbox", "--port", "0", *price_list, "--ledger", "ledger.jsonl"
        )
        await sandbox.start()
        environment = {
            "GATEWAY_UPSTREAMS__SHOP__BASE_URL": sandbox.address + API_ROOTS["salesforce-v4"],
            "GATEWAY_UPSTREAMS__SHOP__MAPPING": "salesforce-v4",
            "GATEWAY_CHECKOUT__DRIFT_ACTION": "hold",
        }
        gateway = opened.process("gateway", "gateway.cli", "serve", "--port", "0", environment=environment)
        await gateway.start()

        def on_the_command_line(verb, checkout):
            command = [sys.executable, "-m", "gateway.cli", "checkouts", verb, checkout["id"], "--url", gateway.address]
            subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=child_environment())

        def effects():
            return [json.loads(line)["effect"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]

        async with httpx.AsyncClient(base_url=gateway.address) as client:
            held = []
            for _ in range(2):
                body = {"shoppingCart": CART, "relatedParty": [{"id": "CD1", "role": "customer"}]}
                checkout = (await client.post(CHECKOUTS, json=body)).json()
                held.append(await settled(client, checkout))
            assert [each["state"] for each in held] == ["held", "held"]
            assert "the cart has 40.0, the order 44.00" in held[0]["statusReason"]
            assert effects() == ["created", "created"]
            await asyncio.to_thread(on_the_command_line, "submit", held[0])
            await asyncio.to_thread(on_the_command_line, "cancel", held[1])
            yes = await settled(client, (await client.get(f"{CHECKOUTS}/{held[0]['id']}")).json())
            no = await settled(client, (await client.get(f"{CHECKOUTS}/{held[1]['id']}")).json())
            assert yes["state"] in {"submitted", "completed"}, yes["statusReason"]
            assert no["state"] == "cancelled"
            assert effects().count("submitted") == 1
