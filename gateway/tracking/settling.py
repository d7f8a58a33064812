"""What becomes of notifications once they were looked at: decided without reading an order where that is enough, recorded together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.checkouts.events import cancellation_information_required, information_required
from gateway.checkouts.model import CheckoutRecord, LineState
from gateway.checkouts.orders.events import Noted, noted
from gateway.checkouts.states import CART_RELEASED, FINAL
from gateway.checkouts.stored import history
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.history import Happening
from gateway.ordering import Mapping as OrderMapping
from gateway.storage import Database
from gateway.tmf.json import decode_stored
from gateway.tracking import store
from gateway.tracking.due_events import OrderKey, settle_events
from gateway.tracking.events import DueEvent
from gateway.tracking.inbox import DEAD, DONE, RECEIVED, WAITING, State
from gateway.tracking.known import says_nothing_new
from gateway.tracking.notices import event_kind, is_of_cancellation

INFORMATION_REQUIRED: Final = "informationRequired"
log = structlog.get_logger(__name__)
# A checkout in one of these has an order whose notifications can be matched with it.
KNOWN_STATES: Final = frozenset({"submitted", "held", *FINAL})
# An event of an order that is not known yet is looked at again after this, then after twice its age.
EARLY_EVENT_SECONDS: Final = 5.0
EARLY_EVENT_SECONDS_MAX: Final = 900.0

# Of bodies of notifications that are written again in one transaction.
WRITTEN_BYTES_MAX: Final = 262_144


class Seen(NamedTuple):
    """The checkout of an order with its lines by item, the order's notifications that are not dealt with, and the time.

    Of an order that is not known only those that are due.
    """

    order: OrderKey
    record: CheckoutRecord | None
    lines: Mapping[str, LineState]
    events: Sequence[DueEvent]
    now: datetime


class Settlement(Struct, frozen=True, kw_only=True):
    """What becomes of notifications of one order: their state, when they are due again (None: never), and why.

    `failed`: looking at them went wrong. `unknown`: they wait for this order to become known. `told`: why they are dead, for the log.
    `checkout_id`: they are kept in the history of this checkout, which they are about.
    """

    events: Sequence[DueEvent]
    state: State
    detail: str
    wait_seconds: float | None = None
    failed: bool = False
    unknown: OrderKey | None = None
    told: str | None = None
    checkout_id: str | None = None


def written_together(settlements: Sequence[Settlement], bytes_max: int) -> list[list[Settlement]]:
    """Return the settlements in groups whose notifications have `bytes_max` of bodies together, or are one; cut where needed. Pure.

    A row is written again with its body, and nobody else writes meanwhile: how long that takes is not to be the sender's choice.
    """
    groups: list[list[Settlement]] = [[]] if settlements else []
    size = 0
    for settlement in settlements:
        part: list[DueEvent] = []
        for event in settlement.events:
            if size and size + event.raw_bytes > bytes_max:
                groups[-1] += [replace(settlement, events=part)] if part else []
                groups.append([])
                part, size = [], 0
            part.append(event)
            size += event.raw_bytes
        groups[-1] += [replace(settlement, events=part)] if part else []
    return [group for group in groups if group]


def put_off(seen: Seen, why: str, wait_seconds: float) -> list[Settlement]:
    """Return what becomes of notifications whose order is read a little later: of those that are due; the others are put off already."""
    return [Settlement(events=_due(seen), state=RECEIVED, detail=why, wait_seconds=wait_seconds)]


def done(record: CheckoutRecord, events: Sequence[DueEvent], detail: str) -> list[Settlement]:
    """Return what becomes of notifications of a checkout's order that were dealt with."""
    return [Settlement(events=events, state=DONE, detail=detail, checkout_id=record.id)]


def event_entry(event: DueEvent, detail: str) -> Happening:
    """Return the entry of the history for a notification that was dealt with: what it said, and what came of it."""
    notes = [f"{note['kind']}: {note['text']}" for note in decode_stored(event.notes or "[]")]
    return Happening(
        id=history.new_entry_id(event.received_at),
        at=event.received_at,
        kind="event",
        by=event.upstream,
        action=event.event_type or "unknown",
        outcome=event.order_state or "received",
        detail="; ".join([*notes, detail]),
    )


def kept(
    events: Sequence[DueEvent],
    why: str,
    wait_seconds: float,
    now: datetime,
    kept_hours: float,
    *,
    unknown: OrderKey | None = None,
) -> list[Settlement]:
    """Return what becomes of notifications that are kept up to their age limit: the old ones are dead."""
    old = [event for event in events if now - event.received_at > timedelta(hours=kept_hours)]
    young = [event for event in events if event not in old]
    state: State = RECEIVED if unknown is None else WAITING
    settlements = []
    if old:
        told = f"could not be matched with its order for {kept_hours:g} hours"
        detail = f"{why}, and that for {kept_hours:g} hours"
        settlements.append(Settlement(events=old, state=DEAD, detail=detail, told=told))
    if young:
        settlements.append(
            Settlement(events=young, state=state, detail=why, wait_seconds=wait_seconds, unknown=unknown)
        )
    return settlements


