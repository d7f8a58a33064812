"""What correct means, judged from outside: from the order system's ledger and from what the gateway's clients were told.

I1 nothing is lost           I2 nothing is submitted twice     I3 the order holds what the cart held
I4 the correlation is right  I5 a state never goes back        I6 nobody was told "no order" while there is a live one
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.carts import difference, expected_trees, ledger_trees, offering_of

MARKER = re.compile(r"(?:void-)?gw1-([a-z2-7]{16})-(\d+)")
RANKS = {"accepted": 0, "drafting": 1, "draft": 2, "submitting": 3, "submitted": 4}
FINAL = {"completed", "partial", "failed", "rejected", "cancelled"}
NO_ORDER = {"rejected", "cancelled"}
FINAL_RANK = 5


@dataclass
class Trail:
    """What the ledger says about one order: which checkout's it is, its lines, how often it was submitted."""

    order: str
    root: str | None = None
    submissions: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.entries[-1]["lines"]
        return found


def read_ledger(path: Path) -> dict[str, Trail]:
    """Return every order of the ledger by its number. A line that is still being written is left for the next time."""
    trails: dict[str, Trail] = {}
    if not path.exists():
        return trails
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    for raw in complete.splitlines():
        entry = json.loads(raw)
        trail = trails.setdefault(entry["order"], Trail(entry["order"]))
        trail.entries.append(entry)
        if trail.root is None and (found := MARKER.fullmatch(entry["externalId"] or "")):
            trail.root = found[1]
        trail.submissions += entry["effect"] == "submitted"
    return trails


class History:
    """What clients were told about each checkout, one observation after the other."""

    def __init__(self) -> None:
        self._told: dict[str, list[tuple[str, str | None]]] = defaultdict(list)

    def note(self, checkout: Mapping[str, Any]) -> None:
        """Remember what a checkout resource says, when it says something new."""
        seen = (checkout["state"], (checkout.get("productOrder") or {}).get("id"))
        told = self._told[checkout["id"]]
        if not told or told[-1] != seen:
            told.append(seen)

    def of(self, checkout_id: str) -> list[tuple[str, str | None]]:
        return self._told[checkout_id]

    def steps_back(self, checkout_id: str) -> Iterator[str]:
        """Yield every place where a state went back, or the order of a live checkout changed."""
        told = self.of(checkout_id)
        for (before, order_before), (after, order_after) in itertools.pairwise(told):
            if before in FINAL and after != before:
                yield f"I5 left the final state {before} for {after}"
            elif _rank(after) < _rank(before):
                yield f"I5 went back from {before} to {after}"
            if _rank(before) >= RANKS["submitted"] and order_after != order_before:
                yield f"I5 the live order changed from {order_before} to {order_after}"


def _rank(state: str) -> int:
    # A held checkout waits for a person, who may do anything with it: no order is asked of it here.
    return FINAL_RANK if state in FINAL else RANKS.get(state, FINAL_RANK)


@dataclass
class Verdict:
    """Everything that is wrong, and the figures of the run."""

    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def require_faultless(self, seed: object) -> None:
        """Fail with every problem, or print the figures."""
        print(f"seed {seed}: " + ", ".join(f"{name} {value}" for name, value in self.figures.items()))
        assert not self.problems, f"seed {seed}: {len(self.problems)} problems\n\n" + "\n\n".join(self.problems)


def judge(
    carts: Mapping[str, Mapping[str, Any]],
    checkouts: Iterable[Mapping[str, Any]],
    trails: Mapping[str, Trail],
    history: History | None = None,
    *,
    told: Mapping[str, str] | None = None,
    ended: frozenset[str] = frozenset({"completed"}),
    lines_known: bool = True,
) -> Verdict:
    """Compare carts (by id), the gateway's checkouts, and the ledger.

    `told` is the checkout id that the client of each cart was given. Every checkout is expected to have ended in one of the
    states `ended`. Without `lines_known` nobody has read the order yet, and no line ids are expected.
    """
    verdict = Verdict()
    by_cart: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for checkout in checkouts:
        by_cart[checkout["shoppingCart"]["id"]].append(checkout)
    by_root: dict[str, list[Trail]] = defaultdict(list)
    for trail in trails.values():
        by_root[trail.root or "(no marker)"].append(trail)
    known_roots: set[str] = set()
    for cart_id, cart in carts.items():
        found = by_cart.get(cart_id, [])
        if len(found) != 1:
            ids = [checkout["id"] for checkout in found]
            verdict.problems.append(f"cart {cart_id} has {len(found)} checkouts instead of one: {ids}")
            continue
        (checkout,) = found
        root = _root_of(checkout)
        if root is not None:
            known_roots.add(root)
        mine = by_root.get(root or "", [])
        wrong = [*_problems(checkout, mine, history, ended)]
        live = [trail for trail in mine if trail.submissions]
        for trail in live:
            wrong += _contents(cart, trail)
        if len(live) == 1:
            wrong += _correlation(cart, checkout, live[0], lines_known=lines_known)
        if told is not None and told.get(cart_id) != checkout["id"]:
            wrong.append(f"I1 its client was told of checkout {told.get(cart_id)}")
        if wrong:
            verdict.problems.append(_offender(wrong, checkout, mine, history))
    for root, strangers in by_root.items():
        live = [trail.order for trail in strangers if trail.submissions]
        if root not in known_roots and live:
            verdict.problems.append(f"I2 live orders {live} belong to no checkout (marker {root})")
    verdict.figures = {
        "checkouts": len(carts),
        "orders begun": len(trails),
        "submitted": sum(trail.submissions for trail in trails.values()),
        "states": _count(checkout["state"] for found in by_cart.values() for checkout in found),
    }
    return verdict


