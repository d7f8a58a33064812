"""A gateway and a sandbox as the tests of durability use them: real, and with all the long times made short."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from support.processes import RealProcess, World

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
API_ROOTS = {
    "salesforce-v4": "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1",
    "tmf622-v4": "/tmf-api/productOrderingManagement/v4",
    "tmf622-v5": "/tmf-api/productOrderingManagement/v5",
}
UPSTREAM = "shop"

# The rule lease > deadline + guard holds with a margin that a busy machine does not use up.
FAST: dict[str, dict[str, Any]] = {
    "server": {"drain_seconds": 2.0, "page_items_max": 10_000},
    "storage": {"busy_timeout_seconds": 10.0, "connections_max": 8},
    "submission": {
        "concurrency_max": 8,
        "lease_seconds": 3.0,
        "guard_seconds": 0.2,
        "poll_seconds": 0.1,
        "settle_seconds": 0.3,
        "retry_seconds": [0.1, 0.2, 0.4],
        "probe_seconds": [0.1, 0.2, 0.4],
        "cleanup_seconds": [0.5, 2.0],
        "claims_without_progress_max": 200,
    },
    "tracking": {"poll_seconds": [0.3, 0.5], "coalesce_seconds": 0.05},
    "log": {"format": "json"},
}
LIMITS: dict[str, Any] = {
    "deadline_seconds": 1.2,
    "read_timeout_seconds": 1.2,
    "connect_timeout_seconds": 1.0,
    "scan_interval_seconds": 0.1,
    "concurrency_max": 16,
}


def sandbox(
    world: World,
    *,
    mapping: str = "salesforce-v4",
    faults: Mapping[str, float] | None = None,
    latency: str | None = None,
    seed: int = 0,
    notify: str | None = None,
    options: Sequence[str] = (),
) -> RealProcess:
    """Prepare a sandbox whose ledger is `ledger.jsonl` in the world's folder."""
    arguments = ["--port", "0", "--mapping", mapping, "--ledger", str(ledger_path(world)), "--seed", str(seed)]
    for name, rate in (faults or {}).items():
        arguments += ["--fault", f"{name}={rate}"]
    if latency is not None:
        arguments += ["--fault", f"latency={latency}"]
    if notify is not None:
        arguments += ["--notify", notify]
    return world.process("sandbox", "gateway.sandbox", *arguments, *options)


def ledger_path(world: World) -> Path:
    return world.folder / "ledger.jsonl"


def gateway(
    world: World,
    sandbox_address: str,
    *,
    port: int,
    name: str = "gateway",
    mapping: str = "salesforce-v4",
    storage_url: str | None = None,
    limits: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    environment: dict[str, str] | None = None,
) -> RealProcess:
    """Prepare a gateway on `port`, with FAST settings but for those of `settings` and `limits`."""
    url = storage_url or f"sqlite:///{world.folder / 'gateway.db'}"
    merged = {
        section: {**FAST.get(section, {}), **(settings or {}).get(section, {})}
        for section in dict.fromkeys((*FAST, *(settings or {})))
    }
    merged["server"] |= {"port": port}
    merged["storage"] |= {"url": url}
    upstream = {"base_url": sandbox_address + API_ROOTS[mapping], "mapping": mapping}
    path = world.folder / f"{name}.toml"
    path.write_text(
        "".join(_table(section, values) for section, values in merged.items())
        + _table(f"upstreams.{UPSTREAM}", upstream)
        + _table(f"upstreams.{UPSTREAM}.limits", {**LIMITS, **(limits or {})}),
        encoding="utf-8",
    )
    return world.process(name, "gateway.cli", "serve", "--config", str(path), environment=environment)


async def started(
    world: World,
    *,
    replicas: int = 1,
    mapping: str = "salesforce-v4",
    faults: Mapping[str, float],
    late_seconds: float = 2.5,
    seed: int,
    **of_gateways: Any,
) -> tuple[RealProcess, list[RealProcess], list[int]]:
    """Start a sandbox and as many gateways as `replicas`, of which the first is notified; return it, them and their ports.

    `of_gateways` are what `gateway` takes beyond that, the same for each.
    """
    ports = [world.port() for _ in range(replicas)]
    order_system = sandbox(
        world,
        mapping=mapping,
        faults=faults,
        latency="5ms",
        seed=seed,
        notify=notification_address(ports[0]),
        options=["--state-delay", "0.2", "--late-seconds", str(late_seconds)],
    )
    await order_system.start()
    gateways = [
        gateway(world, order_system.address, port=port, name=f"gateway-{number}", mapping=mapping, **of_gateways)
        for number, port in enumerate(ports)
    ]
    for replica in gateways:
        await replica.start()
    return order_system, gateways, ports


def notification_address(port: int) -> str:
    return f"http://127.0.0.1:{port}/notifications/{UPSTREAM}"


def _table(name: str, values: Mapping[str, Any]) -> str:
    """Return a TOML table; JSON writes these texts, numbers, booleans and lists just as TOML wants them."""
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]) + "\n\n"


async def control(sandbox_address: str, method: str, path: str, body: Any = None) -> Any:
    """Use the sandbox's door for tests."""
    async with httpx.AsyncClient(base_url=sandbox_address, timeout=30.0, trust_env=False) as client:
        answer = await client.request(method, f"/_sandbox{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Client:
    """A client of one or more replicas that never gives up: it asks the next one, or the same again, until it is answered.

    What it repeats is safe to repeat: reads, carts (a second cart is nobody's loss), and checkouts with a key.
    """

    def __init__(self, *ports: int, answer_seconds: float = 20.0) -> None:
        self._addresses = [f"http://127.0.0.1:{port}" for port in ports]
        # How often each status was answered, those included that were asked again.
        self.answers: Counter[int] = Counter()
        # Answers that were to be repeated and did not say when.
        self.without_a_time = 0
        self._turn = 0
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(answer_seconds, connect=2.0),
            trust_env=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Return the first answer that is not the service's being away (no connection, broken off, 502 to 504).

        Its extension `broken_off` tells how often there was no answer before.
        """
        broken_off = 0
        while True:
            self._turn += 1
            address = self._addresses[self._turn % len(self._addresses)]
            try:
                answer = await self._http.request(method, address + path, json=body, headers=headers)
            except httpx.TransportError:
                broken_off += 1
                await asyncio.sleep(0.05)
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code in {429, 502, 503, 504}:
                self.without_a_time += "Retry-After" not in answer.headers
                await asyncio.sleep(0.1)
                continue
            answer.extensions["broken_off"] = broken_off
            return answer

    async def make_cart(self, cart: Mapping[str, Any]) -> str:
        """Store a cart and return its id."""
        answer = await self.call("POST", CARTS, cart)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def check_out(self, cart_id: str, key: str, **more: Any) -> dict[str, Any]:
        """Check a cart out and return the checkout resource."""
        body = {"shoppingCart": {"id": cart_id}, **more}
        answer = await self.call("POST", CHECKOUTS, body, {"Idempotency-Key": key})
        assert answer.status_code == 202, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def checkouts(self) -> list[dict[str, Any]]:
        """Return every checkout there is."""
        answer = await self.call("GET", f"{CHECKOUTS}?limit=10000")
        assert answer.status_code in {200, 206}, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    async def states(self) -> list[str]:
        """Return the states of all checkouts."""
        answer = await self.call("GET", f"{CHECKOUTS}?limit=10000&fields=id,state")
        assert answer.status_code in {200, 206}, answer.text
        return [each["state"] for each in answer.json()]
