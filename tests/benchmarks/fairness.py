"""What one tenant at full throttle costs another: times of POST and GET of the other's carts, and of its checkouts, beside each flood.

    python tests/benchmarks/fairness.py [--seconds 60] [--databases sqlite,postgresql] [--limits] [--control] [--flood patches ...]

A real gateway process; the flood comes from a process of its own over two connections (`--connections`), as fast as it is answered. The
other tenant asks in turns of a second, now alone (the flood stands still), now beside it, so that whatever else the machine does slows
both. Without `--limits` the rates of `limits` are off, which shows what holds without them. With `--control` the same flood also goes, in
turns of its own, to another process of the gateway with another database ("elsewhere"): what that costs is the machine's doing. Prints one
JSON object for each flood: the median and the 90th and 99th percentiles of the other tenant alone and beside it, in milliseconds, and
their ratios. The machine should have a core for each process: on a busy one the medians say more. Exit code 1 when a 99th percentile is
above twice the one alone, plus 20 ms for POST and GET.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from bench.databases import KINDS, Kind, databases
from bench.runs import end, parser, tell

from gateway.security.tokens import token_sha256

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CARTS_V5 = "/tmf-api/shoppingCart/v5/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
CUSTOMER = [{"id": "CD1", "role": "customer"}]
OFF = "[limits.client]\nrequests_per_second = 0\n[limits.tenant]\nrequests_per_second = 0\n"
SETTINGS = """
[server]
port = 0
[storage]
url = "{url}"
[security]
mode = "tokens"
tokens_file = "{folder}/clients.toml"
[upstreams.crm]
base_url = "http://127.0.0.1:1"
mapping = "salesforce-v4"
"""
FLOODS = ("carts", "patches", "previews", "names", "notifications", "reads")
# The flood stands still and goes on in turns; what it had asked for before a turn has been answered after a moment.
TURN_SECONDS = 1.0
SETTLE_SECONDS = 0.5
ASKED_EVERY_SECONDS = 0.02
# Carts made and read between two checkouts: a 99th percentile is one of hundreds, not the worst of a few.
CARTS_BETWEEN_CHECKOUTS = 4
# What each may take beside the flood, more than twice the time it takes alone.
MORE_MS = {"POST": 20.0, "GET": 20.0, "checkout": 0.0}


def cart(items: int) -> dict[str, Any]:
    """Return a cart of so many items."""
    offering = {"id": "OFFERING", "name": "Offering"}
    return {
        "cartItem": [{"id": str(n), "action": "add", "quantity": 1, "productOffering": offering} for n in range(items)]
    }


@contextlib.contextmanager
def gateway(options: argparse.Namespace, url: str) -> Iterator[str]:
    """Run a gateway with two tenants on a database and give its address."""
    with tempfile.TemporaryDirectory() as folder:
        clients = [("loud", "loud", "channel"), ("quiet", "quiet", "channel"), ("loud-crm", "loud", "notifier")]
        (Path(folder) / "clients.toml").write_text(
            "".join(
                f'[[client]]\nname = "{name}"\ntenant = "{tenant}"\nroles = ["{role}"]\n'
                f'token_sha256 = "{token_sha256(name)}"\n'
                for name, tenant, role in clients
            )
        )
        text = SETTINGS.format(folder=folder, url=url)
        (Path(folder) / "gateway.toml").write_text(text + ("" if options.limits else OFF))
        command = [sys.executable, "-m", "gateway.cli", "serve", "--config", f"{folder}/gateway.toml"]
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert process.stdout is not None
                yield process.stdout.readline().rsplit(" ", 1)[-1].strip()
            finally:
                process.terminate()
                process.wait()


def client(address: str, token: str) -> httpx.AsyncClient:
    """Return a client of a tenant."""
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60)


async def flood(address: str, kind: str, connections: int) -> None:
    """Ask as fast as is answered, until the process is ended."""
    as_json = {"Content-Type": "application/json"}
    names = b"{" + b",".join([b'"a":1'] * 170_000) + b"}"
    change = [{"op": "replace", "path": "/cartItem/quantity?cartItem.quantity>0", "value": 2}] * 24
    patch_type = {"Content-Type": "application/json-patch-query+json"}
    async with client(address, "loud-crm" if kind == "notifications" else "loud") as loud:
        large = "" if kind not in {"patches", "reads"} else (await loud.post(CARTS, json=cart(2_000))).json()["id"]
        preview = {"shoppingCart": cart(500), "upstream": "crm", "relatedParty": CUSTOMER}

        async def forever(number: int) -> None:
            for turn in range(10**9):
                if kind == "carts":
                    answer = await loud.post(CARTS, json=cart(1))
                elif kind == "patches":
                    answer = await loud.patch(f"{CARTS}/{large}", content=json.dumps(change), headers=patch_type)
                elif kind == "reads":
                    answer = await loud.get(f"{CARTS_V5}/{large}")
                elif kind == "previews":
                    answer = await loud.post(f"{CHECKOUTS}/preview", json=preview)
                elif kind == "names":
                    answer = await loud.post(CARTS, content=names, headers=as_json)
                else:
                    event = {
                        "eventId": f"{number}-{turn}",
                        "productOrder": {"id": "1", "state": "x"},
                        "x": "x" * 100_000,
                    }
                    answer = await loud.post("/notifications/crm", json=event)
                if turn == 0:
                    print(f"{kind}: {answer.status_code}", file=sys.stderr, flush=True)
                if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(forever(number) for number in range(connections)))


async def times(quiet: httpx.AsyncClient, seconds: float, found: dict[str, list[float]]) -> None:
    """Add to `found` how long POST, GET and a checkout of the quiet tenant take, in milliseconds."""

    async def timed(name: str, method: str, path: str, body: Any = None) -> Any:
        began = time.perf_counter()
        answer = await quiet.request(method, path, json=body)
        found[name].append((time.perf_counter() - began) * 1000)
        assert answer.is_success, answer.text
        return answer.json()

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(CARTS_BETWEEN_CHECKOUTS):
            made = await timed("POST", "POST", CARTS, cart(1))
            await timed("GET", "GET", f"{CARTS}/{made['id']}")
        request = {"shoppingCart": {"id": made["id"]}, "upstream": "crm", "relatedParty": CUSTOMER, "submit": False}
        await timed("checkout", "POST", CHECKOUTS, request)
        await asyncio.sleep(ASKED_EVERY_SECONDS)


@contextlib.contextmanager
def flooding(address: str, kind: str, connections: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that floods a gateway, until the end."""
    command = [sys.executable, __file__, "--flooding", address, "--flood", kind, "--connections", str(connections)]
    with subprocess.Popen(command) as loud:
        try:
            yield loud
        finally:
            loud.kill()


