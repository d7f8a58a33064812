"""How fast events reach their subscribers while some of them are dead, and in how much memory.

    python tests/benchmarks/hub.py [--events 10000] [--live 17] [--carts 100] [--concurrency 4] [--rounds 4] [--round-events 300]

Subscribers are one process, the dispatcher is another, both on loopback, with a database file of their own; the events are
stored before the dispatcher starts. Short rounds with live subscribers alone and with three dead ones beside them (one refuses
connections, one never answers, one fails) take turns, so that a busy machine slows both alike; then comes one long run with the
dead ones. Prints one JSON object a line; exit code 1 when a live subscriber missed an event or got one out of order, when dead
subscribers cost the others more than a quarter of their speed, or when the dispatcher's memory grew by more than 64 MiB:

- `hub_alone` and `hub_with_dead`: deliveries a second to the live subscribers, and the dispatcher's peak of resident memory;
- `hub`: the median of the rounds' ratios, of deliveries a second and of the processor's time for each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import uvloop
from bench.databases import opened
from bench.runs import end, parser, tell
from sqlalchemy import Connection

from gateway.clock import utc_now
from gateway.hub.delivery.service import delivery
from gateway.hub.model import CART_V4, Subscription
from gateway.hub.subscriptions import store
from gateway.hub.subscriptions.api import new_secret
from gateway.logs import configure_logging
from gateway.services import Services, new_resource_id
from gateway.settings import HubSettings, LogSettings, Settings, StorageSettings
from gateway.storage.outbox import CART_CHANGED, Happened, publish
from gateway.storage.tables import EPOCH

TENANT = "default"
RATIO_MIN = 0.75
GROWTH_MIB_MAX = 64
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
FAILED = b"HTTP/1.1 500 Failed\r\ncontent-length: 0\r\n\r\n"


class Subscriber(asyncio.Protocol):
    """Takes events and checks their order, or behaves as a dead one does. `state` is shared by its connections."""

    def __init__(self, state: dict[str, Any], kind: str) -> None:
        self.state = state
        self.kind = kind
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.find(b"content-length: ") + 16
            length = int(head[start : (head + b"\r\n").find(b"\r\n", start)])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if self.kind == "live":
                self.take(body)
                self.transport.write(NO_CONTENT)
            elif self.kind == "failing":
                self.transport.write(FAILED)

    def take(self, body: bytes) -> None:
        """Count an event that is the next of its cart; one that was seen before is a repetition, another one a mistake."""
        start = body.find(b'"number":') + 9
        number = int(body[start : body.find(b",", start)])
        start = body.find(b'"shoppingCart":{"id":"') + 22
        cart = body[start : body.find(b'"', start)]
        last = self.state["last"].get(cart, 0)
        if number == last + 1:
            self.state["last"][cart] = number
            self.state["count"] += 1
            self.state["at"] = time.monotonic()
        elif number <= last:
            self.state["repeated"] += 1
        else:
            self.state["out_of_order"] += 1


async def run_subscribers(live: int, events: int) -> None:
    """Listen, print the ports, and print what came once every live subscriber has all, or a line on stdin asks for it."""
    loop = asyncio.get_running_loop()
    states: list[dict[str, Any]] = []
    ports = []
    for kind in [*["live"] * live, "silent", "failing"]:
        state = {"last": {}, "count": 0, "repeated": 0, "out_of_order": 0, "at": 0.0}
        states.append(state)
        server = await loop.create_server(lambda state=state, kind=kind: Subscriber(state, kind), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    stop = loop.run_in_executor(None, sys.stdin.readline)
    while not stop.done() and any(state["count"] < events for state in states[:live]):  # noqa: ASYNC110 - no event for each
        await asyncio.sleep(0.05)
    result = {name: [state[name] for state in states[:live]] for name in ("count", "repeated", "out_of_order", "at")}
    print(json.dumps(result), flush=True)
    await stop


def document(cart_id: str, number: int) -> str:
    """Return a cart of 3 items, about 1.5 kB."""
    item = {
        "action": "add",
        "quantity": 1,
        "status": "active",
        "productOffering": {
            "id": "14277",
            "href": "https://catalog.example/productOffering/14277",
            "name": "Fibre 500",
        },
        "itemPrice": [{"priceType": "recurring", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 29.9}}}],
        "product": {"productCharacteristic": [{"name": "colour", "value": "white"}, {"name": "speed", "value": 500}]},
    }
    cart = {"id": cart_id, "number": number, "cartItem": [{"id": f"{index:02d}", **item} for index in range(1, 4)]}
    return json.dumps(cart, separators=(",", ":"))


def subscription(callback: str) -> Subscription:
    """Return a subscription to every event of carts."""
    return Subscription(
        tenant=TENANT,
        id=new_resource_id(),
        resource="shoppingCart",
        version="v4",
        callback=callback,
        query=None,
        fingerprint=store.fingerprint_of(CART_V4, callback, None),
        secrets=new_secret(),
        state="active",
        state_reason=None,
        position=0,
        failures=0,
        failing_since=None,
        last_success_at=None,
        last_failure_at=None,
        last_failure=None,
        events_dropped=0,
        due_at=EPOCH,
        blocked_due_at=None,
        fence=0,
        lease_owner=None,
        lease_until=EPOCH,
        created_at=utc_now(),
    )


async def run_dispatcher(options: argparse.Namespace, folder: str, callbacks: list[str]) -> None:
    """Store subscriptions and events, deliver until a line comes on stdin, and print time and memory."""
    configure_logging(LogSettings(level="error"))
    settings = Settings(
        storage=StorageSettings(url=f"sqlite:///{folder}/gateway.db"),
        hub=HubSettings(
            allow_http=True,
            allowed_ports=(),
            allowed_networks=("127.0.0.0/8",),
            concurrency_max=options.concurrency,
        ),
    )
    database = opened(settings.storage.url)
    for callback in callbacks:
        await database.write(
            lambda c, callback=callback: store.create(c, subscription(callback), store.Bounds(1000, 1000))
        )
    carts = [new_resource_id() for _ in range(options.carts)]
    now = utc_now()
    for start in range(0, options.events, 500):

        def store_events(connection: Connection, start: int = start) -> None:
            for index in range(start, min(start + 500, options.events)):
                cart_id, number = carts[index % len(carts)], index // len(carts) + 1
                publish(
                    connection,
                    Happened(
                        tenant=TENANT,
                        resource="shoppingCart",
                        resource_id=cart_id,
                        sequence=number,
                        event_type=CART_CHANGED,
                        document=document(cart_id, number),
                        v4_complete=True,
                    ),
                    now + timedelta(microseconds=index),
                )

        await database.write(store_events)
    before = resident_mib()
    started = time.monotonic()
    peak = before
    async with delivery(Services(settings=settings, database=database)):
        stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        while not stop.done():
            await asyncio.sleep(0.1)
            peak = max(peak, resident_mib())
    processor = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "started": started,
                "before_mib": round(before, 1),
                "peak_mib": round(peak, 1),
                "processor_seconds": round(processor.ru_utime + processor.ru_stime, 1),
            }
        ),
        flush=True,
    )
    await database.close()


def resident_mib() -> float:
    """Return this process's resident memory."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read ten times a second
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run this file in another role."""
    command = [sys.executable, __file__, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        try:
            yield started
        finally:
            started.kill()


def line_of(running: subprocess.Popen[bytes]) -> Any:
    """Return the next line that a process prints."""
    assert running.stdout is not None
    return json.loads(running.stdout.readline())


def ask_to_end(running: subprocess.Popen[bytes]) -> None:
    """Let a process come to its end."""
    assert running.stdin is not None
    running.stdin.write(b"\n")
    running.stdin.flush()


def measure(options: argparse.Namespace, events: int, *, dead: bool) -> dict[str, Any]:
    """Return the figures of one run."""
    with process("--subscribers", str(options.live), str(events)) as subscribers, socket.socket() as unused:
        ports = line_of(subscribers)
        unused.bind(("127.0.0.1", 0))
        silent, failing = ports[options.live :]
        callbacks = [f"http://127.0.0.1:{port}" for port in ports[: options.live]]
        if dead:
            # First in line, where they would do most harm.
            callbacks = [f"http://127.0.0.1:{port}" for port in (unused.getsockname()[1], silent, failing)] + callbacks
        wanted = [f"--events={events}", f"--carts={options.carts}", f"--concurrency={options.concurrency}"]
        with process("--dispatcher", tempfile.mkdtemp(prefix="bench"), *wanted, *callbacks) as dispatcher:
            came = line_of(subscribers)
            ask_to_end(dispatcher)
            figures = line_of(dispatcher)
            seconds = max(came["at"]) - figures.pop("started")
            deliveries = sum(came["count"])
            result = {
                "benchmark": "hub_with_dead" if dead else "hub_alone",
                "live": options.live,
                "dead": 3 if dead else 0,
                "events": events,
                "deliveries": deliveries,
                "complete": all(count == events for count in came["count"]),
                "out_of_order": sum(came["out_of_order"]),
                "repeated": sum(came["repeated"]),
                "seconds": round(seconds, 1),
                "events_per_second": round(events / seconds),
                "deliveries_per_second": round(deliveries / seconds),
                **figures,
            }
            tell(result)
            return result


def main() -> None:
    """Read the options and measure, or play another role."""
    if sys.argv[1:2] == ["--subscribers"]:
        uvloop.run(run_subscribers(int(sys.argv[2]), int(sys.argv[3])))
        return
    wanted = parser(__doc__)
    wanted.add_argument("--events", type=int, default=10_000)
    wanted.add_argument("--live", type=int, default=17)
    wanted.add_argument("--carts", type=int, default=100)
    wanted.add_argument("--concurrency", type=int, default=4)
    wanted.add_argument("--rounds", type=int, default=4)
    wanted.add_argument("--round-events", type=int, default=300)
    if sys.argv[1:2] == ["--dispatcher"]:
        folder = sys.argv[2]
        options, callbacks = wanted.parse_known_args(sys.argv[3:])
        uvloop.run(run_dispatcher(options, folder, callbacks))
        return
    options = wanted.parse_args()
    rounds = []
    for number in range(options.rounds):
        # Which comes first changes: a machine that gets busier must not count for one of them.
        order = (False, True) if number % 2 else (True, False)
        found = {dead: measure(options, options.round_events, dead=dead) for dead in order}
        rounds.append((found[False], found[True]))
    whole = measure(options, options.events, dead=True)
    speeds = [dead["deliveries_per_second"] / alone["deliveries_per_second"] for alone, dead in rounds]
    costs = [dead["processor_seconds"] / alone["processor_seconds"] for alone, dead in rounds]
    runs = [whole, *(run for pair in rounds for run in pair)]
    result = {
        "benchmark": "hub",
        "ratio": round(statistics.median(speeds), 3),
        "target": RATIO_MIN,
        "ratios": [round(speed, 3) for speed in speeds],
        "processor_ratio": round(statistics.median(costs), 3),
        "events": whole["events"],
        "subscribers": options.live + 3,
        "complete_and_in_order": all(run["complete"] and not run["out_of_order"] for run in runs),
        "growth_mib": round(whole["peak_mib"] - whole["before_mib"], 1),
        "growth_mib_target": GROWTH_MIB_MAX,
    }
    result["met"] = (
        result["complete_and_in_order"] and result["ratio"] >= RATIO_MIN and result["growth_mib"] <= GROWTH_MIB_MAX
    )
    end([tell(result)])


if __name__ == "__main__":
    main()
