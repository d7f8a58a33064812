"""The decisions after a search for the marker of a lost `create`: found, not found yet, proven absent, not to be known. Pure."""

from __future__ import annotations

from collections.abc import Mapping as Map
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import Awaiting
from gateway.checkouts.row_changes import PLANNED, UNKNOWN, CheckoutChanges, because, without_reason
from gateway.checkouts.stored.abandoned import AbandonedDraft
from gateway.clock import timestamp_text
from gateway.ordering import Finding, Mapping, ObservedOrder, is_alive, is_draft, searches_drafts_only
from gateway.submission.decisions.actions import Action, Policy, Save, Work
from gateway.submission.decisions.late_id import not_named_yet, waited_until
from gateway.submission.decisions.named_order import accept, after_search_named, several_live
from gateway.submission.decisions.records import (
    cancelled,
    completed_step,
    give_up_draft,
    held,
    left_draft,
    observed_changes,
    refused_as_duplicate,
    rejected,
)
from gateway.submission.decisions.retries import settled, wait
from gateway.submission.decisions.whose import shown_marker
from gateway.upstream.evidence import AbsenceCode, Answered, FindResult

# A lost live POST counts as proven absent after two complete searches at least this far apart.
CONFIRM_ABSENCE_SECONDS = 2.0
# After the quiet time of a lost live POST: how long an order system that cannot be searched now is waited for.
UNSEARCHABLE_SECONDS_MAX = 6 * 3600.0
_UNKNOWN: Final[Map[Answered, str]] = {
    "lost": "the outcome of a call that makes a live order is not known",
    "turned_away": "a call that makes a live order was turned away, which does not prove that it had no effect",
    "refused": "a call that makes a live order was refused, which does not prove that it had no effect",
}
# What the next order of anybody mends. One made before the call is made by nobody any more.
_MADE_BY_THE_NEXT_ORDER: Final[frozenset[AbsenceCode]] = frozenset({"marker_never_seen", "nothing_younger"})
_ANSWERED: Final[Map[Awaiting | None, Answered]] = {
    "refused_order": "refused",
    "duplicate_order": "refused",
    "turned_away_order": "turned_away",
    "turned_away_again": "turned_away",
}
_REFUSED: Final[frozenset[Awaiting | None]] = frozenset({"refused_order", "turned_away_order", "turned_away_again"})


def after_search(
    work: Work, found: FindResult, started_at: datetime, now: datetime, named: ObservedOrder | None = None
) -> Action:
    """Decide after a search for the marker of a `create`. `started_at` is when the search began.

    `named` is the order that the answer to the call named, where it does not show our marker.
    """
    if work.current.kind != "create":
        return _under_another_id(work, found, now)
    if work.record.awaiting == "accepted_order":
        return after_search_named(work, found, named, now)
    hits = sorted(found.orders, key=lambda order: order.id)
    if not hits:
        return _not_found(work, found, started_at, now)
    save = _found(work, hits, now)
    if save.changes.get("order_id") in found.by_event:
        # What a notification named counts as what an answer names: the order may show no marker when it is read.
        named_by: CheckoutChanges = {"answered_order": save.changes["order_id"], "answered_marker": work.record.marker}
        return replace(save, changes={**save.changes, **named_by})
    return save


def seen_by_search(work: Work, hit: ObservedOrder) -> CheckoutChanges:
    """Return what to record of a live order as soon as a search shows it with our marker; nothing of a draft.

    It is read like one that an answer named, and its call is not sent again whatever later reads and searches show.
    """
    if work.mapping.draft.supported or work.current.kind != "create" or work.record.order_id is not None:
        return {}
    return {"order_id": hit.id, "answered_marker": shown_marker(hit), "awaiting": "accepted_order"}


def _found(work: Work, hits: list[ObservedOrder], now: datetime) -> Save:
    """Go on with the orders that carry our marker, or ask a person which it is."""
    if not work.mapping.draft.supported:
        return several_live(work, hits) if len(hits) > 1 else accept(work, hits[0], now, "found done by its marker")
    live = [order for order in hits if not is_draft(work.mapping, order.state)]
    if live:
        return several_live(work, live) if len(live) > 1 else accept(work, live[0], now, "found done by its marker")
    chosen, *others = hits
    detail = "found done by its marker"
    if others:
        detail += (
            f"; {len(others)} more drafts carry it: something between the gateway and the order system repeats calls"
        )
    action = completed_step(work, now, detail, changes=observed_changes(work, chosen))
    extra = tuple(AbandonedDraft(marker=work.record.marker, order_id=order.id) for order in others)
    return replace(action, abandoned=extra)


def _under_another_id(work: Work, found: FindResult, now: datetime) -> Save:
    """Go on with the draft that carries our marker where there is none under the id that the answer to its `create` named."""
    live = [order for order in found.orders if is_alive(work.mapping, order)]
    if live:
        return several_live(work, live) if len(live) > 1 else left_draft(work, live[0])
    if len(found.orders) != 1 or not is_draft(work.mapping, found.orders[0].state):
        return give_up_draft(work, now, "the draft does not exist (any more)", mismatch=False)
    (draft,) = found.orders
    return Save(
        changes={**observed_changes(work, draft), "probe": 0},
        step_changes={"detail": f"the draft is order {draft.id}, found by its marker: the answer named another id"},
    )


