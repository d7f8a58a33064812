"""Measuring with a test order: made, grown where drafts grow, sent twice, voided. What was seen comes back as plain data.

It is never submitted. Where a POST is live at once, the order is cancelled first of all: what cannot be cancelled is not sent
a second time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gateway.ordering import (
    ObservedOrder,
    Order,
    RenderedStep,
    compare_live,
    render,
)
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.doctor.reading import read_list, search
from gateway.upstream.doctor.sample import SampleOrder
from gateway.upstream.doctor.seen import RepeatSeen, ShownAfter, WriteSeen
from gateway.upstream.doctor.voiding import POLL_SECONDS, POLL_SECONDS_MAX, how, voided
from gateway.upstream.outcome import (
    Accepted,
    Duplicate,
    Outcome,
    Rejected,
    Unknown,
    created_order_id,
)
from gateway.upstream.port import ReadFailed


class SampleRun(Struct, frozen=True, kw_only=True):
    """What a run is given: the order, two fresh markers, and how long a new order is waited for."""

    sample: SampleOrder
    marker: str
    second_marker: str
    wait_seconds: float


def first_step(run: SampleRun) -> RenderedStep:
    """Return the call that makes the test order."""
    return _step(run, 0, run.marker, None)


async def measure_writes(probe: Probe, run: SampleRun) -> WriteSeen:
    """Make the test order and see what becomes of it; whatever was made is voided at the end."""
    mapping = probe.mapping
    step = first_step(run)
    if mapping.recovery.find == "filter":
        # A cache would answer the same afterwards.
        await search(probe, "", run.marker)
    outcome = await probe.send(step)
    order_id = created_order_id(outcome, mapping) if isinstance(outcome, Accepted) else None
    named_by: Literal["answer", "search"] = "answer"
    if order_id is None and isinstance(outcome, Accepted | Unknown):
        # It may be there: it is looked for, so that it is voided, too.
        order_id, named_by = await _found_later(probe, run), "search"
        if order_id is None:
            return WriteSeen(refused=how(outcome), named_by="nothing", marker=run.marker)
    if order_id is None:
        return WriteSeen(refused=how(outcome), marker=run.marker)
    seen = WriteSeen(order_id=order_id, named_by=named_by, marker=run.marker)
    shown, twins = await _shown_after(probe, order_id, run)
    created = await _settled(probe, order_id, run, _first_part(run))
    seen = replace(seen, shown=shown, twins=len(twins), created=created)
    if created is not None:
        seen = replace(seen, difference=_difference(run, _first_part(run), created))
    seen = await _grown(probe, run, seen)
    orders = [order_id, *twins]
    return await (_repeated_drafts if mapping.draft.supported else _repeated_live)(probe, run, seen, orders)


async def _repeated_drafts(probe: Probe, run: SampleRun, seen: WriteSeen, orders: list[str]) -> WriteSeen:
    made = [(order_id, run.marker) for order_id in orders]

    async def note(order_id: str, marker: str) -> None:
        made.append((order_id, marker))

    seen = await _repeated(probe, run, seen, note)
    return await _all_voided(probe, run, seen, made)


async def _repeated_live(probe: Probe, run: SampleRun, seen: WriteSeen, orders: list[str]) -> WriteSeen:
    """Void what was made, and only if that works make more; each is voided at once, before anybody fulfils it."""
    seen = await _all_voided(probe, run, seen, [(order_id, run.marker) for order_id in orders])
    if seen.voided is not None:
        return seen
    failed: dict[str, str] = {}

    async def void(order_id: str, marker: str) -> None:
        why = await voided(probe, order_id, marker, run.wait_seconds)
        if why is not None:
            failed[order_id] = why

    seen = await _repeated(probe, run, seen, void)
    return replace(seen, voided=next(iter(failed.values()), None), left=tuple(failed))


async def _all_voided(probe: Probe, run: SampleRun, seen: WriteSeen, made: list[tuple[str, str]]) -> WriteSeen:
    failed: dict[str, str] = {}
    for order_id, marker in dict.fromkeys(made):
        why = await voided(probe, order_id, marker, run.wait_seconds)
        if why is not None:
            failed[order_id] = why
    return replace(seen, voided=next(iter(failed.values()), None), left=tuple(failed))


async def _repeated(
    probe: Probe, run: SampleRun, seen: WriteSeen, made: Callable[[str, str], Awaitable[None]]
) -> WriteSeen:
    """Send the same call again, and where that makes a second order a new one twice with an Idempotency-Key.

    `made` is told of every order that comes of it.
    """
    repeat = _repeat(probe, seen.order_id, await probe.send(first_step(run)))
    if repeat.second in ("", repeat.first):
        return replace(seen, repeat=repeat)
    await made(repeat.second, run.marker)
    keyed_step, key = _step(run, 0, run.second_marker, None), {"Idempotency-Key": run.second_marker}
    outcome = await probe.send(keyed_step, key)
    first = created_order_id(outcome, probe.mapping) if isinstance(outcome, Accepted) else None
    if first is None:
        return replace(seen, repeat=repeat, keyed=RepeatSeen(first="", failed=how(outcome)))
    await made(first, run.second_marker)
    keyed = _repeat(probe, first, await probe.send(keyed_step, key))
    if keyed.second not in ("", first):
        await made(keyed.second, run.second_marker)
    return replace(seen, repeat=repeat, keyed=keyed)


def _repeat(probe: Probe, first: str, outcome: Outcome) -> RepeatSeen:
    if isinstance(outcome, Accepted):
        second = created_order_id(outcome, probe.mapping)
        return (
            RepeatSeen(first=first, second=second) if second else RepeatSeen(first=first, failed="no id in the answer")
        )
    if isinstance(outcome, Duplicate | Rejected):
        return RepeatSeen(first=first, refused=outcome.detail)
    return RepeatSeen(first=first, failed=how(outcome))


async def _shown_after(probe: Probe, order_id: str, run: SampleRun) -> tuple[ShownAfter, list[str]]:
    """Look until the new order is shown everywhere, or the time is over; return when, and ids of other orders with its marker."""
    began, wait_seconds = probe.clock(), POLL_SECONDS
    times: dict[str, float] = {}
    twins: set[str] = set()
    looks: dict[str, Callable[[], Awaitable[tuple[bool, list[str]]]]] = {
        "by_id": lambda: _by_id(probe, order_id),
        "in_list": lambda: _in_list(probe, order_id, run.marker),
        "by_search": lambda: _by_search(probe, order_id, run.marker),
    }
    if probe.mapping.recovery.find == "none":
        times["by_search"] = 0.0
    while True:
        for name, look in looks.items():
            if name in times:
                continue
            found, others = await look()
            twins |= set(others)
            if found:
                times[name] = probe.clock() - began
        if len(times) == len(looks) or probe.clock() - began >= run.wait_seconds:
            shown = ShownAfter(waited_seconds=run.wait_seconds, **times)
            return shown, sorted(twins - {order_id})
        await probe.sleep(wait_seconds)
        wait_seconds = min(POLL_SECONDS_MAX, wait_seconds * 2)


async def _found_later(probe: Probe, run: SampleRun) -> str | None:
    """Look for an order with the marker that was sent until one is shown, or the time is over; return its id."""
    began, wait_seconds = probe.clock(), POLL_SECONDS
    while True:
        _, found = await _by_search(probe, "", run.marker) if probe.mapping.recovery.find != "none" else (False, [])
        if not found:
            _, found = await _in_list(probe, "", run.marker)
        if found or probe.clock() - began >= run.wait_seconds:
            return min(found, default=None)
        await probe.sleep(wait_seconds)
        wait_seconds = min(POLL_SECONDS_MAX, wait_seconds * 2)


async def _by_id(probe: Probe, order_id: str) -> tuple[bool, list[str]]:
    try:
        return await probe.order(order_id) is not None, []
    except ReadFailed:
        return False, []


async def _in_list(probe: Probe, order_id: str, marker: str) -> tuple[bool, list[str]]:
    listed = await read_list(probe)
    with_marker = [each.id for each in listed.orders if marker in each.marker.texts]
    return any(each.id == order_id for each in listed.orders), with_marker


async def _by_search(probe: Probe, order_id: str, marker: str) -> tuple[bool, list[str]]:
    asked = await search(probe, order_id, marker)
    return order_id in asked.found and not asked.unmarked, list(asked.found)


async def _settled(probe: Probe, order_id: str, run: SampleRun, part: Order) -> ObservedOrder | None:
    """Read the order until it holds what was sent, or the time is over; return it as it was seen last."""
    began, wait_seconds = probe.clock(), POLL_SECONDS
    seen: ObservedOrder | None = None
    while True:
        with contextlib.suppress(ReadFailed):
            seen = await probe.order(order_id) or seen
        if seen is not None and _difference(run, part, seen) is None:
            return seen
        if probe.clock() - began >= run.wait_seconds:
            return seen
        await probe.sleep(wait_seconds)
        wait_seconds = min(POLL_SECONDS_MAX, wait_seconds * 2)


async def _grown(probe: Probe, run: SampleRun, seen: WriteSeen) -> WriteSeen:
    """Send the next items where the draft grows, and see whether all are there."""
    steps = run.sample.plan.steps
    if len(steps) < 2 or steps[1].kind != "add" or seen.created is None:  # noqa: PLR2004 - the call after the first
        return seen
    try:
        step = _step(run, 1, run.marker, seen.order_id)
    except LookupError:
        return seen
    outcome = await probe.send(step)
    if not isinstance(outcome, Accepted):
        return replace(seen, grew=True, grown=f"the second call was not taken: {how(outcome)}")
    whole = _part(run, 2)
    grown = await _settled(probe, seen.order_id, run, whole)
    difference = "the draft cannot be read after the second call" if grown is None else _difference(run, whole, grown)
    return replace(seen, grew=True, grown=difference)


def _step(run: SampleRun, index: int, marker: str, order_id: str | None) -> RenderedStep:
    made = run.sample
    return render(
        made.plan.steps[index], made.order, made.plan, made.mapping, known_line_ids={}, marker=marker, order_id=order_id
    )


def _first_part(run: SampleRun) -> Order:
    return _part(run, 1)


def _part(run: SampleRun, steps: int) -> Order:
    """Return the order as it should be after so many calls."""
    items = {item for step in run.sample.plan.steps[:steps] for item in step.item_ids}
    return replace(run.sample.order, lines=tuple(line for line in run.sample.order.lines if line.id in items))


def _difference(run: SampleRun, part: Order, observed: ObservedOrder) -> str | None:
    found = compare_live(part, {}, observed, run.sample.mapping)
    return found.describe() if found is not None else None
