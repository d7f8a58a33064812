"""Cleaning up abandoned drafts: found by id or marker, checked to be inert and not the checkout's order, then marked or deleted.

A late call may still make or fill an abandoned draft, so each is looked at several times over a day, and one that cannot be made
void until it is, or is old. An abandoned draft is never submitted from here; where it is live all the same, or the order of a
checkout that was told as refused, the checkout says so (see gateway/checkouts/changing/found_live.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import structlog
from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts.changing.found_live import FoundLive, found_live, tell
from gateway.checkouts.stored import history
from gateway.checkouts.stored.abandoned import DueDraft, OrderGivenUp
from gateway.checkouts.stored.history import Happening
from gateway.checkouts.stored.pauses import pauses
from gateway.lanes import Piece, Places
from gateway.logs import on_behalf_of
from gateway.metrics import Metrics
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import (
    ObservedOrder,
    both_spellings,
    carries,
    is_alive,
    is_changed,
    is_draft,
    is_inert,
    render_tombstone,
    shows_neither,
    spelling,
    spelling_of,
)
from gateway.settings import Settings
from gateway.storage import Database
from gateway.submission import cleanup_store
from gateway.submission.given_up import find_given_up, shows
from gateway.upstream.outcome import Accepted, Rejected
from gateway.upstream.port import ReadFailed, Upstream
from gateway.upstream.rows import tombstone_texts

log = structlog.get_logger(__name__)
BATCH_MAX: Final = 20
# Drafts that are looked at at once, for each order system.
CONCURRENCY_MAX: Final = 4
# A mark that is spelled otherwise is a mark still.
_SPELLED: Final = frozenset({"exact", "case", "affixed", "respelled"})
# What takes longer goes on beside the next rounds.
ROUND_SECONDS_MAX: Final = 2.0
TAKEN_SECONDS: Final = 600.0
# A look that could not be completed (the order system is away) is repeated after this, up to this age of the draft.
FAILED_LOOK_SECONDS: Final = 600.0
FAILED_LOOKS_AGE_MAX: Final = timedelta(days=30)


class Cleanup:
    """Looks after abandoned drafts, a few at a time."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        upstreams: Mapping[str, Upstream],
        mappings: Mapping[str, OrderMapping],
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics or Metrics()
        self._database = database
        self._upstreams = upstreams
        self._mappings = mappings
        self.loop = Loop("cleanup", self._round, seconds=max(settings.submission.poll_seconds, 1.0))
        self._places = Places(CONCURRENCY_MAX, self.loop.wake)

    async def _round(self) -> bool:
        return bool(await self.once(ROUND_SECONDS_MAX))

    async def end(self) -> None:
        """Let go of what is under way still; it is due again later."""
        await self._places.end()

    async def once(self, seconds: float | None = None) -> int:
        """Look at the drafts that are due; return how many were looked at within so many seconds (None: as long as it takes).

        Tenants and order systems have their turns.
        """

        def due(connection: Connection) -> list[DueDraft]:
            return cleanup_store.due_abandoned(connection, self._database.now(connection), BATCH_MAX)

        due_drafts = await self._database.read(due)
        # A checkout's drafts one after the other: what one look finds may be told on the checkout that the next one reads.
        by_checkout: dict[tuple[str, str], list[DueDraft]] = {}
        for abandoned in due_drafts:
            by_checkout.setdefault((abandoned.tenant, abandoned.checkout_id), []).append(abandoned)
        return await self._places.run(
            [
                Piece(key, drafts[0].upstream, partial(self._look_at, drafts))
                for key, drafts in by_checkout.items()
                if not self._places.is_under_way(key)
            ],
            seconds,
        )

    async def _look_at(self, drafts: Sequence[DueDraft]) -> bool:
        for abandoned in drafts:
            if self.loop.stopping:
                return False
            with on_behalf_of(abandoned.correlation_id, abandoned.trace_parent):
                await self._cleaned(abandoned)
        return True

    async def _cleaned(self, abandoned: DueDraft) -> None:
        def take(connection: Connection) -> DueDraft | None:
            # Until the look is recorded, this is when somebody else may try: after a call that hangs, and then some.
            due_at = self._database.now(connection) + timedelta(seconds=TAKEN_SECONDS)
            return cleanup_store.take_abandoned(connection, abandoned, due_at)

        taken = await self._database.write(take)
        if taken is None:
            return
        look = await self._clean(taken)
        waits = self._settings.submission.cleanup_seconds

        def record(connection: Connection) -> None:
            now = self._database.now(connection)
            attempt = taken.attempt + 1 if look.done else taken.attempt
            due_at: datetime | None = None
            if not look.done and now - taken.since < FAILED_LOOKS_AGE_MAX:
                due_at = now + timedelta(seconds=FAILED_LOOK_SECONDS)
            elif look.done and attempt < len(waits):
                due_at = now + timedelta(seconds=waits[attempt])
            elif look.inert and now - taken.since < FAILED_LOOKS_AGE_MAX:
                # What cannot be made void is looked at until it is, or is live, or is old.
                due_at = now + timedelta(seconds=waits[-1])
            cleanup_store.record_cleanup(
                connection,
                taken,
                attempt=attempt,
                due_at=due_at,
                outcome=look.outcome,
                state=look.state,
                found=look.found,
            )
            history.record_read(connection, taken.tenant, taken.checkout_id, _looked(look, now))

        await self._database.write(record)
        log.info(
            "draft.cleanup",
            checkout=abandoned.checkout_id,
            tenant=abandoned.tenant,
            order=abandoned.order_id,
            outcome=look.outcome,
        )

    async def _clean(self, abandoned: DueDraft) -> _Look:
        upstream = self._upstreams.get(abandoned.upstream)
        settings = self._settings.upstreams.get(abandoned.upstream)
        if upstream is None or settings is None:
            return _Look(done=False, outcome="the upstream is not configured any more")
        if abandoned.upstream in await self._database.read(pauses):
            return _Look(done=False, outcome="not looked at: the order system is paused")
        mapping = self._mappings[settings.mapping]
        try:
            now = await self._database.read(self._database.now)
            drafts, complete = await find_given_up(
                upstream,
                mapping,
                abandoned.marker,
                abandoned.order_id or None,
                abandoned.since,
                now,
                in_its_place=abandoned.why == "own_ended",
            )
        except ReadFailed as error:
            return _Look(done=False, outcome=f"not looked at: {error}")
        looks = [await self._clean_one(upstream, mapping, abandoned, draft) for draft in drafts]
        if not looks:
            return _Look(
                done=complete,
                state="absent" if complete else "abandoned",
                outcome="nothing found" if complete else "not looked at: incomplete search",
            )
        return _Look(
            done=complete and all(look.done for look in looks),
            outcome="; ".join(look.outcome for look in looks),
            inert=any(look.inert for look in looks),
            state=next(state for state in _TELLING if any(look.state == state for look in looks)),
            found=next((look.found for look in looks if look.found is not None), None),
        )

    async def _clean_one(
        self, upstream: Upstream, mapping: OrderMapping, abandoned: DueDraft, draft: ObservedOrder
    ) -> _Look:
        if (why := _keep_off(abandoned, draft, mapping)) is not None:
            state: OrderGivenUp = "voided" if _is_marked(draft, abandoned, mapping) else "abandoned"
            return _Look(done=True, outcome=f"{draft.id} {why}", state=state)
        is_own = abandoned.why == "own_ended" and draft.id == abandoned.order_id
        # Where there are no drafts, an order that shows as one was made all the same; one without a state was submitted, or was not.
        is_made = is_inert(mapping, draft) and not mapping.draft.supported
        if is_alive(mapping, draft) or is_made or (shows_neither(mapping, draft) and not is_own):
            return await self._live(mapping, abandoned, draft)
        if is_own or not is_draft(mapping, draft.state):
            what = "is the checkout's order, which ended" if is_own else "is not a draft any more"
            return _Look(done=True, outcome=f"{draft.id} {what} ({draft.state})")
        if mapping.recovery.abandon == "leave":
            return _Look(done=True, outcome=f"{draft.id} left as it is", inert=True, state="left", found=draft.id)
        if mapping.recovery.abandon == "delete":
            outcome, verb = await upstream.delete(draft.id), "deleted"
        else:
            outcome, verb = (
                await upstream.send(render_tombstone(mapping, draft.id, abandoned.marker)),
                "marked abandoned",
            )
        if isinstance(outcome, Accepted):
            return await self._after_touching(upstream, mapping, abandoned, draft, verb)
        # A refusal will not change by itself; the later looks will try once more all the same.
        refused = isinstance(outcome, Rejected)
        why = f"{draft.id} not {verb}: {outcome.detail}"
        return _Look(done=refused, outcome=why, inert=refused, state="left", found=draft.id)

    async def _after_touching(
        self, upstream: Upstream, mapping: OrderMapping, abandoned: DueDraft, draft: ObservedOrder, verb: str
    ) -> _Look:
        """Read once more what was marked: an order system may begin to deliver what is touched."""
        done = _Look(done=True, outcome=f"{draft.id} {verb}", state="voided", found=draft.id)
        if mapping.recovery.abandon == "delete":
            return done
        try:
            seen = await upstream.get_order(draft.id)
        except ReadFailed as failure:
            return done._replace(done=False, outcome=f"{draft.id} {verb}, and not read since: {failure}")
        return await self._live(mapping, abandoned, seen) if seen and is_alive(mapping, seen) else done

    async def _live(self, mapping: OrderMapping, abandoned: DueDraft, order: ObservedOrder) -> _Look:
        """Say on the checkout that an order which it does not go on with is live, or may be: it shows no state."""
        if not shows(order, abandoned.marker, mapping):
            log.error(
                "draft.live", checkout=abandoned.checkout_id, tenant=abandoned.tenant, order=order.id, state=order.state
            )
            return _Look(done=True, outcome=f"{order.id} is not a draft any more ({order.state}), and shows no marker")

        def function(connection: Connection) -> FoundLive | None:
            now = self._database.now(connection)
            return found_live(connection, abandoned.tenant, abandoned.checkout_id, order, mapping, now)

        tell(await self._database.write(function), order, self._metrics)
        what = f"is live ({order.state})" if order.state else "shows no state"
        return _Look(done=True, outcome=f"{order.id} {what}: the checkout says so", state="live")


