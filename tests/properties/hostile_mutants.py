"""Gateways that trust an order system in one thing on purpose: the misbehaviour that lives on that trust must show it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

from gateway.ordering.mapping import states
from gateway.ordering.model import KnownLine, ObservedOrder
from gateway.ordering.readback import expected, live
from gateway.ordering.readback.matching import _Pairing
from gateway.submission import checkout_run
from gateway.submission.cleanup import Cleanup
from gateway.submission.decisions import after_call, after_read, records, retries, waiting, whose
from gateway.tracking import evidence
from gateway.upstream import control, search
from gateway.upstream.evidence import FindResult, proven

Mutation = Callable[[], Any]


@contextmanager
def _everywhere(original: Any, changed: Any) -> Iterator[None]:
    """Put a function into the place of another in every module of the gateway that has it."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if not name.startswith("gateway"):
                continue
            for attribute, value in list(vars(module).items()):
                if value is original:
                    stack.enter_context(patch.object(module, attribute, changed))
        yield


def absence_without_control() -> Any:
    """A search that found nothing is proof, whether or not it would have shown our order."""

    def allows(self: FindResult, _absence: str) -> bool:
        return not self.orders and not self.hints

    return patch.object(FindResult, "allows_sending_again", allows)


def absence_without_understanding() -> Any:
    """What a search found and did not understand is nothing."""

    def allows(self: FindResult, _absence: str) -> bool:
        return not self.orders

    return patch.object(FindResult, "allows_sending_again", allows)


def control_on_one_side() -> Any:
    """An older order that is found proves that a younger one would be."""
    real = control.verdict

    def verdict(found: Any, *, kept: bool, anything_there: bool) -> Any:
        return proven("an order") if found else real(found, kept=kept, anything_there=anything_there)

    return _everywhere(real, verdict)


def changed_marker_is_a_lost_answer() -> Any:
    """An answer that names an order and shows our marker otherwise is no answer; what was found in another spelling is nothing."""
    real = after_call.after_naming

    def after_naming(work: Any, order_id: str, observed: ObservedOrder | None, now: datetime, detail: str) -> Any:
        if observed is not None and whose.whose(work, observed) != "ours":
            return after_call._unknown(work, now, detail)
        return real(work, order_id, observed, now, detail)

    return ExitStackOf(
        patch.object(after_call, "after_naming", after_naming),
        patch.object(checkout_run, "is_changed", lambda _: False),
        absence_without_understanding(),
    )


def broken_rows_are_nothing() -> Any:
    """Rows that cannot be read, and slots that are not understood, are passed over; a search without them is a proof."""
    return ExitStackOf(_everywhere(search._judged, lambda *_, **__: None), absence_without_understanding())


def refusal_is_believed() -> Any:
    """A refused live POST had no effect."""

    def refused(work: Any, _status: int, why: str, now: datetime) -> Any:
        return records.rejected(work, now, why, may_exist=False)

    return patch.object(after_call, "_refused", refused)


def throttled_is_not_done() -> Any:
    """A POST that was turned away is sent again, without a look."""

    def not_executed(work: Any, outcome: Any, now: datetime) -> Any:
        said = waiting.waits_for_call(work, "throttled", outcome.detail)
        return retries.retry_later(work, now, outcome.detail, outcome.retry_after_seconds, reason=said)

    return patch.object(after_call, "_not_executed", not_executed)


def named_order_is_ours() -> Any:
    """The order that an answer names is the one that was made: it is neither read nor compared."""

    def after_naming(work: Any, order_id: str, observed: ObservedOrder | None, now: datetime, detail: str) -> Any:
        shown = observed or ObservedOrder(id=order_id, href=None, state="", lines=())
        if work.mapping.draft.supported:
            return records.completed_step(work, now, detail, changes=records.observed_changes(work, shown))
        return records.submitted(work, shown, now, detail)

    return ExitStackOf(patch.object(after_call, "after_naming", after_naming), marker_is_looked_at_once())