# A POST that makes a live order at once is given up after three that were proven to have had no effect.
PROVEN_LOST = "were lost, and each was proven to have had no effect"


def _problems(
    checkout: Mapping[str, Any], mine: list[Trail], history: History | None, ended: frozenset[str]
) -> Iterator[str]:
    live = [trail for trail in mine if trail.submissions]
    if sum(trail.submissions for trail in live) > 1:
        yield f"I2 submitted {sum(trail.submissions for trail in live)} times: orders {[each.order for each in live]}"
    if not live and checkout["state"] == "held" and PROVEN_LOST in (checkout["statusReason"] or ""):
        # The third end of a checkout: no order, and a person told why. Three calls in a row are lost by chance now and then.
        return
    if not live:
        yield f"I1 lost: the checkout is {checkout['state']} and no order of it was submitted"
    if checkout["state"] not in ended:
        yield f"I1 not at its end: {checkout['state']} ({checkout['statusReason']})"
    if history is not None:
        yield from history.steps_back(checkout["id"])
    states = {checkout["state"]} | {state for state, _ in (history.of(checkout["id"]) if history else ())}
    if live and states & NO_ORDER:
        yield f"I6 somebody was told {sorted(states & NO_ORDER)}, and order {live[0].order} is live"


def _contents(cart: Mapping[str, Any], live: Trail) -> Iterator[str]:
    expected, found = expected_trees(cart), ledger_trees(live.lines)
    if expected != found:
        yield f"I3 order {live.order} holds something else: " + "; ".join(difference(expected, found)[:10])


def _correlation(
    cart: Mapping[str, Any], checkout: Mapping[str, Any], live: Trail, *, lines_known: bool
) -> Iterator[str]:
    order = checkout["productOrder"] or {}
    if order.get("id") != live.order:
        yield f"I4 the checkout names order {order.get('id')}, live is {live.order}"
    if not lines_known:
        return
    offering_of_item = {item["id"]: offering_of(item) for item in _items(cart["cartItem"])}
    offering_of_line = {line["id"]: line["offering"] for line in live.lines}
    seen: set[str] = set()
    for item in checkout["item"]:
        line_id = item["orderLineItemId"]
        offering = offering_of_item.get(item["cartItemId"])
        if line_id not in offering_of_line:
            yield f"I4 item {item['cartItemId']} names line {line_id}, which order {live.order} does not have"
        elif offering_of_line[line_id] != offering:
            yield f"I4 item {item['cartItemId']} is {offering}, its line {line_id} is {offering_of_line[line_id]}"
        if line_id in seen:
            yield f"I4 line {line_id} is named by two items"
        seen.add(line_id)


def _items(items: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for item in items:
        yield item
        yield from _items(item.get("cartItem", ()))


def _root_of(checkout: Mapping[str, Any]) -> str | None:
    marker = (checkout["productOrder"] or {}).get("externalId")
    found = MARKER.fullmatch(marker or "")
    return found[1] if found else None


def _offender(wrong: list[str], checkout: Mapping[str, Any], mine: list[Trail], history: History | None) -> str:
    """Return all there is to know about a checkout that went wrong."""
    shown = {key: value for key, value in checkout.items() if key not in {"finding", "item"}}
    lines = [*wrong, f"checkout {json.dumps(shown, indent=1)}"]
    if history is not None:
        lines.append(f"told {history.of(checkout['id'])}")
    for trail in mine:
        lines.append(f"ledger of order {trail.order}:")
        for entry in trail.entries:
            brief = {key: value for key, value in entry.items() if key != "lines"}
            lines.append(f"  {json.dumps(brief)} with {len(entry['lines'])} lines")
    return "\n".join(lines)


def _count(states: Iterable[str]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for state in states:
        counts[state] += 1
    return " ".join(f"{state}={count}" for state, count in sorted(counts.items()))