# Of several orders with one marker the first of these is told.
_TELLING: Final[tuple[OrderGivenUp, ...]] = ("live", "left", "abandoned", "voided", "absent")


class _Look(NamedTuple):
    """What one look found; not `done` when it has to be repeated soon. `inert`: there is a draft still that somebody may submit.

    `found` is the id of the draft.
    """

    done: bool
    outcome: str
    inert: bool = False
    state: OrderGivenUp = "abandoned"
    found: str | None = None


def _looked(look: _Look, now: datetime) -> Happening:
    """Return the entry of the history for a look at an order that was given up."""
    return Happening(
        id=history.new_entry_id(now),
        at=now,
        kind="poll",
        by=history.GATEWAY,
        action="cleanUp",
        outcome=look.state,
        detail=look.outcome,
    )


def _keep_off(abandoned: DueDraft, draft: ObservedOrder, mapping: OrderMapping) -> str | None:
    """Return why a draft must not be touched, or None."""
    if draft.id == abandoned.submit_intent_order and abandoned.checkout_state != "rejected":
        # Only a checkout whose submission was refused for certain, with no call in doubt, is rejected with a draft left.
        return "may have been submitted"
    if draft.id == abandoned.current_order_id and draft.id != abandoned.order_id:
        return "is the checkout's order"
    if not draft.marker.is_shown or carries(draft, abandoned.marker, mapping):
        return None
    if is_alive(mapping, draft) and shows(draft, abandoned.marker, mapping):
        return None  # nobody was to submit what an earlier look marked; somebody may have all the same
    if _is_marked(draft, abandoned, mapping):
        return "is marked already"
    how = spelling(draft.marker, abandoned.marker)
    # Spelled otherwise it may be somebody's copy, unless it is known by its id, or differs in case alone.
    ours = is_changed(how) if draft.id == abandoned.order_id else how == "case"
    return None if ours else f"is not ours ({both_spellings(draft, abandoned.marker, mapping)})"


def _is_marked(draft: ObservedOrder, abandoned: DueDraft, mapping: OrderMapping) -> bool:
    """Tell whether a draft shows our marker as an earlier look changed it (void-...), in whatever spelling."""
    return any(
        spelling_of(text, mark) in _SPELLED or mark.casefold().startswith(text.casefold())
        for mark in tombstone_texts(abandoned.marker, mapping)
        for text in draft.marker.texts
    )
