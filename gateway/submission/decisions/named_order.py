"""The decisions about an order that an answer named, or a search found: whose it is, and whether it holds what was sent. Pure.

The id is a hint, the marker is evidence, the contents decide. Once an answer named an order, its call is never sent again.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from gateway.checkouts.model import MARKER_BEGINNING
from gateway.checkouts.row_changes import UNKNOWN, CheckoutChanges, because
from gateway.ordering import Finding, LiveDifference, ObservedOrder, both_spellings, compare_live, is_draft, live_match
from gateway.submission.decisions.actions import Action, FindMarker, Save, Work
from gateway.submission.decisions.comparing import compare
from gateway.submission.decisions.records import (
    completed_step,
    give_up_draft,
    held,
    held_without_state,
    observed_changes,
    submitted,
)
from gateway.submission.decisions.retries import look_again, settled, wait
from gateway.submission.decisions.whose import answered_whose, shown_marker, whose
from gateway.upstream.evidence import FindResult

# Looks that may show an order other than it was sent before that is believed; what is only missing is waited for by time.
DIFFERENCE_PROBES_MAX = 2


def after_naming(work: Work, order_id: str, observed: ObservedOrder | None, now: datetime, detail: str) -> Save:
    """Decide after a `create` was answered with the id of an order. `observed` is what the answer showed of it.

    An answer that shows our marker, and of a live order everything that was sent, needs no further look.
    """
    marker = shown_marker(observed)
    named: CheckoutChanges = {"answered_order": order_id, "answered_marker": marker}
    if observed is not None and whose(work, observed) == "ours":
        if work.mapping.draft.supported and is_draft(work.mapping, observed.state):
            return completed_step(work, now, detail, changes={**observed_changes(work, observed), **named})
        if not work.mapping.draft.supported:
            lines, difference = live_match(work.order, work.known, observed, work.mapping)
            if difference is None:
                save = submitted(work, observed, now, detail)
                return replace(save, changes={**save.changes, **named}, lines=lines)
    seen = observed_changes(work, observed) if observed is not None else {}
    changes: CheckoutChanges = {
        **seen,
        "order_id": order_id,
        **named,
        "step_state": UNKNOWN,
        "probe": 0,
        "awaiting": "accepted_order",
        **because("not_shown_yet", f"order {order_id} was accepted; it is read before it is relied on"),
    }
    return Save(changes=changes, step_changes={"state": "unknown", "detail": f"{detail}; the order is being read"})


def judge_named(work: Work, observed: ObservedOrder | None, now: datetime) -> Action:
    """Decide after the order that an answer named was read; None: the order system says that there is none."""
    if observed is None:
        if not settled(work, now):
            return look_again(work, now, f"order {work.record.order_id} is not there")
        return FindMarker(work.record.marker)
    evidence = whose(work, observed)
    if evidence == "unmarked":
        evidence = answered_whose(work)
    if evidence in {"ours", "respelled"}:
        return accept(work, observed, now, "found done when read back")
    return FindMarker(work.record.marker, observed)


def after_search_named(  # noqa: PLR0911 - one return for each case, in order of precedence
    work: Work, found: FindResult, named: ObservedOrder | None, now: datetime
) -> Action:
    """Decide after a search for our marker, because the order that an answer named does not show it, or is not there."""
    hits = sorted(found.orders, key=lambda order: order.id)
    if len(hits) > 1 and not work.mapping.draft.supported:
        return several_live(work, hits)
    if hits:
        return accept(work, hits[0], now, "found done by its marker, not by the id that the answer named")
    order_id = work.record.answered_order or work.record.order_id
    ours, mapping = work.record.marker, work.mapping
    if named is None or whose(work, named) == "unmarked":
        if not settled(work, now):
            return wait(work, now, f"order {order_id} shows no marker yet", reason=_not_shown(order_id))
        if named is not None and mapping.recovery.find == "none":
            return accept(work, named, now, "accepted; the order system shows no markers", unmarked=True)
        what = "shows no marker" if named is not None else "does not exist (any more)"
        whence = "the answer to our call named" if work.record.answered_order else "a search showed with our marker"
        return held(
            work,
            "not_verifiable",
            f"order {order_id}, which {whence}, {what}, and no order carries our marker: look for an order with "
            f"{mapping.recovery.marker_slot} {ours} in the order system",
        )
    if holds_what_was_sent(work, named) and not (shown_marker(named) or "").startswith(MARKER_BEGINNING):
        return held(
            work,
            "marker_changed",
            f"order {named.id} is what the answer to our call named, and does not carry our marker: "
            f"{both_spellings(named, ours, mapping)}; see whether the order system changes what it is given",
        )
    if not settled(work, now):
        return wait(work, now, f"order {named.id} is not ours, and ours is not found yet", reason=_not_shown(order_id))
    if mapping.draft.supported:
        why = f"order {named.id}, which the answer named, is not ours, and no draft carries our marker"
        return give_up_draft(work, now, why, mismatch=True)
    return held(
        work,
        "foreign_order",
        f"order {named.id} is what the answer to our call named, and is not ours: {both_spellings(named, ours, mapping)}; no order "
        "carries our marker",
        {"order_id": None, "order_href": None, "order_state": None, "upstream_state": None},
    )


def accept(work: Work, observed: ObservedOrder, now: datetime, detail: str, *, unmarked: bool = False) -> Save:
    """Decide about an order that is ours: go on with a draft, follow what is live once it was compared.

    `unmarked`: the order system shows nobody's marker, which a finding tells.
    """
    mapping = work.mapping
    if mapping.draft.supported and is_draft(mapping, observed.state):
        save = completed_step(work, now, detail, changes=observed_changes(work, observed))
        return replace(save, finding=_not_verified(observed) if unmarked else None)
    lines, difference = live_match(work.order, work.known, observed, mapping)
    if difference is not None and _may_change(work, difference, now):
        looked = look_again(work, now, f"order {observed.id}: {difference.describe()}")
        changes: CheckoutChanges = {**looked.changes, **observed_changes(work, observed), "awaiting": "accepted_order"}
        return replace(looked, changes={**changes, "step_state": UNKNOWN})
    if difference is not None and (doubted := _not_ours(work, observed, difference)) is not None:
        return doubted
    if mapping.draft.supported:
        return _live_at_once(work, observed, difference, now, lines)
    if difference is not None and work.policy.live_mismatch == "hold":
        return held(
            work,
            "contents_differ",
            f"order {observed.id} is live and is not what was sent: {difference.describe()}; change or cancel it in the order system",
            observed_changes(work, observed),
        )
    save = submitted(work, observed, now, detail)
    finding = _not_verified(observed) if unmarked else None
    if difference is not None:
        finding = contents_differ(observed, difference)
    return replace(save, lines=lines, finding=finding)


def _not_ours(work: Work, observed: ObservedOrder, difference: LiveDifference) -> Save | None:
    """Hold a checkout whose order is not what was sent, and whose marker does not tell whose it is; None where it tells."""
    seen = observed_changes(work, observed)
    if difference.is_another and observed.id != work.record.answered_order:
        return held(
            work,
            "foreign_order",
            f"order {observed.id} carries our marker and holds nothing of what was sent: {difference.describe()}; see in the order "
            "system whose order it is, and look for another one that shows no marker",
            seen,
        )
    if whose(work, observed) != "respelled":
        return None
    return held(
        work,
        "marker_changed",
        f"order {observed.id} is live, does not show our marker as it was sent, and is not what was sent: "
        f"{both_spellings(observed, work.record.marker, work.mapping)}; {difference.describe()}",
        seen,
    )


def several_live(work: Work, hits: list[ObservedOrder]) -> Save:
    """Hold a checkout of which there are several live orders; all are named."""
    ids = ", ".join(order.id for order in hits[:5])
    return held(
        work,
        "duplicate_orders",
        f"several live orders carry our marker ({ids}): something between the gateway and the order system repeats "
        "calls; cancel all but one there, and switch off the repetition",
    )


def contents_differ(observed: ObservedOrder, difference: LiveDifference) -> Finding:
    """Return the finding that a live order is not what was sent."""
    return Finding(
        severity="error",
        code="contents_differ",
        path="productOrder",
        message=f"Order {observed.id} is live in the order system and is not what was sent: {difference.describe()}.",
    )


def _live_at_once(
    work: Work, observed: ObservedOrder, difference: LiveDifference | None, now: datetime, lines: dict[str, str]
) -> Save:
    """Decide about an order that is not a draft although one was asked for: it is followed if it is whole and was to be submitted."""
    if observed.state and difference is None and work.record.submit:
        save = submitted(work, observed, now, "live at once, and whole")
        return replace(save, changes={**save.changes, "submit_intent_order": observed.id}, lines=lines)
    if not observed.state:
        return held_without_state(work, observed, observed_changes(work, observed))
    what = "is not whole" if difference is not None else "was not to be submitted yet"
    return held(
        work,
        "contents_differ",
        f"order {observed.id} is live ({observed.state}) although a draft was asked for, and {what}: cancel it in the order "
        "system, or complete it there",
        observed_changes(work, observed),
    )


def _may_change(work: Work, difference: LiveDifference, now: datetime) -> bool:
    """Tell whether an order that is other than it was sent is looked at again before that is believed."""
    if difference.missing and not (difference.extra or difference.changed) and not settled(work, now):
        return True
    return work.record.probe < DIFFERENCE_PROBES_MAX


def is_alike(work: Work, order: ObservedOrder) -> bool:
    """Tell whether a live order is so near to what was sent that it may be ours, whatever marker it shows."""
    difference = compare_live(work.order, work.known, order, work.mapping)
    return difference is None or difference.is_close


def holds_what_was_sent(work: Work, named: ObservedOrder) -> bool:
    """Tell whether the order holds exactly what the call held, so that it is most likely ours; one that is to be a draft may be live."""
    if work.mapping.draft.supported and compare(work, named, steps_done=1).exact:
        return True
    return compare_live(work.order, work.known, named, work.mapping) is None


def _not_shown(order_id: str | None) -> CheckoutChanges:
    return because(
        "not_shown_yet",
        f"order {order_id} was accepted, and does not show our marker; the order that does is looked for",
    )


def _not_verified(observed: ObservedOrder) -> Finding:
    return Finding(
        severity="warning",
        code="order_not_verified",
        path="cartItem",
        message=f"Order {observed.id} is known by the id in an answer only: the order system shows no marker to know it by.",
    )
