"""What ten thousand notifications at once cost checkouts: their times alone, and beside the storm.

    python tests/benchmarks/storm.py [--events 10000] [--connections 64] [--checkouts 40] [--url sqlite:///...]

A real gateway and a real sandbox; the storm comes from a process of its own over so many connections, each as fast as it is answered, and
is about live orders and unknown ones by halves. Prints one JSON object: how long POST of a checkout takes, and from there until its order
is submitted, alone (before the storm and after it, together) and beside the storm, in milliseconds, with the ratios of the medians; how
many notifications a second were taken, and their statuses; the processor time of the gateway for each of them, that of the checkouts
meanwhile included. The machine should have a core for each process. Exit code 1 when a median beside the storm is above three times
the one alone plus 100 ms, or a notification was answered anything but 2xx or 503.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from bench.runs import end, parser, tell

from gateway.security.tokens import token_sha256

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
SETTINGS = """
[server]
port = 0
[storage]
url = "{url}"
[security]
mode = "tokens"
tokens_file = "{folder}/clients.toml"
[upstreams.crm]
base_url = "{sandbox}/tmf-api/productOrderingManagement/v4"
mapping = "tmf622-v4"
tenants = ["shop"]
[upstreams.crm.notifications]
token_sha256 = "{token}"
[limits.client]
requests_per_second = 0
"""
CLIENTS = '[[client]]\nname = "shop"\ntenant = "shop"\nroles = ["channel"]\ntoken_sha256 = "{token}"\n'


# After the storm its last notifications are looked at still.
SETTLED_SECONDS = 10


def processor_seconds(process_id: int) -> float:
    """Return how long the processors have worked for a process."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def process(folder: Path, name: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """Run a command of the gateway; give the address that it prints when it is ready, and the process's id."""
    command = [sys.executable, "-m", "gateway.cli", *arguments]
    with (folder / f"{name}.log").open("w") as log:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert running.stdout is not None
            yield running.stdout.readline().rsplit(" ", 1)[-1].strip(), running.pid
        finally:
            running.terminate()
            running.wait()


@contextlib.contextmanager
def systems(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Run a sandbox and a gateway; give the gateway's address, and its process's id."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with process(folder, "sandbox", "sandbox", "--port", "0", "--mapping", "tmf622-v4") as (sandbox, _):
            (folder / "clients.toml").write_text(CLIENTS.format(token=token_sha256("shop")))
            url = options.url or f"sqlite:///{folder}/gateway.db"
            text = SETTINGS.format(folder=folder, url=url, sandbox=sandbox, token=token_sha256("crm"))
            (folder / "gateway.toml").write_text(text)
            with process(folder, "gateway", "serve", "--config", f"{folder}/gateway.toml") as gateway:
                yield gateway


def client(address: str, token: str) -> httpx.AsyncClient:
    """Return a client with a token."""
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=300)


def request(number: int, orders: list[str], host: str) -> bytes:
    """Return a whole request with a notification: every second one is of a live order."""
    order_id = orders[number % len(orders)] if number % 2 else f"unknown-{number}"
    state = "held" if number % 3 == 0 else "inProgress"
    body = json.dumps({"eventId": f"e{number}", "productOrder": {"id": order_id, "state": state}}).encode()
    head = (
        f"POST /notifications/crm HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer crm\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def storm(address: str, options: argparse.Namespace, orders: list[str]) -> dict[str, Any]:
    """Send every notification at once; return how many a second were taken, and their statuses.

    Over plain sockets: a client library costs more than the gateway does.
    """
    statuses: Counter[int] = Counter()
    host, _, port = address.removeprefix("http://").partition(":")

    async def send_all(numbers: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in numbers:
            writer.write(request(number, orders, host))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            statuses[int(head.split(" ", 2)[1])] += 1
            length = next((line[15:] for line in head.splitlines() if line.startswith("content-length:")), "0")
            await reader.readexactly(int(length))
        writer.close()

    began = time.perf_counter()
    numbers = iter(range(options.events))
    await asyncio.gather(*(send_all(numbers) for _ in range(options.connections)))
    seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 1), "per_second": round(options.events / seconds), "statuses": dict(statuses)}


async def times(
    address: str, count: int, under_way: subprocess.Popen[str] | None
) -> tuple[dict[str, list[float]], list[str]]:
    """Return how long checkouts take, in milliseconds, and their orders; beside a storm only while that is under way."""
    found: dict[str, list[float]] = {"POST": [], "submitted": []}
    orders: list[str] = []
    offering = {"id": "OFFERING", "name": "Offering"}
    cart = {"cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": offering}]}
    async with client(address, "shop") as shop:
        while len(found["POST"]) < count and (under_way is None or under_way.poll() is None):
            made = (await shop.post(CARTS, json=cart)).json()
            party = [{"id": "CD1", "role": "customer", "@referredType": "Account"}]
            began = time.perf_counter()
            answer = await shop.post(CHECKOUTS, json={"shoppingCart": {"id": made["id"]}, "relatedParty": party})
            found["POST"].append((time.perf_counter() - began) * 1000)
            assert answer.is_success, answer.text
            checkout = answer.json()
            while checkout["state"] in {"accepted", "drafting", "draft", "submitting"}:
                await asyncio.sleep(0.005)
                checkout = (await shop.get(f"{CHECKOUTS}/{checkout['id']}")).json()
            found["submitted"].append((time.perf_counter() - began) * 1000)
            orders.append(checkout["productOrder"]["id"])
    return found, orders


def main() -> None:
    """Measure, and say whether the bounds hold."""
    wanted = parser(__doc__)
    wanted.add_argument("--events", type=int, default=10_000)
    wanted.add_argument("--connections", type=int, default=64)
    wanted.add_argument("--checkouts", type=int, default=40)
    wanted.add_argument("--url", default="")
    wanted.add_argument("--storm", default="", help=argparse.SUPPRESS)
    wanted.add_argument("--orders", default="", help=argparse.SUPPRESS)
    options = wanted.parse_args()
    if options.storm:
        print(json.dumps(asyncio.run(storm(options.storm, options, options.orders.split(",")))))
        return
    with systems(options) as (address, process_id):
        asyncio.run(times(address, 5, None))
        alone, orders = asyncio.run(times(address, options.checkouts, None))
        command = [sys.executable, __file__, "--storm", address, "--orders", ",".join(orders)]
        command += ["--events", str(options.events), "--connections", str(options.connections)]
        began = processor_seconds(process_id)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
            time.sleep(1)
            beside, _ = asyncio.run(times(address, 10 * options.checkouts, sender))
            told = json.loads(sender.communicate()[0])
        told["processor_milliseconds"] = round((processor_seconds(process_id) - began) * 1000 / options.events, 2)
        # What else the machine does changes: what is compared stands on both sides of the storm.
        time.sleep(SETTLED_SECONDS)
        after, _ = asyncio.run(times(address, options.checkouts, None))
        alone = {name: values + after[name] for name, values in alone.items()}
    shown: dict[str, Any] = {"cores": os.cpu_count(), "checkouts_beside": len(beside["POST"]), "storm": told}
    holds = all(status.startswith("2") or status == "503" for status in told["statuses"])
    for name, values in alone.items():
        quiet, stormy = statistics.median(values), statistics.median(beside[name])
        shown[name] = {"alone": round(quiet, 1), "beside": round(stormy, 1), "ratio": round(stormy / quiet, 1)}
        holds &= stormy <= 3 * quiet + 100
    end([tell({"within": holds, **shown}, "within")])


if __name__ == "__main__":
    main()