async def in_turns(
    address: str, louds: Mapping[str, subprocess.Popen[bytes]], seconds: float
) -> dict[str, dict[str, list[float]]]:
    """Return the times of the quiet tenant alone, and those beside each flood, taken in turns for so many seconds."""
    found: dict[str, dict[str, list[float]]] = {name: {each: [] for each in MORE_MS} for name in ("alone", *louds)}
    async with client(address, "quiet") as quiet:
        await times(quiet, 2, {name: [] for name in MORE_MS})
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, values in found.items():
                for other, loud in louds.items():
                    loud.send_signal(signal.SIGCONT if other == name else signal.SIGSTOP)
                await asyncio.sleep(SETTLE_SECONDS)
                await times(quiet, TURN_SECONDS, values)
    return found


def told(values: list[float]) -> dict[str, float]:
    """Return the median, the 90th and the 99th percentile."""
    # Inclusive: of fewer than a hundred values nothing above the longest is made up.
    parts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(statistics.median(values), 1), "p90": round(parts[89], 1), "p99": round(parts[98], 1)}


def ratios(values: dict[str, float], alone: dict[str, float], of: str = "") -> dict[str, float]:
    """Return how many times as long as alone it took."""
    return {f"{of}ratio_{part}": round(values[part] / alone[part], 1) for part in alone}


def measure(options: argparse.Namespace, create: Callable[[], str], database: Kind, kind: str) -> bool:
    """Measure one flood; tell whether every 99th percentile is within its bound."""
    with contextlib.ExitStack() as running:
        address = running.enter_context(gateway(options, create()))
        flooded = {"beside": address}
        if options.control:
            flooded["elsewhere"] = running.enter_context(gateway(options, create()))
        louds = {
            name: running.enter_context(flooding(each, kind, options.connections)) for name, each in flooded.items()
        }
        found = asyncio.run(in_turns(address, louds, options.seconds))
    holds, shown = True, {}
    for name, more in MORE_MS.items():
        parts = {turn: told(values[name]) for turn, values in found.items()}
        holds &= parts["beside"]["p99"] <= 2 * parts["alone"]["p99"] + more
        shown[name] = {**parts, **ratios(parts["beside"], parts["alone"])}
        if options.control:
            shown[name] |= ratios(parts["elsewhere"], parts["alone"], "elsewhere_")
    figures = {
        "flood": kind,
        "database": database,
        "asked": {name: len(values) for name, values in found["beside"].items()},
        "limits": options.limits,
        "cores": os.cpu_count(),
        "within": holds,
        **shown,
    }
    return tell(figures, "within")


def main() -> None:
    """Measure what was asked for."""
    wanted = parser(__doc__)
    wanted.add_argument("--seconds", type=float, default=60.0)
    wanted.add_argument("--connections", type=int, default=2)
    wanted.add_argument("--databases", default=KINDS)
    wanted.add_argument("--limits", action="store_true")
    wanted.add_argument("--control", action="store_true")
    wanted.add_argument("--flood", nargs="+", choices=FLOODS, default=FLOODS)
    wanted.add_argument("--flooding", default="", help=argparse.SUPPRESS)
    options = wanted.parse_args()
    if options.flooding:
        asyncio.run(flood(options.flooding, options.flood[0], options.connections))
        return
    within = []
    for database in options.databases.split(","):
        with databases(database) as create:
            within += [measure(options, create, database, kind) for kind in options.flood]
    end(within)


if __name__ == "__main__":
    main()
