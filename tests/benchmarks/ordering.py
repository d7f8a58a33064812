"""What translating, planning and rendering an order costs, beside decoding and encoding the same cart with msgspec.

    python tests/benchmarks/ordering.py [--rounds 7] [--large]

Processor time, not time on the wall. What is compared takes turns in short rounds, and of each the least disturbed run counts:
a neighbour on the machine only ever adds. Python's collector works as it does by default; beside it is told what the same costs
with the collector as `serve` and `worker` set it. Prints one JSON object a line; exit code 1 when a target is missed:

- `ratio`: translate + plan of 1 000 items, at most 6 times decode + encode of the same document;
- `growth`: 10 000 items at most 12 times the cost of 1 000;
- with `--large`, `linear`: rendering included, an item of 10 000 and of 100 000 costs at most 20 % more than one of 1 000, with
  the collector as the servers set it. A turn is 100 000 items on every side: one cart, or the same cart cut into 10 of 10 000 or
  100 of 1 000, in the same memory. Every order and plan of a turn is kept until it ends, so that each cart's are made in
  memory of their own: carts whose orders are thrown away one by one would use a warm piece of it again and again, which no
  large cart can. Each cart goes through all three stages before the next, as in the service, so what the caches of the
  processor do for small carts is in the figure. The median of the rounds' ratios stands beside that of the least turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.runs import end, parser, tell
from msgspec.structs import replace

from gateway.commands.common import calm_collector
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.translation.translate import translate
from gateway.tmf.json import decode_stored, encode_json

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RATIO_MAX = 6.0
GROWTH_MAX = 12.0
LINEAR_MAX = 1.2
SIZES = (1_000, 10_000, 100_000)
ROOTS_EVERY = 10


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
    for start in range(0, count, ROOTS_EVERY):
        items[start]["cartItem"] = items[start + 1 : start + ROOTS_EVERY]
    party = {"id": "CD000001", "role": "customer", "@referredType": "Individual"}
    return encode_json({"id": "c", "cartItem": items[::ROOTS_EVERY], "relatedParty": [party]})


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
    return tell(figures)


def whole(document: Any, mapping: Mapping) -> tuple[object, object]:
    """Translate, plan and render every call of one cart; return what was made but for the calls, which are sent one by one."""
    translation = translate(document, {}, mapping, now=NOW)
    order = translation.order
    assert order is not None
    planned, findings = plan(order, mapping)
    assert planned is not None, findings
    known = {line.id: line.id for line in order.lines if line.parent_id is None}
    for step in planned.steps:
        render(step, order, planned, mapping, known_line_ids=known, marker="gw1-m", order_id="1")
    return translation, planned


def cut(document: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the cart as carts of `count` items each; they share its items."""
    roots, each = document["cartItem"], count // ROOTS_EVERY
    return [{**document, "cartItem": roots[start : start + each]} for start in range(0, len(roots), each)]


def measure_codec(carts: dict[int, list[dict[str, Any]]]) -> dict[int, float]:
    """Return the processor time of decoding and encoding all carts of a size, everything decoded kept until the end."""
    works: dict[int, Callable[[], object]] = {}
    for count, documents in carts.items():
        bodies = [encode_json(document) for document in documents]
        works[count] = lambda bodies=bodies: [
            (decoded, len(encode_json(decoded))) for decoded in map(decode_stored, bodies)
        ]
    return {count: min(times) for count, times in in_turns(works, 2).items()}


def in_turns(works: dict[int, Callable[[], object]], rounds: int) -> dict[int, list[float]]:
    """Return the processor times of `works`, one of each a round, with the collector as the servers set it."""
    times: dict[int, list[float]] = {what: [] for what in works}
    with collector_of_servers():
        for _ in range(rounds):
            for what, work in works.items():
                times[what].append(seconds(work))
    return times


def measure_linear(name: str, carts: dict[int, list[dict[str, Any]]], codec: dict[int, float], rounds: int) -> bool:
    """Measure 100 000 items in carts of each size; True when an item costs the same within LINEAR_MAX."""
    mapping = load(name)
    works: dict[int, Callable[[], object]] = {
        count: lambda documents=documents: [whole(document, mapping) for document in documents]
        for count, documents in carts.items()
    }
    times = in_turns(works, rounds)
    least_of = {count: min(measured) for count, measured in times.items()}
    small = SIZES[0]
    linear = {count: least_of[count] / least_of[small] for count in SIZES[1:]}
    medians = {
        count: statistics.median(a / b for a, b in zip(times[count], times[small], strict=True)) for count in SIZES[1:]
    }
    figures = {
        "benchmark": "ordering linear",
        "mapping": name,
        "microseconds_per_item": {str(count): round(value / SIZES[-1] * 1e6, 1) for count, value in least_of.items()},
        "ratio": {str(count): round(least_of[count] / codec[count], 2) for count in SIZES},
        "linear": {str(count): round(value, 2) for count, value in linear.items()},
        "median_linear": {str(count): round(value, 2) for count, value in medians.items()},
        "linear_max": LINEAR_MAX,
        "met": max(linear.values()) <= LINEAR_MAX,
    }
    return tell(figures)


def main() -> None:
    """Run the benchmark for every shipped mapping."""
    wanted = parser(__doc__)
    wanted.add_argument("--rounds", type=int, default=7)
    wanted.add_argument("--large", action="store_true", help="100 000 items too, rendering included")
    arguments = wanted.parse_args()
    names = sorted(file.stem for file in MAPPINGS.glob("*.toml"))
    met = [measure(name, arguments.rounds) for name in names]
    if arguments.large:
        document = decode_stored(cart(SIZES[-1]))
        carts = {count: cut(document, count) for count in SIZES}
        codec = measure_codec(carts)
        met += [measure_linear(name, carts, codec, arguments.rounds) for name in names]
    end(met)


if __name__ == "__main__":
    main()