def marker_is_looked_at_once() -> Any:
    """Whatever is shown under the id that is followed is our order."""

    def showing(_record: Any, observed: ObservedOrder | None, *_: Any, **__: Any) -> str:
        return "missing" if observed is None else "ours"

    return ExitStackOf(_everywhere(evidence.showing, showing), live_is_not_compared())


def live_is_not_compared() -> Any:
    """What is live is what was sent."""
    real = live.live_match

    def live_match(*arguments: Any) -> Any:
        return real(*arguments)[0], None

    return ExitStackOf(_everywhere(real, live_match), _everywhere(live.compare_live, lambda *_: None))


def repeats_are_not_looked_for() -> Any:
    """An order that was accepted is the only one."""

    def wants_search(record: Any, observed: ObservedOrder | None, mapping: Any, *, polled: bool) -> bool:
        del record, polled
        return observed is None or evidence.end_of(mapping, observed) in evidence.DEAD_ENDS

    return _everywhere(evidence.wants_search, wants_search)


def dead_end_is_believed() -> Any:
    """An order that is cancelled or rejected there frees its cart."""

    def wants_search(*_: Any, **__: Any) -> bool:
        return False

    return _everywhere(evidence.wants_search, wants_search)


def dead_end_is_believed_for_good() -> Any:
    """An order that is cancelled or rejected there frees its cart, and nobody looks for one in its place later."""
    return ExitStackOf(dead_end_is_believed(), nobody_looks_again())


def refused_submission_is_believed_at_once() -> Any:
    """One look decides whether a refused submission had an effect."""
    return patch.object(after_read, "settled", lambda *_: True)


def refused_submission_is_believed() -> Any:
    """One look decides whether a refused submission had an effect, and nobody looks again."""
    return ExitStackOf(refused_submission_is_believed_at_once(), nobody_looks_again())


def late_lines_are_missing() -> Any:
    """What is not shown yet is not there."""
    return patch.object(after_read, "_is_late", lambda *_: False)


def words_have_one_spelling() -> Any:
    """A state in another case is another state."""
    return _everywhere(states.is_same_word, lambda one, other: one == other)


def nobody_looks_again() -> Any:
    """What was refused or given up is never looked at again."""

    async def nothing(_self: Cleanup) -> int:
        return 0

    return patch.object(Cleanup, "once", nothing)


def loose_pairing() -> Any:
    """A line that shows no quantity is paired with any of its product, and is as many as were sent."""
    real_take, real_change = _Pairing._take, live._changes

    def take(self: _Pairing, index: Any, one: Any, names: Any, *, strict: bool) -> Any:
        found = real_take(self, index, one, names, strict=strict)
        return (
            found
            if found is not None or not strict
            else real_take(self, index, replace(one, quantity=None), names, strict=strict)
        )

    def changes(expected_lines: Any, *arguments: Any, **named: Any) -> Any:
        return real_change([replace(one, quantity=None) for one in expected_lines], *arguments, **named)

    return ExitStackOf(patch.object(_Pairing, "_take", take), patch.object(live, "_changes", changes))


def quantities_are_not_compared() -> Any:
    """A line of another quantity is the line that was sent."""
    real = expected.differences

    def differences(one: Any, line: KnownLine, *arguments: Any, **named: Any) -> Any:
        return real(one, replace(line, quantity=None), *arguments, **named)

    return _everywhere(real, differences)


BELIEFS: Final[dict[str, tuple[Mutation, str]]] = {
    "changed-marker": (changed_marker_is_a_lost_answer, "live"),
    "empty-filter": (absence_without_control, "live"),
    "refusal": (refusal_is_believed, "live"),
    "throttled": (throttled_is_not_done, "live"),
    "named-order": (named_order_is_ours, "live"),
    "refused-submission": (refused_submission_is_believed, "drafts"),
}
"""The six beliefs that doubled, lost or denied orders before the rules of trust, by a name, and on which kind of order systems."""


class ExitStackOf:
    """Several changes at once."""

    def __init__(self, *changes: Any) -> None:
        self._changes = changes
        self._stack = ExitStack()

    def __enter__(self) -> None:
        for change in self._changes:
            self._stack.enter_context(change)

    def __exit__(self, *details: object) -> None:
        self._stack.close()
