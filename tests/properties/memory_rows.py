"""The rows of checkouts in memory: what the worker, the tracker and the clean-up read and write, without a database.

Decisions, what is recorded of them and when (`gateway.submission.store.save`, `found_live`) is the gateway's own code; what stands
here is one row level below it. Whether the gateway's SQL does the same is for the tests of the storage and for the worlds that have
a database.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from memory_database import current_process
from msgspec.structs import replace
from virtual_time import VirtualLoop

from gateway.carts import holding
from gateway.checkouts import stored_documents
from gateway.checkouts.accepting import call_sizes
from gateway.checkouts.model import CheckoutRecord, LineState, lines_decoder
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.states import CART_RELEASED, OPEN, may_follow
from gateway.checkouts.stored import abandoned, history, keys, pauses, recovering
from gateway.checkouts.stored import step_store as steps
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.abandoned import AbandonedDraft, DueDraft, GivenUp
from gateway.lanes import Lane
from gateway.storage.leases import Lease
from gateway.storage.tables import ORDERED_STATES
from gateway.submission import claims, cleanup_store, resuming, wrong_clock
from gateway.submission import store as submissions
from gateway.tmf.json import encode_json
from gateway.tracking import due_events, inbox
from gateway.tracking import store as followed
from gateway.upstream.evidence import KnownOrder

TENANT: Final = "default"


class Rows:
    """Checkouts, their documents, and the drafts that were given up. It stands in the place of the connection."""

    def __init__(self) -> None:
        self.checkouts: dict[str, CheckoutRecord] = {}
        self.documents: dict[str, dict[str, str]] = {}
        self.drafts: dict[tuple[str, str, str], DueDraft] = {}
        self.statements: list[str] = []
        """What the gateway wanted to execute although nothing stands in its place here."""

    def execute(self, statement: object, *_: Any) -> None:
        """Execute nothing: whoever wants that is missing in `REPLACED`."""
        self.statements.append(str(statement))
        raise AssertionError(self.statements[-1])

    def put(self, record: CheckoutRecord, **changes: Any) -> CheckoutRecord:
        """Change columns of a row, whatever they are; what a client sees of it does not change."""
        self.checkouts[record.id] = changed = replace(self.checkouts[record.id], **changes)
        return changed


class RowsDatabase:
    """A transaction takes no time, and may be the last of its process."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.between: Callable[[], None] = lambda: None
        self.listeners: list[Callable[[], None]] = []
        self.rows = Rows()

    def now(self, _connection: object = None) -> datetime:
        """Return the time of the loop."""
        return self._loop.now()

    async def read(self, function: Callable[[Any], Any]) -> Any:
        """Read, unless the process is killed before."""
        if (process := current_process.get()) is not None:
            await process.passes(self.between)
        return function(self.rows)

    read_brief = read

    async def write(self, function: Callable[[Any], Any]) -> Any:
        """Write, unless the process is killed before; it may be killed after it."""
        process = current_process.get()
        await asyncio.sleep(0)
        if process is not None:
            await process.passes(self.between)
        value = function(self.rows)
        for listener in self.listeners:
            listener()
        if process is not None:
            await process.passes(self.between)
        return value


# -- checkouts -------------------------------------------------------------------------------------------------------------------


def _get(rows: Rows, _tenant: str, checkout_id: str) -> CheckoutRecord | None:
    return rows.checkouts.get(checkout_id)


def _change(
    rows: Rows,
    record: CheckoutRecord,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    fence: int | None = None,
    version: int | None = None,
    unless_paused: bool = False,
) -> CheckoutRecord | None:
    """Do what `gateway.checkouts.stored.store.change` does to the row itself."""
    del unless_paused
    state = changes.get("state", record.state)
    assert may_follow(record.state, state), f"{record.state} cannot become {state}"
    intent = record.submit_intent_order
    assert intent in {None, changes.get("submit_intent_order", intent)}, "the order to be submitted is write-once"
    current = rows.checkouts[record.id]
    if fence not in {None, current.fence} or version not in {None, current.version}:
        return None
    released = {"cart_live": False} if state in CART_RELEASED else {}
    ended = {"due_at": None, "track_due_at": None} if state not in OPEN and state != "submitted" else {}
    return rows.put(record, **{**changes, **released, **ended, "updated_at": now, "version": current.version + 1})


def _documents(rows: Rows, _tenant: str, checkout_id: str, kinds: Iterable[str]) -> dict[str, str]:
    stored = rows.documents[checkout_id]
    return {kind: stored[kind] for kind in kinds if kind in stored}


def _put_documents(rows: Rows, _tenant: str, checkout_id: str, documents: Mapping[str, bytes]) -> None:
    rows.documents[checkout_id] |= {kind: document.decode() for kind, document in documents.items()}


def _add_lines(rows: Rows, tenant: str, checkout_id: str, lines: Mapping[str, LineState], _step: int) -> None:
    before = lines_decoder.decode(rows.documents[checkout_id].get("lines", "{}"))
    _put_documents(rows, tenant, checkout_id, {"lines": encode_json({**before, **lines})})