def _not_found(work: Work, found: FindResult, started_at: datetime, now: datetime) -> Action:
    if work.record.awaiting == "order_id":
        return not_named_yet(work, found, now)
    if work.record.awaiting in _REFUSED:
        return _refusal_stands(work, found, now)
    if not work.mapping.draft.supported:
        return _live_post_not_found(work, found, started_at, now)
    if not settled(work, now):
        return wait(work, now, "no draft with our marker yet")
    if work.record.awaiting == "duplicate_order" and found.complete:
        return refused_as_duplicate(work, now)
    return give_up_draft(work, now, "no draft with our marker was found", mismatch=False)


def wants_live(work: Work, now: datetime) -> bool:
    """Tell whether live orders are to be searched as well because no draft was found.

    A draft may be live at once, or be submitted by somebody: before its call is sent again, or another draft is begun in its place,
    a search that is narrowed to drafts is not enough.
    """
    if not work.mapping.draft.supported or not searches_drafts_only(work.mapping):
        return False
    return work.record.awaiting in _REFUSED or settled(work, now)


def is_in_doubt(work: Work) -> bool:
    """Tell whether a call that makes a live order was lost, so that it may be sent again only after a proof of absence."""
    record = work.record
    return (
        record.step_state == UNKNOWN
        and record.awaiting is None
        and not work.mapping.draft.supported
        and work.current.kind == "create"
    )


def answer_in_doubt(work: Work, now: datetime) -> Answered | None:
    """Return how the call was answered where a search decides whether a live order of it is overlooked; None where none may be.

    After a refusal, at once; after a lost answer only when the call cannot take effect any more: until then nothing is believed.
    """
    record = work.record
    if record.sent_at is None:
        return None
    if is_in_doubt(work):
        return "lost" if now >= quiet_end(record, work.mapping, work.policy) else None
    if work.mapping.draft.supported or work.current.kind != "create":
        return None
    return _ANSWERED.get(record.awaiting)


def quiet_end(record: CheckoutRecord, mapping: Mapping, policy: Policy) -> datetime:
    """Return when a lost live POST cannot take effect any more.

    Where the order system makes orders after its answers, an order may come for as long as one that was accepted is waited for.
    """
    assert record.sent_at is not None, "an unknown step was sent at some time"
    quiet = record.sent_at + timedelta(seconds=policy.effect_seconds)
    return quiet if mapping.api.created_id_from == "answer" else max(quiet, waited_until(record, policy))


def _not_proven(work: Work, found: FindResult, now: datetime) -> Save:
    """Wait for a search that proves something, for a while: the order system may be away, or show too few orders yet."""
    record, recovery = work.record, work.mapping.recovery
    unknown = _UNKNOWN[_ANSWERED.get(record.awaiting, "lost")]
    if found.changed:
        return held(
            work,
            "marker_changed",
            f"{unknown}, and {found.changed[0].sentence}, where {record.marker} was sent: see whether it is ours",
        )
    ends_at = quiet_end(work.record, work.mapping, work.policy) + timedelta(seconds=UNSEARCHABLE_SECONDS_MAX)
    if recovery.find == "none" or now >= ends_at:
        return held(
            work,
            "not_verifiable",
            f"{unknown}, and the order system cannot be searched so that this would show it ({found.absence.sentence}): look there for "
            f"an order with {recovery.marker_slot} {record.marker}",
        )
    # What is waited for, and until when: the next order of anybody that the search finds proves that it would find this one.
    wanted = ", until an order made after it is found" if found.absence.code in _MADE_BY_THE_NEXT_ORDER else ""
    said = because(
        "not_verifiable",
        f"{unknown}, and no search shows yet what became of it: {found.absence.sentence}; it is searched again{wanted}, and a person "
        f"decides after {timestamp_text(ends_at)}",
    )
    return wait(work, now, f"the search proves nothing: {found.absence.sentence}", reason=said)


