"""What was sent of an order, compared with what the order system shows of it. Pure."""

from __future__ import annotations

from gateway.ordering import ExpectedLine, Match, ObservedOrder, expected_lines, match_expected
from gateway.submission.decisions.actions import Expectation, Work

_NAMED_MAX = 5


def expectation(work: Work) -> Expectation:
    """Return what the order system should show before the current step: it can be made while the order is being read."""
    return _after(work, work.record.step)


def _after(work: Work, steps_done: int) -> Expectation:
    """Return what the order system should show after the first `steps_done` steps."""
    sent: set[str] = set()
    priced: set[str] = set()
    for step in work.plan.steps[:steps_done]:
        (priced if step.kind == "price" else sent).update(step.item_ids)
    lines: list[ExpectedLine] = expected_lines([line for line in work.order.lines if line.id in sent], work.mapping)
    coming = [
        line
        for line in work.order.lines
        if line.id in work.there_already and line.parent_id in sent and line.id not in sent
    ]
    return Expectation(
        steps_done=steps_done,
        lines=tuple(lines),
        priced=frozenset(priced),
        coming=tuple(expected_lines(coming, work.mapping)),
    )


def compare(work: Work, observed: ObservedOrder, *, steps_done: int) -> Match:
    """Compare the order with what the first `steps_done` steps sent."""
    expected = work.expected
    if expected is None or expected.steps_done != steps_done:
        expected = _after(work, steps_done)
    return match_expected(expected.lines, expected.priced, observed, work.mapping, work.known, expected.coming)


def describe_mismatch(found: Match) -> str:
    """Say in one sentence how an order differs from what was sent; ids only."""
    parts = []
    if found.missing:
        parts.append(f"missing items {_some(found.missing)}")
    if found.unexpected:
        parts.append(f"unexpected lines {_some(found.unexpected)}")
    if found.wrong:
        parts.append(f"differing items {_some([f'{item_id} ({why})' for item_id, why in found.wrong])}")
    return "the draft is not what was sent: " + "; ".join(parts)


def _some(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:_NAMED_MAX])
    return shown if len(names) <= _NAMED_MAX else f"{shown} and {len(names) - _NAMED_MAX} more"
