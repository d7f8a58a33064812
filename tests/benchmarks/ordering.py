"""What translating, planning and rendering an order costs, beside decoding and encoding the same cart with msgspec.

    python tests/benchmarks/ordering.py [--rounds 7] [--large]

Processor time, not time on the wall. What is compared takes turns in short rounds, and of each the least disturbed run counts:
a neighbour on the machine only ever adds. Python's collector works as it does by default; beside it is told what the same costs
with the collector as `serve` and `worker` set it. Prints one JSON object a line; exit code 1 when a target is missed:

- `ratio`: translate + plan of 1 000 items, at most 6 times decode + encode of the same document;
- `growth`: 10 000 items at most 12 times the cost of 1 000;
- with `--large`, `linear`: rendering included, an item of 10 000 and of 100 000 costs at most 20 % more than one of 1 000, with
  the collector as the servers set it. The carts of 1 000 are as many different ones as take the memory of the large cart:
  otherwise the caches of the processor are measured, which hold the small cart and no large one.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.commands.common import calm_collector
from gateway.ordering.loading import parse_mapping
from gateway.ordering.mapping import Mapping
from gateway.ordering.plan import plan
from gateway.ordering.render import render
from gateway.ordering.translate import translate
from gateway.tmf.json import decode_stored, encode_json

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RATIO_MAX = 6.0
GROWTH_MAX = 12.0
LINEAR_MAX = 1.2
SIZES = (1_000, 10_000, 100_000)
ITEMS_OF_ONE_TURN = 30_000


def cart(count: int) -> bytes:
    """Return a cart of bundles of ten, each item with an offering, characteristics and a price."""
    items: list[dict[str, Any]] = [
        {
            "id": str(number),
            "action": "add",
            "quantity": 1,
            "status": "active",
            "productOffering": {
                "id": f"OFFER_{number % 50}",
                "name": "Offer",
                "href": f"https://host/productOffering/{number}",
            },
            "product": {
                "productCharacteristic": [
                    {"name": "color", "value": "White", "valueType": "string"},
                    {"name": "speed", "value": str(number), "valueType": "string"},
                ]
            },
            "itemPrice": [
                {
                    "name": "Monthly",
                    "priceType": "recurring",
                    "recurringChargePeriod": "month",
                    "price": {
                        "taxRate": 20,
                        "dutyFreeAmount": {"unit": "EUR", "value": 29.9},
                        "taxIncludedAmount": {"unit": "EUR", "value": 35.88},
                    },
                }
            ],
        }
        for number in range(count)
    ]
    for start in range(0, count, 10):
        items[start]["cartItem"] = items[start + 1 : start + 10]
    party = {"id": "CD000001", "role": "customer", "@referredType": "Individual"}
    return encode_json({"id": "c", "cartItem": items[::10], "relatedParty": [party]})


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one run that starts without litter of earlier ones."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


@contextmanager
def collector_of_servers() -> Iterator[None]:
    """Set the garbage collector as `gateway serve` does."""
    before = gc.get_threshold()
    calm_collector()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def load(name: str) -> Mapping:
    """Return a shipped mapping with limits that a large order respects."""
    file = MAPPINGS / f"{name}.toml"
    mapping = parse_mapping(file.read_bytes(), file.name)
    if mapping.draft.growth != "none":
        return mapping
    limits = replace(mapping.limits, items_max=100_000, bytes_max=100_000_000, characteristics_max=1_000_000)
    return replace(mapping, limits=limits)


def least(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least processor time of each of `works`, which take turns."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for what, work in works.items():
            for _ in range(1 if what == "ten thousand" else 3):
                best[what] = min(best[what], seconds(work))
    return best


def measure(name: str, rounds: int) -> bool:
    """Measure one mapping; True when it meets the targets."""
    mapping = load(name)
    small, large = cart(1_000), cart(10_000)
    documents = decode_stored(small), decode_stored(large)

    def order(document: Any) -> None:
        translation = translate(document, {}, mapping, now=NOW)
        assert translation.order is not None
        planned, _ = plan(translation.order, mapping)
        assert planned is not None

    works: dict[str, Callable[[], object]] = {
        "codec": lambda: encode_json(decode_stored(small)),
        "thousand": lambda: order(documents[0]),
        "ten thousand": lambda: order(documents[1]),
    }
    best = least(works, rounds)
    with collector_of_servers():
        calm = least(works, max(rounds // 2, 2))
    figures = {
        "benchmark": "ordering",
        "mapping": name,
        "items": 1_000,
        "bytes": len(small),
        "milliseconds": round(best["thousand"] * 1_000, 2),
        "milliseconds_10000": round(best["ten thousand"] * 1_000, 2),
        "ratio": round(best["thousand"] / best["codec"], 2),
        "ratio_max": RATIO_MAX,
        "growth": round(best["ten thousand"] / best["thousand"], 2),
        "growth_max": GROWTH_MAX,
        "growth_calm_collector": round(calm["ten thousand"] / calm["thousand"], 2),
    }
    figures["met"] = figures["ratio"] <= RATIO_MAX and figures["growth"] <= GROWTH_MAX
    print(json.dumps(figures), flush=True)
    return bool(figures["met"])


def whole(document: Any, mapping: Mapping) -> int:
    """Translate, plan and render every call; return the bytes."""
    translation = translate(document, {}, mapping, now=NOW)
    order = translation.order
    assert order is not None
    planned, findings = plan(order, mapping)
    assert planned is not None, findings
    known = {line.id: line.id for line in order.lines}
    size = 0
    for step in planned.steps:
        call = render(step, order, planned, mapping, known_line_ids=known, marker="gw1-m", order_id="1")
        size += len(call.body)
    return size


def measure_linear(name: str) -> bool:
    """Measure 1 000, 10 000 and 100 000 items; True when an item costs the same within LINEAR_MAX."""
    mapping = load(name)
    costs: dict[int, float] = {}
    codecs: dict[int, float] = {}
    for count in SIZES:
        copies = max(ITEMS_OF_ONE_TURN // count, 1)
        body = cart(count)
        codec = order = float("inf")
        documents = [decode_stored(body) for _ in range(copies)]
        with collector_of_servers():
            for _ in range(3 if count < SIZES[-1] else 2):
                codec = min(codec, seconds(lambda body=body: encode_json(decode_stored(body))))
                order = min(
                    order, seconds(lambda documents=documents: [whole(one, mapping) for one in documents]) / copies
                )
        codecs[count], costs[count] = codec / count, order / count
        del documents
    linear = max(costs[count] / costs[SIZES[0]] for count in SIZES)
    figures = {
        "benchmark": "ordering linear",
        "mapping": name,
        "microseconds_per_item": {str(count): round(value * 1e6, 1) for count, value in costs.items()},
        "ratio": {str(count): round(costs[count] / codecs[count], 2) for count in SIZES},
        "linear": round(linear, 2),
        "linear_max": LINEAR_MAX,
        "met": linear <= LINEAR_MAX,
    }
    print(json.dumps(figures), flush=True)
    return linear <= LINEAR_MAX


def main() -> int:
    """Run the benchmark for every shipped mapping."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--large", action="store_true", help="100 000 items too, rendering included")
    arguments = parser.parse_args()
    names = sorted(file.stem for file in MAPPINGS.glob("*.toml"))
    met = [measure(name, arguments.rounds) for name in names]
    if arguments.large:
        met += [measure_linear(name) for name in names]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
