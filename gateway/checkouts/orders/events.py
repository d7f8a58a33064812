"""What subscribers are told of orders (TMF622): written in the transaction of the change of the checkout, wherever that is made.

Which events a change is, is decided by the record before and after it. The order is told whole, in the canonical form: each
subscriber gets it in the version that it subscribed to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.orders import cancellations
from gateway.checkouts.orders.shown import KINDS, canonical_order, has_errors
from gateway.checkouts.orders.states import facts_of, order_state
from gateway.checkouts.stored_documents import documents
from gateway.clock import timestamp_text
from gateway.storage.outbox import (
    CANCELLATION_CREATED,
    CANCELLATION_INFORMATION_REQUIRED,
    CANCELLATION_STATE_CHANGED,
    ORDER_CHANGED,
    ORDER_CREATED,
    ORDER_DELETED,
    ORDER_ERROR,
    ORDER_INFORMATION_REQUIRED,
    ORDER_JEOPARDY,
    ORDER_MILESTONE,
    ORDER_STATE_CHANGED,
    Happened,
    publish,
)
from gateway.tmf.json import encode_json

RESOURCE: Final = "productOrder"
# Of each kind of note: its event, the attribute of the order that has it, and what says when.
_NOTES: Final = {
    "milestone": (ORDER_MILESTONE, "productOrderMilestone", "milestoneDate"),
    "jeopardyAlert": (ORDER_JEOPARDY, "productOrderJeopardyAlert", "alertDate"),
}
_PENDING: Final = "pending"
_MICROSECOND: Final = timedelta(microseconds=1)


class EventOfChange(NamedTuple):
    """One event: its canonical name, and the attribute that it is about."""

    event_type: str
    field_path: str | None = None


def events_of_new(record: CheckoutRecord) -> list[EventOfChange]:
    """Return the events of an order that was just placed."""
    waits = [EventOfChange(ORDER_INFORMATION_REQUIRED, "relatedParty")] if record.awaiting == "party" else []
    return [EventOfChange(ORDER_CREATED), *waits]


def events_of_change(before: CheckoutRecord, after: CheckoutRecord) -> list[EventOfChange]:
    """Return the events of a change, none when it is nothing to who follows the order."""
    was, state = order_state(facts_of(before)), order_state(facts_of(after))
    told: list[EventOfChange] = []
    if state != was:
        told.append(EventOfChange(ORDER_STATE_CHANGED, "state"))
        if has_errors(after):
            told.append(EventOfChange(ORDER_ERROR, "productOrderErrorMessage"))
    elif after.order_id != before.order_id and after.order_id is not None:
        told.append(EventOfChange(ORDER_CHANGED, "upstreamOrder.id"))
    if after.awaiting == "party" != before.awaiting:
        told.append(EventOfChange(ORDER_INFORMATION_REQUIRED, "relatedParty"))
    elif state == _PENDING != was:
        told.append(EventOfChange(ORDER_INFORMATION_REQUIRED, "productOrder"))
    return told


def created(connection: Connection, record: CheckoutRecord) -> None:
    """Tell of an order that was placed; its documents are stored already."""
    _publish(connection, record, events_of_new(record), record.created_at)


def changed(connection: Connection, before: CheckoutRecord, after: CheckoutRecord, now: datetime) -> None:
    """Tell of a checkout's new version what subscribers of orders are told of it, and settle what was asked to be cancelled."""
    _publish(connection, after, events_of_change(before, after), now)
    if cancellations.starts_to_wait(before, after):
        cancellation_information_required(connection, after, None, now)
    for settled in cancellations.settle(connection, before, after, now):
        _publish_cancellation(connection, after, settled, EventOfChange(CANCELLATION_STATE_CHANGED, "state"), now)


def attributes_changed(connection: Connection, record: CheckoutRecord, names: Iterable[str], now: datetime) -> None:
    """Tell that attributes of a draft were changed."""
    _publish(connection, record, [EventOfChange(ORDER_CHANGED, ",".join(sorted(names)))], now)


def information_required(connection: Connection, record: CheckoutRecord, field_path: str | None, now: datetime) -> None:
    """Tell that the order system asks for something; `field_path` names what, where it said so."""
    _publish(connection, record, [EventOfChange(ORDER_INFORMATION_REQUIRED, field_path or RESOURCE)], now)


class Noted(NamedTuple):
    """What the order system said of an order beside its states: which kind of note, when it came, and what, for people."""

    kind: str
    at: datetime
    message: str


def noted(connection: Connection, record: CheckoutRecord, notes: Iterable[Noted], now: datetime) -> None:
    """Tell of milestones and of dangers; of other kinds of notes nothing."""
    for place, note in enumerate(notes):
        if note.kind in _NOTES:
            event_type, attribute, moment = _NOTES[note.kind]
            entry = {
                "@type": attribute[0].upper() + attribute[1:],
                "message": note.message,
                moment: timestamp_text(note.at),
            }
            document = partial(_with_note, connection, record, attribute, entry)
            _write(connection, record, EventOfChange(event_type, attribute), document, now + place * _MICROSECOND)


def _with_note(connection: Connection, record: CheckoutRecord, attribute: str, entry: dict[str, str]) -> str:
    stored = documents(connection, record.tenant, record.id, KINDS)
    return encode_json({**canonical_order(record, stored, ""), attribute: [entry]}).decode()


def order_removed(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
    """Tell that an order was deleted."""
    _publish(connection, record, [EventOfChange(ORDER_DELETED)], now)


def cancellation_created(
    connection: Connection, record: CheckoutRecord, cancellation: cancellations.Cancellation, now: datetime
) -> None:
    """Tell that somebody asked for an order to be cancelled."""
    _publish_cancellation(connection, record, cancellation, EventOfChange(CANCELLATION_CREATED), now)


def cancellation_information_required(
    connection: Connection, record: CheckoutRecord, field_path: str | None, now: datetime
) -> None:
    """Tell that the order system asks for something before it cancels an order; `field_path` names what, where it said so."""
    told = EventOfChange(CANCELLATION_INFORMATION_REQUIRED, field_path or cancellations.RESOURCE)
    for asked in cancellations.open_of(connection, record.tenant, record.id):
        _publish_cancellation(connection, record, asked, told, now)


def _publish(connection: Connection, record: CheckoutRecord, told: list[EventOfChange], now: datetime) -> None:
    def document() -> str:
        stored = documents(connection, record.tenant, record.id, KINDS)
        return encode_json(canonical_order(record, stored, "")).decode()

    for place, each in enumerate(told):
        # Events of one version are told in their order.
        _write(connection, record, each, document, now + place * _MICROSECOND)


def _publish_cancellation(
    connection: Connection,
    record: CheckoutRecord,
    cancellation: cancellations.Cancellation,
    told: EventOfChange,
    now: datetime,
) -> None:
    def document() -> str:
        return encode_json(cancellations.canonical(cancellation, "")).decode()

    # After those of the order itself.
    _write(connection, record, told, document, now + 10 * _MICROSECOND)


def _write(
    connection: Connection,
    record: CheckoutRecord,
    event_of: EventOfChange,
    document: Callable[[], str],
    moment: datetime,
) -> None:
    event = Happened(
        tenant=record.tenant,
        resource=RESOURCE,
        resource_id=record.id,
        sequence=record.version,
        event_type=event_of.event_type,
        document=document,
        field_path=event_of.field_path,
        owner=record.owner,
    )
    publish(connection, event, moment)