def _others_of_order(rows: Rows, record: CheckoutRecord, order_id: str) -> list[CheckoutRecord]:
    return [each for each in rows.checkouts.values() if each.order_id == order_id and each.id != record.id]


def _live_of_cart(rows: Rows, _tenant: str, cart_id: str, _scope: str = "") -> CheckoutRecord | None:
    return next((each for each in rows.checkouts.values() if each.cart_id == cart_id and each.cart_live), None)


def _abandon(
    rows: Rows, record: CheckoutRecord, drafts: Iterable[AbandonedDraft], now: datetime, after_seconds: float
) -> None:
    for draft in drafts:
        key = (record.id, draft.marker, draft.order_id or "")
        due_at = now + timedelta(seconds=max(after_seconds, draft.after_seconds or 0.0))
        rows.drafts.setdefault(
            key,
            DueDraft(
                tenant=record.tenant,
                checkout_id=record.id,
                marker=draft.marker,
                order_id=draft.order_id or "",
                upstream=record.upstream,
                since=record.first_sent_at or now,
                attempt=0,
                due_at=due_at,
                submit_intent_order=None,
                current_order_id=None,
                checkout_state="",
                why=draft.why,
            ),
        )


# -- the worker ------------------------------------------------------------------------------------------------------------------


def _lanes_with_due_work(rows: Rows, now: datetime) -> list[Lane]:
    due = [each for each in rows.checkouts.values() if each.due_at is not None and each.due_at <= now]
    return [Lane(each.tenant, each.upstream) for each in due if each.lease_until <= now][:1]


def _claim(rows: Rows, _lane: Lane, lease: Lease, limit: int) -> list[CheckoutRecord]:
    due = [each for each in rows.checkouts.values() if each.due_at is not None and each.due_at <= lease.now]
    free = sorted((each for each in due if each.lease_until <= lease.now), key=lambda each: each.due_at or lease.now)
    return [
        rows.put(
            each,
            fence=each.fence + 1,
            lease_until=lease.now + timedelta(seconds=lease.seconds),
            claims_without_progress=each.claims_without_progress + 1,
        )
        for each in free[:limit]
    ]


def _known_orders(rows: Rows, record: CheckoutRecord) -> tuple[KnownOrder, ...]:
    sent_at = record.sent_at
    if sent_at is None:
        return ()
    live = [
        each
        for each in sorted(rows.checkouts.values(), key=lambda each: each.created_at)
        if each.id != record.id and each.order_id is not None and each.state in {"submitted", "held", *ORDERED_STATES}
    ]
    before = [each for each in live if each.created_at <= sent_at and each.sent_at and each.sent_at < sent_at]
    after = [each for each in live if each.created_at >= record.created_at and each.sent_at and each.sent_at > sent_at]
    found = {each.order_id: each for each in (*before[-1:], *after[:1], *after[-1:])}
    return tuple(
        KnownOrder(each.order_id, each.marker, each.sent_at)
        for each in found.values()
        if each.order_id is not None and each.sent_at is not None
    )


def _waiting(rows: Rows, codes: Iterable[str], now: datetime) -> list[CheckoutRecord]:
    due = [each for each in rows.checkouts.values() if each.due_at is not None and each.due_at > now]
    return [each for each in due if each.lease_until <= now and each.reason_code in codes]


def _scout(rows: Rows, _upstream: str, now: datetime) -> bool:
    waiting = sorted(_waiting(rows, OF_THE_UPSTREAM - {"throttled"}, now), key=lambda each: each.updated_at)
    for each in waiting[:1]:
        rows.put(each, due_at=now)
    return bool(waiting)


def _release(rows: Rows, _upstream: str, now: datetime, codes: Iterable[str] = OF_THE_UPSTREAM) -> int:
    return len([rows.put(each, due_at=now) for each in _waiting(rows, codes, now)])


# -- the tracker -----------------------------------------------------------------------------------------------------------------


def _due_orders(rows: Rows, now: datetime, limit: int) -> list[CheckoutRecord]:
    due = [
        each
        for each in rows.checkouts.values()
        if each.state == "submitted" and each.track_due_at is not None and each.track_due_at <= now
    ]
    return sorted(due, key=lambda each: each.track_due_at or now)[:limit]


def _set_poll(rows: Rows, record: CheckoutRecord, poll: Mapping[str, Any]) -> None:
    if rows.checkouts[record.id].state == "submitted":
        rows.put(record, **poll)


def _put_off_order(rows: Rows, record: CheckoutRecord, due_at: datetime) -> bool:
    taken = rows.checkouts[record.id].track_due_at == record.track_due_at
    if taken:
        rows.put(record, track_due_at=due_at)
    return taken


def _followers_of(rows: Rows, record: CheckoutRecord, order_id: str) -> list[CheckoutRecord]:
    return [other for other in _others_of_order(rows, record, order_id) if other.state == "submitted"]


def _look_soon(rows: Rows, record: CheckoutRecord, now: datetime) -> None:
    current = rows.checkouts[record.id]
    if current.state == "submitted" and current.awaiting is None and (current.track_due_at or now) > now:
        rows.put(record, track_due_at=now)