def without_reading(seen: Seen, mapping: OrderMapping | None, kept_hours: float) -> list[Settlement] | None:
    """Return what becomes of notifications for which the order need not be read; None when it is to be read. Pure."""
    record, events = seen.record, seen.events
    if not events:
        return []
    if record is None or record.state not in KNOWN_STATES:
        why = "the order is not known" if record is None else f"the checkout is {record.state}"
        if not (events := _due(seen)):
            return []
        age_seconds = (seen.now - min(event.received_at for event in events)).total_seconds()
        wait = min(max(EARLY_EVENT_SECONDS, age_seconds), EARLY_EVENT_SECONDS_MAX)
        return kept(events, why, wait, seen.now, kept_hours, unknown=seen.order)
    if record.state == "held" or record.state in FINAL - CART_RELEASED:
        return done(record, events, f"the checkout is {record.state}")
    if mapping is not None and all(says_nothing_new(record, seen.lines, event, mapping) for event in events):
        return done(record, events, "says what is known; the order was not read for it")
    return None


def _due(seen: Seen) -> list[DueEvent]:
    return [event for event in seen.events if event.due_at is None or event.due_at <= seen.now]


class Settler:
    """Records what becomes of notifications. `on_named` runs when one named, by its marker, the order that a checkout waits for."""

    def __init__(self, database: Database, mappings: Mapping[str, OrderMapping], on_named: Callable[[], None]) -> None:
        self._database = database
        self._mappings = mappings
        self._on_named = on_named

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Record it in one transaction, in several where bodies are large; what has come again meanwhile stays due.

        Dead ones are told in the log.
        """
        for group in written_together(settlements, WRITTEN_BYTES_MAX):
            await self._settle(group)

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        named = False

        def function(connection: Connection) -> list[tuple[str, list[DueEvent]]]:
            nonlocal named
            named = False
            now = self._database.now(connection)
            unknown = [each.unknown for each in settlements if each.unknown is not None]
            known_by_now = store.known_orders(connection, unknown)
            alike: dict[tuple[State, str, bool, datetime | None, str | None, str | None], list[DueEvent]] = {}
            for each in settlements:
                due_at = None if each.wait_seconds is None else now + timedelta(seconds=each.wait_seconds)
                if each.unknown in known_by_now:
                    due_at = _due_of_known(connection, each.unknown, now, due_at)
                elif each.unknown is not None:
                    named = self._wake_marked(connection, each.unknown, each.events, now) or named
                kind = (each.state, each.detail, each.failed, due_at, each.told, each.checkout_id)
                alike.setdefault(kind, []).extend(each.events)
            dead = []
            for (state, detail, failed, due_at, told, checkout_id), events in alike.items():
                settled = settle_events(connection, events, state=state, due_at=due_at, detail=detail, failed=failed)
                if checkout_id is not None and settled:
                    entries = [event_entry(event, detail) for event in settled]
                    history.record(connection, settled[0].tenant, checkout_id, entries)
                    _tell_notes(connection, checkout_id, settled, now)
                if told is not None:
                    dead.append((told, settled))
            return dead

        dead = await self._database.write(function)
        if named:
            self._on_named()
        for told, events in dead:
            _tell_dead(events, told)

    def _wake_marked(self, connection: Connection, order: OrderKey, events: Sequence[DueEvent], now: datetime) -> bool:
        """Make the checkouts due that wait for an order with a marker that one of the events carries; tell whether there are any.

        One that is held because its order was never named goes on as well.
        """
        tenant, upstream, _ = order
        drafts = {name: mapping.draft.supported for name, mapping in self._mappings.items()}
        woken = 0
        for marker in sorted({event.marker for event in events if event.marker is not None}):
            woken += store.wake_marked(connection, tenant, upstream, marker, now)
            woken += store.take_up_held(connection, tenant, upstream, marker, drafts, now)
        return woken > 0


def _tell_notes(connection: Connection, checkout_id: str, events: Sequence[DueEvent], now: datetime) -> None:
    """Tell subscribers what notifications said beside states: milestones, dangers, what is asked for."""
    telling = [event for event in events if event.notes is not None or _asks(event)]
    record = checkouts.get(connection, events[0].tenant, checkout_id) if telling else None
    if record is None:
        return
    said = [(event, decode_stored(event.notes or "[]")) for event in telling]
    notes_of = [Noted(note["kind"], event.received_at, note["text"]) for event, notes in said for note in notes]
    noted(connection, record, notes_of, now)
    for event, notes in said:
        asked = [note.get("path") for note in notes if note["kind"] == INFORMATION_REQUIRED]
        if record.state in FINAL or not (asked or _asks(event)):
            continue
        of_cancellation = is_of_cancellation(event.event_type or "")
        tell = cancellation_information_required if of_cancellation else information_required
        tell(connection, record, ",".join(filter(None, asked)) or None, now)


def _asks(event: DueEvent) -> bool:
    return event_kind(event.event_type or "") == INFORMATION_REQUIRED


def _due_of_known(connection: Connection, order: OrderKey, now: datetime, due_at: datetime | None) -> datetime | None:
    """Return when notifications are due whose order became known since it was looked for, and nobody was told: at once."""
    record = checkouts.get_by_order(connection, *order)
    return now if record is not None and record.state in KNOWN_STATES else due_at


def _tell_dead(events: Sequence[DueEvent], reason: str) -> None:
    """Tell in the log of notifications that nobody looks at again, by their ids."""
    for event in events:
        log.warning(
            "notification.dead",
            tenant=event.tenant,
            upstream=event.upstream,
            event_key=event.dedup_key,
            order=event.order_id,
            reason=reason,
        )