def _refusal_stands(  # noqa: PLR0911 - one return for each case, in order of precedence
    work: Work, found: FindResult, now: datetime
) -> Action:
    """Decide after a live POST was refused, or turned away, and no order with our marker was found.

    Both agree, so nothing has to be proven. What may be the order all the same is waited for, and then shown to a person. Where
    nothing can be searched now the search is repeated for a while; where nothing can be searched at all a refusal stands, and a
    finding says that it was not verified: only the mapping can say that what was turned away is sent again without a search.
    """
    record, recovery = work.record, work.mapping.recovery
    if work.mapping.draft.supported:
        return _draft_turned_away(work, found)
    is_refused = record.awaiting == "refused_order"
    finding: Finding | None = None
    if not found.complete or found.absence.code == "marker_never_seen":
        if found.absence.code == "hit_unreadable":
            return wait(work, now, "an order with our marker could not be read", reason={})
        if is_refused and found.hints:
            return _may_be_there(work, found)
        waits = recovery.find != "none" and not settled(work, now)
        if waits and (not found.complete or not is_refused):
            kept: CheckoutChanges = {}  # the reason stays that of the refusal
            return wait(work, now, "the search for an order was not complete", reason=kept)
        if found.hints:
            return _not_proven(work, found, now)
        if not is_refused and not record.cancel_requested and not _may_go_unseen(work):
            return _not_proven(work, found, now)
        finding = _refusal_not_verified(work)
    if record.cancel_requested:
        return replace(cancelled(work, now), finding=finding)
    if is_refused:
        why = record.status_reason or "the order system refused the create step"
        return rejected(work, now, why, may_exist=True, finding=finding)
    if record.awaiting == "turned_away_again" and not settled(work, now):
        return wait(work, now, "turned away again, and no order yet", reason={})
    return Save(
        changes={"step_state": PLANNED, "probe": 0, "awaiting": None},
        step_changes={"state": "planned", "detail": "turned away, and no order was found"},
        finding=finding,
    )


def _may_be_there(work: Work, found: FindResult) -> Save:
    """Hold a checkout whose call was refused, and of which an order that was made after the call may be."""
    return held(
        work,
        "marker_changed" if found.changed else "not_verifiable",
        f"{_UNKNOWN['refused']}, and an order that was made after it may be its order ({found.absence.sentence}): look at it in the "
        f"order system, where {work.mapping.recovery.marker_slot} {work.record.marker} was sent",
    )


def _may_go_unseen(work: Work) -> bool:
    """Tell whether the mapping says that a live POST which was turned away is sent again although no search shows anything."""
    recovery = work.mapping.recovery
    return recovery.find == "none" or recovery.uncontrolled_absence == "resend"


def _draft_turned_away(work: Work, found: FindResult) -> Save:
    """Decide after a call that begins a draft was turned away, and no draft with our marker was found: it is sent again.

    A draft that such a call made all the same is harmless, and is found by the next search. Where searches do not show all, each
    repetition may make one more: after as many as a checkout may have drafts a person decides.
    """
    record, policy = work.record, work.policy
    unseen = record.unknowns if found.complete else record.unknowns + 1
    if unseen >= policy.generations_max:
        return held(
            work,
            "not_verifiable",
            f"{unseen} calls that begin a draft were turned away (submission.generations_max), and no search shows what they made "
            f"({found.absence.sentence}): see why the order system turns them away, and delete the drafts with "
            f"{work.mapping.recovery.marker_slot} {record.marker} there",
        )
    detail = "turned away, and no draft was found" if found.complete else "turned away, and the search was not complete"
    return Save(
        changes={"step_state": PLANNED, "probe": 0, "awaiting": None, "unknowns": unseen},
        step_changes={"state": "planned", "detail": detail},
    )


def _refusal_not_verified(work: Work) -> Finding:
    return Finding(
        severity="warning",
        code="refusal_not_verified",
        path="cartItem",
        message="The order system refused the order, and could not be searched for an order with "
        f"{work.mapping.recovery.marker_slot} {work.record.marker}: that there is none was not verified.",
    )


def _live_post_not_found(  # noqa: PLR0911 - one return for each case, in order of precedence
    work: Work, found: FindResult, started_at: datetime, now: datetime
) -> Action:
    record, policy = work.record, work.policy
    assert record.sent_at is not None, "an unknown step was sent at some time"
    if record.awaiting == "duplicate_order" and found.complete and settled(work, now):
        # The call was answered with a conflict, so nothing is in doubt; the order it spoke of had time to be shown.
        unseen = found.absence.code == "marker_never_seen"
        return replace(refused_as_duplicate(work, now), finding=_refusal_not_verified(work) if unseen else None)
    if started_at < quiet_end(work.record, work.mapping, work.policy):
        return wait(
            work, now, "no order with our marker yet", not_after=quiet_end(work.record, work.mapping, work.policy)
        )
    if not found.allows_sending_again(work.mapping.recovery.uncontrolled_absence):
        return _not_proven(work, found, now)
    if record.absent_at is None:
        waited = wait(work, now, "not found once after the quiet time")
        due_at = now + timedelta(seconds=CONFIRM_ABSENCE_SECONDS)
        changes: CheckoutChanges = {**waited.changes, "absent_at": started_at, "due_at": due_at}
        return Save(changes=changes, step_changes=waited.step_changes, rest=True)
    if started_at < record.absent_at + timedelta(seconds=CONFIRM_ABSENCE_SECONDS):
        return wait(work, now, "not found once after the quiet time")
    if record.cancel_requested:
        return cancelled(work, now)
    if record.unknowns >= policy.live_posts_max:
        return held(
            work,
            "outcome_unknown",
            f"{record.unknowns} calls that make a live order were lost, and each was proven to have had no effect: find out "
            "why the order system does not answer",
        )
    return Save(
        changes={"step_state": PLANNED, "probe": 0, "absent_at": None, "awaiting": None, **without_reason()},
        step_changes={"state": "planned", "detail": "proven absent: it had no effect"},
    )