def _look_again(rows: Rows, _upstream: str, now: datetime, *, limit: int | None = None) -> int:
    waiting = [
        each
        for each in rows.checkouts.values()
        if each.state == "submitted" and (each.track_due_at or now) > now and each.reason_code in OF_THE_UPSTREAM
    ]
    waiting.sort(key=lambda each: each.track_due_at or now)
    return len([rows.put(each, track_due_at=now) for each in waiting[:limit]])


# -- the clean-up ----------------------------------------------------------------------------------------------------------------


def _key_of(draft: DueDraft) -> tuple[str, str, str]:
    return draft.checkout_id, draft.marker, draft.order_id


def _with_checkout(rows: Rows, draft: DueDraft) -> DueDraft:
    record = rows.checkouts[draft.checkout_id]
    return replace(
        draft,
        submit_intent_order=record.submit_intent_order,
        current_order_id=record.order_id,
        checkout_state=record.state,
    )


def _due_abandoned(rows: Rows, now: datetime, limit: int) -> list[DueDraft]:
    due = [each for each in rows.drafts.values() if each.due_at is not None and each.due_at <= now]
    return [_with_checkout(rows, each) for each in sorted(due, key=lambda each: each.due_at or now)[:limit]]


def _take_abandoned(rows: Rows, draft: DueDraft, due_at: datetime) -> DueDraft | None:
    current = rows.drafts[_key_of(draft)]
    if current.due_at != draft.due_at:
        return None
    rows.drafts[_key_of(draft)] = taken = replace(current, due_at=due_at)
    return _with_checkout(rows, taken)


def _record_cleanup(
    rows: Rows, draft: DueDraft, *, attempt: int, due_at: datetime | None, found: str | None = None, **_: Any
) -> None:
    recorded = replace(rows.drafts.pop(_key_of(draft)), attempt=attempt, due_at=due_at)
    named = replace(recorded, order_id=draft.order_id or found or "")
    recorded = recorded if _key_of(named) in rows.drafts else named
    rows.drafts[_key_of(recorded)] = recorded


def _abandoned_of(rows: Rows, _tenant: str, checkout_ids: Sequence[str]) -> dict[str, list[GivenUp]]:
    found: dict[str, list[GivenUp]] = {}
    for each in rows.drafts.values():
        if each.checkout_id in checkout_ids and each.why == "given_up":
            order = GivenUp(order_id=each.order_id or None, marker=each.marker, state="abandoned")
            found.setdefault(each.checkout_id, []).append(order)
    return found


def _nothing(*_: Any, **__: Any) -> None:
    """Write what only people read: the history, the steps, the keys that lead to a checkout."""


REPLACED: Final[Mapping[Callable[..., Any], Callable[..., Any]]] = {
    checkouts.get_for_update: _get,
    checkouts.change: _change,
    stored_documents.documents: _documents,
    checkouts.put_documents: _put_documents,
    checkouts.add_lines: _add_lines,
    checkouts.others_of_order: _others_of_order,
    checkouts.live_of_cart: _live_of_cart,
    abandoned.abandon: _abandon,
    abandoned.abandoned_of: _abandoned_of,
    holding.lock: _nothing,
    history.record: _nothing,
    history.record_payloads: _nothing,
    history.record_read: _nothing,
    keys.add_line_keys: _nothing,
    steps.set_step: _nothing,
    steps.put_cancel_step: _nothing,
    steps.plan_steps: _nothing,
    steps.replace_steps: _nothing,
    call_sizes.remember: _nothing,
    call_sizes.forget: _nothing,
    pauses.pauses: lambda *_, **__: {},
    recovering.recovered: _nothing,
    claims.lanes_with_due_work: _lanes_with_due_work,
    claims.claim: _claim,
    submissions.known_orders: _known_orders,
    submissions.notified_orders: lambda *_: (),
    resuming.scout: _scout,
    resuming.is_waited_for: lambda rows, _upstream, now: bool(_waiting(rows, OF_THE_UPSTREAM, now)),
    resuming.release: _release,
    wrong_clock.is_anything_put_off_too_far: lambda *_: False,
    followed.due_orders: _due_orders,
    followed.set_poll: _set_poll,
    followed.put_off_order: _put_off_order,
    followed.followers_of: _followers_of,
    followed.look_soon: _look_soon,
    followed.look_again: _look_again,
    followed.wake_waiting: _nothing,
    due_events.due_events: lambda *_: [],
    inbox.forget_old: lambda *_: 0,
    cleanup_store.due_abandoned: _due_abandoned,
    cleanup_store.take_abandoned: _take_abandoned,
    cleanup_store.record_cleanup: _record_cleanup,
}


@contextmanager
def rows_in_memory() -> Iterator[None]:
    """Put these functions into the place of those that make statements, in every module of the gateway that has them."""
    places = {id(original): changed for original, changed in REPLACED.items()}
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if name.startswith("gateway"):
                for attribute, value in list(vars(module).items()):
                    if id(value) in places:
                        stack.enter_context(patch.object(module, attribute, places[id(value)]))
        yield
