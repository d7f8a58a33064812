"""How much of a large submission is waiting for the order system.

    python tests/benchmarks/waiting.py [--items 10000] [--details 0] [--latency 10ms] [--mapping salesforce-v4] [--share 0.9]

A real sandbox process that delays every answer and a real gateway process, both on loopback. A bundle is checked out by value;
the time counts from the 202 until the checkout is `submitted`. Waiting is the time during which a call to the order system is
under way, as seen by the gateway's own client: sent until its whole answer is there. What the client does before and after (making
the request, reading the JSON) is the gateway's, unless another call is under way: the outcome of a call is committed while the
read that follows is. The intent of a call is committed with nothing under way; where others keep the disk busy that takes longer
(with TMPDIR=/dev/shm it takes no disk). Prints one JSON object; exit code 1 below the share, or when the sandbox did not get every
line exactly once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from bench.runs import end, parser, tell

from gateway.sandbox.options import API_ROOTS

CHECKOUT = "/tmf-api/checkoutManagement/v1/checkout"
FINAL = {"completed", "partial", "failed", "rejected", "cancelled", "held"}
SETTINGS = """
[server]
port = 0
body_bytes_max = 50_000_000
[cart]
items_max = 20_000
[storage]
url = "sqlite:///{folder}/gateway.db"
[upstreams.sandbox]
base_url = "{base_url}"
mapping = "{mapping}"
[upstreams.sandbox.limits]
response_bytes_max = 100_000_000
"""


def bundle(count: int, details: int) -> dict[str, Any]:
    """Return a cart with one bundle of `count` items: a root, and options of it, each with so many details."""
    options: list[dict[str, Any]] = []
    for number in range(count - 1):
        item: dict[str, Any] = {
            "id": f"1.{number}",
            "action": "add",
            "quantity": 1,
            "productOffering": {"id": f"OPTION_{number % 50}", "name": "Option"},
            "product": {
                "productCharacteristic": [{"name": "color", "value": "white"}, {"name": "size", "value": str(number)}]
            },
        }
        if number % (details + 1):
            options[-1].setdefault("cartItem", []).append(item)
        else:
            options.append(item)
    root = {"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "BUNDLE"}, "cartItem": options}
    return {"relatedParty": [{"id": "CD1", "role": "customer", "@referredType": "Customer"}], "cartItem": [root]}


def serve_and_measure(config: str, figures: str) -> None:
    """Run `gateway serve`; note how long exchanges with the order system took, and on what the processor's time went."""
    from gateway.cli import main
    from gateway.upstream.transport import HttpPort

    spans: list[float] = []
    under_way = began = busy = 0.0
    exchange = HttpPort.exchange

    async def measured(self: HttpPort, *arguments: Any, **named: Any) -> Any:
        nonlocal under_way, began, busy
        if not under_way:
            began = time.perf_counter()
            busy = busy or time.process_time()
        under_way += 1
        try:
            return await exchange(self, *arguments, **named)
        finally:
            under_way -= 1
            if not under_way:
                spans.append(time.perf_counter() - began)
                noted["processor"] = time.process_time() - busy

    noted: dict[str, float] = {}
    HttpPort.exchange = measured  # type: ignore[method-assign]
    try:
        with contextlib.suppress(SystemExit):
            main(["serve", "--config", config])
    finally:
        noted |= {"calls": len(spans), "waiting": sum(spans)}
        Path(figures).write_text(json.dumps(noted), encoding="utf-8")


@contextlib.contextmanager
def process(command: list[str]) -> Iterator[str]:
    """Start a process, yield the address it listens on, and end it in good order."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as started:
        try:
            assert started.stdout is not None
            yield started.stdout.readline().rsplit(" ", 1)[-1].strip()
        finally:
            started.terminate()
            started.wait(60)


def submitted(address: str, cart: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Check `cart` out; return the checkout and the seconds from the 202 until it was submitted, as its own last step says."""
    answer = httpx.post(address + CHECKOUT, json={"shoppingCart": cart}, timeout=120)
    began = datetime.now(UTC)
    answer.raise_for_status()
    url = f"{address}{CHECKOUT}/{answer.json()['id']}"
    while True:
        # The state alone: the gateway would tell of 10 000 items each time, and its own time is what is measured.
        time.sleep(1)
        state = httpx.get(address + CHECKOUT, params={"id": answer.json()["id"], "fields": "state"}, timeout=60).json()[
            0
        ]["state"]
        if state in FINAL | {"submitted"}:
            checkout: dict[str, Any] = httpx.get(url, timeout=60).json()
            ended = max(step["endedAt"] for step in checkout["step"] if step.get("endedAt"))
            return checkout, (datetime.fromisoformat(ended) - began).total_seconds()


def measure(items: int, details: int, latency: str, mapping: str, share_min: float) -> bool:
    """Measure one submission; True when it meets the target."""
    program = str(Path(sys.executable).parent / "gateway")
    with tempfile.TemporaryDirectory() as folder:
        ledger, figures, config = (Path(folder) / name for name in ("ledger.jsonl", "figures.json", "gateway.toml"))
        sandbox = [program, "sandbox", "--port", "0", "--mapping", mapping, "--fault", f"latency={latency}"]
        with process([*sandbox, "--ledger", str(ledger)]) as order_system:
            base_url = f"{order_system}{API_ROOTS[mapping]}"
            config.write_text(SETTINGS.format(folder=folder, base_url=base_url, mapping=mapping), encoding="utf-8")
            with process([sys.executable, __file__, "--gateway", str(config), str(figures)]) as address:
                checkout, seconds = submitted(address, bundle(items, details))
        noted = json.loads(figures.read_text("utf-8"))
        *_, last = (line for line in ledger.read_text("utf-8").splitlines() if '"submitted"' in line)
        lines = json.loads(last)["lines"]
    share = noted["waiting"] / seconds
    complete = len(lines) == items and checkout["state"] not in {"held", "rejected"}
    result = {
        "benchmark": "waiting",
        "mapping": mapping,
        "items": items,
        "details": details,
        "latency": latency,
        "calls": noted["calls"],
        "seconds": round(seconds, 2),
        "waiting_seconds": round(noted["waiting"], 2),
        "processor_seconds": round(noted["processor"], 2),
        "share": round(share, 3),
        "share_min": share_min,
        "complete": complete,
        "met": complete and share >= share_min,
    }
    return tell(result)


def main() -> None:
    """Run the benchmark, or (`--gateway`) be the gateway that is measured."""
    wanted = parser(__doc__)
    wanted.add_argument("--items", type=int, default=10_000)
    wanted.add_argument("--details", type=int, default=0, help="items beneath each option of the bundle")
    wanted.add_argument("--latency", default="10ms")
    wanted.add_argument("--mapping", default="salesforce-v4", choices=sorted(API_ROOTS))
    wanted.add_argument("--share", type=float, default=0.9)
    wanted.add_argument("--gateway", nargs=2, metavar=("CONFIG", "FIGURES"), help=argparse.SUPPRESS)
    arguments = wanted.parse_args()
    if arguments.gateway:
        serve_and_measure(*arguments.gateway)
        return
    end([measure(arguments.items, arguments.details, arguments.latency, arguments.mapping, arguments.share)])


if __name__ == "__main__":
    main()
