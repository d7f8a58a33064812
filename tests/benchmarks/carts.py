"""How fast carts are, beside a bare Litestar handler, over real HTTP on this machine.

    python tests/benchmarks/carts.py [--seconds 0.5] [--rounds 21] [--connections 32] [--stored 100000]

Each server is a uvicorn process of its own on a loopback port; the load comes from this process. Bare handler and gateway take
turns in short rounds; the ratio is the median of the rounds' ratios: the two of a round meet the machine in the same mood, and a
lucky or unlucky moment of one of them counts once, not for the whole. Beside it stand the ratio of the medians and of the best
rounds, and the processor time of the server for each request. Prints one JSON object a line; exit code 1 when a target is missed:

- `get`: GET of a cart of 5 items, at least 0.7 of a bare handler that returns the same bytes;
- `post`: durable POST of that cart, at least 0.4 of a bare handler that decodes the same body into a msgspec Struct and echoes it;
- `get_stored` and `post_stored`: the gateway with many carts stored, at least 0.8 of the gateway with none.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any

import uvloop
from bench.databases import opened
from bench.runs import end, parser, tell
from bench.servers import Rate, Server, load, request, serve_here, serving
from litestar import Litestar, Response, get, post
from msgspec import Struct, field

from gateway.app import create_app
from gateway.carts import store
from gateway.clock import utc_now
from gateway.logs import configure_logging
from gateway.services import new_resource_id
from gateway.settings import LogSettings, Settings, StorageSettings

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
TARGETS = {"get": 0.7, "post": 0.4, "get_stored": 0.8, "post_stored": 0.8}


def example_cart() -> dict[str, Any]:
    """Return a cart of 5 items as a shop would send it, about 3 kB."""
    return {
        "@type": "ShoppingCart",
        "relatedParty": [{"id": "CD000001", "role": "customer", "name": "A Customer", "@referredType": "Individual"}],
        "contactMedium": [{"mediumType": "email", "characteristic": {"emailAddress": "customer@example.com"}}],
        "cartItem": [
            {
                "id": f"{number:02d}",
                "action": "add",
                "quantity": number,
                "status": "active",
                "productOffering": {"id": f"OFFER_{number}", "name": "Tariff XL", "href": f"/offer/{number}"},
                "product": {
                    "name": "Tariff",
                    "productCharacteristic": [
                        {"name": "color", "value": "White", "valueType": "string"},
                        {"name": "size", "value": 128, "valueType": "integer"},
                    ],
                },
                "itemPrice": [
                    {
                        "priceType": "recurring",
                        "recurringChargePeriod": "month",
                        "price": {"taxRate": 19, "dutyFreeAmount": {"unit": "EUR", "value": 19.9}},
                    }
                ],
            }
            for number in range(1, 6)
        ],
    }


class Cart(Struct):
    """The typed body of the bare handler."""

    id: str = ""
    href: str = ""
    type: str = field(name="@type", default="")
    relatedParty: list[dict[str, Any]] = []  # noqa: N815 - the standard's name
    contactMedium: list[dict[str, Any]] = []  # noqa: N815 - the standard's name
    cartItem: list[dict[str, Any]] = []  # noqa: N815 - the standard's name


def bare_app() -> Litestar:
    """Return what the gateway is compared with."""
    body = json.dumps(example_cart(), separators=(",", ":")).encode()

    @get("/bare")
    async def bare_get() -> Response[bytes]:
        return Response(body, media_type="application/json")

    @post("/bare")
    async def bare_post(data: Cart) -> Cart:
        return data

    return Litestar([bare_get, bare_post], logging_config=None)


def serve(kind: str, folder: str) -> None:
    """Serve one application in this process and print its port."""
    if kind == "bare":
        app: Any = bare_app()
    else:
        configure_logging(LogSettings(level="warning"))
        app = create_app(gateway_settings(folder))
    serve_here(app)


def gateway_settings(folder: str) -> Settings:
    """Return the default settings with the database in `folder`."""
    return Settings(storage=StorageSettings(url=f"sqlite:///{folder}/gateway.db"))


def server(kind: str, folder: str) -> AbstractContextManager[Server]:
    """Run a server of `kind` in another process."""
    return serving(__file__, "--serve", kind, folder)


async def stored_ids(folder: str, count: int, tenant: str) -> list[str]:
    """Store `count` carts straight through the store, as the API writes them; return their ids."""
    database = opened(gateway_settings(folder).storage.url)
    ids = [new_resource_id() for _ in range(count)]
    for start in range(0, count, 1000):

        def insert(connection: Any, part: list[str] = ids[start : start + 1000]) -> None:
            for cart_id in part:
                document = {"id": cart_id, "href": f"http://127.0.0.1:8663{CARTS}/{cart_id}", **example_cart()}
                text = json.dumps(document, separators=(",", ":"))
                store.insert(connection, tenant, cart_id, store.CartContent(text, v4_complete=True), utc_now())

        await database.write(insert)
    await database.close()
    return ids


async def measure(options: argparse.Namespace) -> bool:
    """Measure everything; return whether every target is met."""
    body = json.dumps(example_cart(), separators=(",", ":")).encode()
    few, many = tempfile.mkdtemp(prefix="bench"), tempfile.mkdtemp(prefix="bench")
    few_ids = await stored_ids(few, 1, "default")
    many_ids = await stored_ids(many, options.stored, "default")
    with server("bare", few) as bare, server("gateway", few) as empty, server("gateway", many) as full:

        async def rate(target: Server, requests: list[bytes], status: bytes = b"200") -> Rate:
            return await load(target, cycle(requests), status, options.connections, options.seconds)

        async def ratio(name: str, kind: str, first: Any, second: Any) -> bool:
            pairs = [(await rate(*first), await rate(*second)) for _ in range(options.rounds)]
            sides = list(zip(*pairs, strict=True))
            best = [max(rate.per_second for rate in side) for side in sides]
            median = [statistics.median(rate.per_second for rate in side) for side in sides]
            processor = [statistics.median(rate.processor_microseconds for rate in side) for side in sides]
            result = {
                "benchmark": name,
                "ratio": round(statistics.median(b.per_second / a.per_second for a, b in pairs), 3),
                "target": TARGETS[name],
                "ratio_of_medians": round(median[1] / median[0], 3),
                "ratio_of_best": round(best[1] / best[0], 3),
                "baseline": kind,
                "baseline_per_second": round(median[0]),
                "gateway_per_second": round(median[1]),
                "baseline_processor_microseconds": round(processor[0]),
                "gateway_processor_microseconds": round(processor[1]),
                "rounds": len(pairs),
                "body_bytes": len(body),
                "carts_stored": options.stored if name.endswith("stored") else 1,
            }
            return tell({**result, "met": result["ratio"] >= TARGETS[name]})

        bare_get = (bare, [request("GET", "/bare")])
        bare_post = (bare, [request("POST", "/bare", body)], b"201")
        gateway_get = (empty, [request("GET", f"{CARTS}/{cart_id}") for cart_id in few_ids])
        gateway_post = (empty, [request("POST", CARTS, body)], b"201")
        full_get = (full, [request("GET", f"{CARTS}/{cart_id}") for cart_id in many_ids])
        full_post = (full, [request("POST", CARTS, body)], b"201")
        # Warm up: the first answers of a process pay for imports and caches.
        for target in (bare_get, bare_post, gateway_get, full_get):
            await load(target[0], cycle(target[1]), *target[2:] or (b"200",), 4, 0.3)
        results = [
            await ratio("get", "bare handler", bare_get, gateway_get),
            await ratio("post", "bare handler", bare_post, gateway_post),
            await ratio("get_stored", "gateway with one cart", gateway_get, full_get),
            await ratio("post_stored", "gateway with few carts", gateway_post, full_post),
        ]
    return all(results)


def main() -> None:
    """Read the options and measure, or serve when started as a server."""
    if len(sys.argv) == 4 and sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3])
        return
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=0.5)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--connections", type=int, default=32)
    options.add_argument("--stored", type=int, default=100_000)
    end([uvloop.run(measure(options.parse_args()))])


if __name__ == "__main__":
    main()
