"""What about a live order cannot be right, and how long it is taken for an old copy. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM, Awaiting, ReasonCode
from gateway.checkouts.row_changes import CheckoutChanges, because
from gateway.checkouts.waits import schedule, spread
from gateway.ordering import Mapping, ObservedOrder, both_spellings, is_changed, spelling
from gateway.tracking.decision import Decision, TrackingPolicy
from gateway.tracking.evidence import Evidence, Showing


class Doubt(Struct, frozen=True, kw_only=True):
    """Something that cannot be right: what is waited for, the reason told meanwhile, and the one for which it is held in the end."""

    awaiting: Awaiting
    meanwhile: str
    code: ReasonCode
    held: str
    meanwhile_code: ReasonCode = "not_shown_yet"


def doubt_of(record: CheckoutRecord, evidence: Evidence, shown: Showing, mapping: Mapping) -> Doubt | None:
    """Return what cannot be right about the order; None when it is ours and lives, or has ended."""
    observed = evidence.observed
    if observed is None:
        return Doubt(
            awaiting="missing_order",
            meanwhile=f"the order system did not know order {record.order_id} when it was last asked; it is asked again",
            code="not_verifiable",
            held=f"order {record.order_id} was submitted and does not exist (any more): look for it in the order system",
        )
    if shown in {"another", "unmarked"}:
        return _not_ours(record, observed, mapping)
    if evidence.also_of:
        named = ", ".join(evidence.also_of[:5])
        return Doubt(
            awaiting="own_order",
            meanwhile=f"order {observed.id} carries the marker of {named}, too; it is looked at again",
            meanwhile_code="foreign_order",
            code="foreign_order",
            held=f"order {observed.id} is that of {named}, too: the order system made one order of several; see what it holds",
        )
    if shown in {"draft", "stateless"}:
        as_what = observed.state or "having no state"
        return Doubt(
            awaiting="live_state",
            meanwhile=f"the order system shows order {observed.id} as {as_what} although it was submitted; it is looked at again",
            code="not_verifiable",
            held=f"order {observed.id} was submitted, and the order system still shows it as {as_what}: see there whether it is live",
        )
    return None


def _not_ours(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping) -> Doubt:
    spellings = both_spellings(observed, record.marker, mapping)
    changed = not observed.marker.texts or is_changed(spelling(observed.marker, record.marker))
    code: ReasonCode = "marker_changed" if changed else "foreign_order"
    return Doubt(
        awaiting="own_order",
        meanwhile=f"order {observed.id} does not show the marker of this checkout ({spellings}); it is looked for",
        meanwhile_code=code,
        code=code,
        held=f"order {observed.id} does not carry the marker of this checkout (any more): {spellings}; see there whose order it is",
    )


def of_contents(observed: ObservedOrder, what: str) -> Doubt:
    """Return the doubt of an order that does not hold what was sent; `what` says how it differs."""
    return Doubt(
        awaiting="same_contents",
        meanwhile=f"order {observed.id} is not what was sent: {what}; it is looked at again",
        meanwhile_code="contents_differ",
        code="contents_differ",
        held=f"order {observed.id} is live and is not what was sent: {what}; compare it there with the cart",
    )


def of_anothers_contents(record: CheckoutRecord, observed: ObservedOrder, what: str) -> Doubt:
    """Return the doubt of an order that carries our marker, holds nothing of what was sent, and was not named by the answer to our call."""
    ours = f"; the answer to our call named order {record.answered_order}" if record.answered_order is not None else ""
    return Doubt(
        awaiting="same_contents",
        meanwhile=f"order {observed.id} carries our marker and holds nothing of what was sent; it is looked at again",
        code="foreign_order",
        held=f"order {observed.id} carries our marker and holds nothing of what was sent: {what}{ours}; see there whose order it is",
    )


def of_repeats(observed: ObservedOrder) -> Doubt:
    """Return the doubt of an order that was fulfilled, and may have been repeated: the search for our marker did not show all."""
    return Doubt(
        awaiting="confirmed_end",
        meanwhile=f"order {observed.id} ended as {observed.state}; whether something repeated it is looked for",
        code="not_verifiable",
        held="",
    )


def of_another_spelling(record: CheckoutRecord, observed: ObservedOrder, mapping: Mapping, what: str) -> Doubt:
    """Return the doubt of an order that neither shows our marker as it was sent nor holds what was sent."""
    spellings = both_spellings(observed, record.marker, mapping)
    return Doubt(
        awaiting="own_order",
        meanwhile=f"order {observed.id} does not show the marker of this checkout ({spellings}), and differs: {what}",
        code="marker_changed",
        held=f"order {observed.id} is live, does not show our marker as it was sent, and is not what was sent: {spellings}; {what}",
    )


def look_again(record: CheckoutRecord, doubt: Doubt, policy: TrackingPolicy, now: datetime) -> Decision | None:
    """Look again soon; None when the patience is over.

    What is told stays the same from look to look. Doubts that take turns are one: their time is counted from the first.
    """
    since = record.awaiting_since if record.awaiting is not None else None
    over_at = (since or now) + timedelta(seconds=policy.patience_seconds)
    if since is not None and now >= over_at:
        return None
    attempt = record.track_attempt + 1 if since is not None else 0
    wait = spread(f"{record.id} {attempt}", schedule(policy.doubt_seconds, attempt))
    changes: CheckoutChanges = {}
    if record.awaiting != doubt.awaiting or record.reason_code in OF_THE_UPSTREAM:
        changes = {"awaiting": doubt.awaiting, **because(doubt.meanwhile_code, doubt.meanwhile)}
    if since is None:
        changes["awaiting_since"] = now
    due_at = min(now + timedelta(seconds=wait), over_at)
    return Decision(changes=changes, poll={"track_attempt": attempt, "track_due_at": due_at}, ignored=doubt.meanwhile)
