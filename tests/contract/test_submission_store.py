from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from checkout_work import NOW, SPLIT, load_checkout, store_checkout, work_of
from msgspec.structs import replace
from sqlalchemy import event, select

from gateway.checkouts.stored import step_store
from gateway.checkouts.stored import store as checkouts
from gateway.checkouts.stored.abandoned import AbandonedDraft, abandon
from gateway.errors import StaleLeaseError
from gateway.lanes import Lane
from gateway.settings import SubmissionSettings
from gateway.storage.leases import Lease
from gateway.storage.tables import EPOCH, abandoned_draft, checkout_document, checkout_step
from gateway.submission import claims, cleanup_store, store
from gateway.submission.decisions.actions import Save

ALONE = {"cart_id": None, "cart_live": False}


def soon(seconds):
    return NOW + timedelta(seconds=seconds)


async def claim(database, now=NOW, *, tenant="default", upstream="shop", owner="me", limit=10):
    lane, lease = Lane(tenant, upstream), Lease(owner, now, 60)
    return await database.write(lambda connection: claims.claim(connection, lane, lease, limit))


async def save(database, record, decision, now=NOW, *, plan=None, known=None):
    return await database.write(
        lambda connection: store.save(
            connection,
            record,
            decision,
            now,
            plan=plan or work_of().plan,
            known=known or {},
            settings=SubmissionSettings(lease_seconds=60, cleanup_seconds=(30,)),
        )
    )


async def steps(database, checkout_id="k1"):
    rows = await database.read(lambda connection: step_store.steps(connection, "default", checkout_id))
    return {(row.generation, row.sequence): row for row in rows}


async def drafts(database):
    return await database.read(lambda connection: list(connection.execute(select(abandoned_draft))))


# -- claims -----------------------------------------------------------------------------------------------------------------


async def test_a_claim_takes_a_lease_and_a_fence(database):
    await store_checkout(database)
    (record,) = await claim(database)
    assert (record.fence, record.lease_owner, record.lease_until) == (1, "me", soon(60))
    assert record.claims_without_progress == 1
    assert await claim(database) == []
    assert await claim(database, soon(59)) == []
    (again,) = await claim(database, soon(60), owner="you")
    assert (again.fence, again.lease_owner, again.claims_without_progress) == (2, "you", 2)
    assert again.version == record.version


async def test_only_what_is_due_is_claimed_the_longest_due_first(database):
    for number, due_at in enumerate((soon(-1), soon(1), None, soon(-5), NOW)):
        await store_checkout(database, id=f"k{number}", due_at=due_at, **ALONE)
    assert {record.id for record in await claim(database, limit=2)} == {"k3", "k0"}
    assert {record.id for record in await claim(database)} == {"k4"}


async def test_a_claim_is_of_one_tenant(database):
    await store_checkout(database, **ALONE)
    await store_checkout(database, tenant="other", **ALONE)
    assert [record.tenant for record in await claim(database, tenant="other")] == ["other"]
    assert [record.tenant for record in await claim(database)] == ["default"]


async def test_a_claim_is_for_one_order_system(database):
    await store_checkout(database, id="k1", **ALONE)
    await store_checkout(database, id="k2", upstream="crm", **ALONE)
    assert [record.id for record in await claim(database, upstream="crm")] == ["k2"]
    assert [record.id for record in await claim(database)] == ["k1"]


async def test_lanes_with_work_are_those_with_something_to_claim_the_longest_due_first(database):
    await store_checkout(database, tenant="due", **ALONE)
    await store_checkout(database, id="k2", tenant="due", upstream="crm", due_at=soon(-5), **ALONE)
    await store_checkout(database, id="k3", tenant="due", upstream="crm", due_at=soon(-1), **ALONE)
    await store_checkout(database, id="k4", tenant="due", upstream="zulu", due_at=soon(1), **ALONE)
    await store_checkout(database, tenant="later", due_at=soon(1), **ALONE)
    await store_checkout(database, tenant="resting", due_at=None, **ALONE)
    await store_checkout(database, tenant="leased", lease_until=soon(60), **ALONE)

    def lanes(now):
        return database.read(lambda connection: claims.lanes_with_due_work(connection, now))

    assert await lanes(NOW) == [("due", "crm"), ("due", "shop")]
    later = await lanes(soon(60))
    assert later[0] == ("due", "crm")
    assert sorted(later) == [("due", "crm"), ("due", "shop"), ("due", "zulu"), ("later", "shop"), ("leased", "shop")]


async def test_r1_many_workers_never_claim_the_same_checkout(database):
    for number in range(30):
        await store_checkout(database, id=f"k{number}", **ALONE)
    claims = await asyncio.gather(*(claim(database, owner=f"worker {n}", limit=4) for n in range(12)))
    taken = [record.id for found in claims for record in found]
    assert len(taken) == len(set(taken))
    while more := await claim(database, limit=4):
        taken += [record.id for record in more]
    assert sorted(taken) == sorted(f"k{number}" for number in range(30))


# -- records under the fence ------------------------------------------------------------------------------------------------


async def test_a_decision_is_recorded_and_the_lease_goes_on(database):
    await store_checkout(database)
    (record,) = await claim(database)
    decision = Save(
        changes={"step_state": "SENDING", "attempt": 1, "sent_at": soon(1)},
        step_changes={"state": "sending", "attempts": 1},
        lines={"1": "802A"},
    )
    fresh = await save(database, record, decision, soon(1))
    assert (fresh.step_state, fresh.attempt, fresh.sent_at) == ("SENDING", 1, soon(1))
    assert fresh == await load_checkout(database)
    assert (fresh.lease_until, fresh.claims_without_progress) == (soon(61), 0)
    assert fresh.version == record.version + 1
    assert (await steps(database))[0, 1].state == "sending"
    _, _, known = await database.read(lambda connection: store.frozen_parts(connection, fresh))
    assert known == {"1": "802A"}


async def test_an_intent_is_dated_by_the_transaction_that_commits_it(database):
    """The process that decided may have been stopped since: it believes that it is earlier than it is."""
    await store_checkout(database)
    (record,) = await claim(database)
    intent = Save(changes={"step_state": "SENDING", "sent_at": NOW, "first_sent_at": NOW})
    fresh = await save(database, record, intent, soon(50))
    assert (fresh.sent_at, fresh.first_sent_at, fresh.lease_until) == (soon(50), NOW, soon(110))
    await speak(database, due_at=soon(51))
    again = await save(database, fresh, intent, soon(52))
    assert again.sent_at == soon(52)


@pytest.mark.parametrize("step_state", ["SENDING", "PLANNED"])
async def test_a_checkout_that_nobody_changed_is_not_read_before_it_is_written(database, step_state):
    """Every call to an order system waits for its intent: one statement for the checkout, one for its step."""
    await store_checkout(database)
    (record,) = await claim(database)
    statements = []

    def noting(_connection, _cursor, statement, *_):
        statements.append(statement.split()[0])

    def function(connection):
        event.listen(connection, "before_cursor_execute", noting)
        try:
            return store.save(
                connection,
                record,
                Save(changes={"step_state": step_state}, step_changes={"detail": "x"}),
                soon(1),
                plan=work_of().plan,
                known={},
                settings=SubmissionSettings(lease_seconds=60, cleanup_seconds=(30,)),
            )
        finally:
            event.remove(connection, "before_cursor_execute", noting)

    fresh = await database.write(function)
    assert statements == ["UPDATE", "UPDATE"]
    assert fresh == await load_checkout(database)


async def test_a_rest_gives_the_lease_back(database):
    await store_checkout(database)
    (record,) = await claim(database)
    fresh = await save(database, record, Save(changes={"due_at": soon(5)}, rest=True), soon(1))
    assert (fresh.lease_until, fresh.due_at) == (soon(1), soon(5))
    assert await claim(database, soon(4)) == []
    assert len(await claim(database, soon(5))) == 1


@pytest.mark.parametrize(
    "decision",
    [
        Save(changes={"step_state": "SENDING"}, step_changes={"state": "sending"}, lines={"1": "802A"}),
        Save(changes={"state": "rejected"}, abandoned=(AbandonedDraft(marker="m", order_id=None),), rest=True),
        Save(changes={"generation": 1}, lines=None, redraft=True),
    ],
)
async def test_a_stale_fence_writes_nothing_at_all(database, decision):
    await store_checkout(database)
    (record,) = await claim(database)
    (stolen,) = await claim(database, soon(60), owner="you")
    before = await load_checkout(database)
    with pytest.raises(StaleLeaseError):
        await save(database, record, decision, soon(61))
    assert await load_checkout(database) == before == stolen
    assert {row.state for row in (await steps(database)).values()} == {"planned"}
    assert await drafts(database) == []
    documents = await database.read(
        lambda connection: list(connection.execute(select(checkout_document.c.kind)).scalars())
    )
    assert "lines" not in documents


async def test_a_checkout_that_is_gone_is_another_workers_too(database):
    record = await store_checkout(database)
    with pytest.raises(StaleLeaseError):
        await save(database, replace(record, id="gone"), Save(changes={}))


async def speak(database, **wishes):
    def function(connection):
        record = checkouts.get_for_update(connection, "default", "k1")
        checkouts.change(connection, record, wishes, NOW)

    await database.write(function)


@pytest.mark.parametrize("wish", ["submit", "cancel_requested"])
async def test_the_intent_of_a_call_is_not_committed_over_a_new_wish(database, wish):
    await store_checkout(database, submit=False)
    (record,) = await claim(database)
    await speak(database, **{wish: True, "due_at": NOW})
    with pytest.raises(store.SupersededError):
        await save(database, record, Save(changes={"step_state": "SENDING"}))
    assert (await load_checkout(database)).step_state == "PLANNED"
    fresh = await save(database, record, Save(changes={}))
    assert getattr(fresh, wish) is True
    assert (await save(database, fresh, Save(changes={"step_state": "SENDING"}))).step_state == "SENDING"


async def test_an_outcome_is_recorded_whatever_the_client_wishes_meanwhile(database):
    await store_checkout(database)
    (record,) = await claim(database)
    await speak(database, cancel_requested=True, due_at=NOW)
    fresh = await save(database, record, Save(changes={"step": 1, "order_id": "00000001"}))
    assert (fresh.step, fresh.order_id, fresh.cancel_requested) == (1, "00000001", True)


@pytest.mark.parametrize(
    ("wish", "decided", "due"),
    [
        ("cancel_requested", soon(900), NOW),
        ("cancel_requested", None, NOW),
        ("submit", soon(900), soon(900)),
        ("submit", None, NOW),
    ],
)
async def test_a_rest_does_not_forget_a_new_wish(database, wish, decided, due):
    await store_checkout(database, submit=False)
    (record,) = await claim(database)
    await speak(database, **{wish: True, "due_at": NOW})
    fresh = await save(database, record, Save(changes={"due_at": decided, "state": "draft"}, rest=True))
    assert fresh.due_at == due


async def test_an_order_that_ended_meanwhile_is_not_spoken_for_any_more(database):
    await store_checkout(database, state="submitted", step="submit", cancel_requested=True)
    (record,) = await claim(database)
    await speak(database, state="completed")
    decision = Save(changes={"status_reason": "asked to cancel", "track_due_at": NOW, "due_at": NOW}, rest=True)
    fresh = await save(database, record, decision)
    assert (fresh.state, fresh.status_reason, fresh.due_at, fresh.track_due_at) == ("completed", None, None, None)


# -- what may never happen --------------------------------------------------------------------------------------------------


async def test_the_order_to_be_submitted_is_write_once(database):
    await store_checkout(database, step="submit", submit_intent_order="00000001")
    (record,) = await claim(database)
    for other in ("00000002", None):
        with pytest.raises(AssertionError, match="write-once"):
            await save(database, record, Save(changes={"submit_intent_order": other}))
    assert (await load_checkout(database)).submit_intent_order == "00000001"


async def test_a_final_state_is_never_left(database):
    await store_checkout(database, state="rejected")
    for state in ("drafting", "submitted", "completed", "cancelled"):
        with pytest.raises(AssertionError, match="cannot become"):
            await speak(database, state=state)
    # The one exception: an order of it was found live.
    await speak(database, state="held")


async def test_an_order_or_plan_that_changed_after_acceptance_is_not_worked_on(database):
    record = await store_checkout(database)
    await database.write(
        lambda connection: checkouts.put_documents(connection, "default", "k1", {"order": b'{"header":{},"lines":[]}'})
    )
    with pytest.raises(AssertionError, match="changed after acceptance"):
        await database.read(lambda connection: store.frozen_parts(connection, record))


# -- new drafts, abandoned drafts -------------------------------------------------------------------------------------------


async def test_a_new_draft_has_steps_and_lines_of_its_own(database):
    await store_checkout(database)
    (record,) = await claim(database)
    record = await save(database, record, Save(changes={"first_sent_at": NOW}, lines={"1": "802A"}))
    abandoned = (AbandonedDraft(marker=record.marker, order_id="00000001"),)
    decision = Save(
        changes={"generation": 1, "step": 0},
        step_changes={"state": "abandoned"},
        lines=None,
        abandoned=abandoned,
        redraft=True,
    )
    fresh = await save(database, record, decision, known={"1": "802A"})
    found = await steps(database)
    assert sorted(found) == [(generation, sequence) for generation in (0, 1) for sequence in range(1, 6)]
    assert [found[generation, 1].state for generation in (0, 1)] == ["abandoned", "planned"]
    assert (await database.read(lambda connection: store.frozen_parts(connection, fresh)))[2] == {}
    (draft,) = await drafts(database)
    assert (draft.marker, draft.order_id, draft.since, draft.due_at) == (record.marker, "00000001", NOW, soon(30))


async def test_a_draft_is_abandoned_once(database):
    record = await store_checkout(database)
    draft = AbandonedDraft(marker="m", order_id=None)
    for _ in range(2):
        await database.write(lambda connection: abandon(connection, record, [draft], NOW, 30))
    assert len(await drafts(database)) == 1


async def test_drafts_of_every_tenant_and_order_system_have_their_share_of_a_clean_up(database):
    for tenant, upstream, count in (("loud", "shop", 6), ("loud", "elsewhere", 1), ("quiet", "shop", 1)):
        record = await store_checkout(
            database, tenant=tenant, upstream=upstream, id=f"k-{tenant}-{upstream}", cart_id=None, cart_live=False
        )
        drafts_of_it = [AbandonedDraft(marker=f"m{number}", order_id=None) for number in range(count)]
        await database.write(
            lambda connection, record=record, drafts=drafts_of_it: abandon(connection, record, drafts, NOW, 30)
        )
    found = await database.read(lambda connection: cleanup_store.due_abandoned(connection, soon(30), 4))
    assert {(each.tenant, each.upstream) for each in found[:3]} == {
        ("loud", "shop"),
        ("loud", "elsewhere"),
        ("quiet", "shop"),
    }
    assert len(found) == 4


async def test_of_two_cleaners_one_takes_an_abandoned_draft_and_sees_its_checkout_as_it_is_now(database):
    record = await store_checkout(database)
    draft = AbandonedDraft(marker="m", order_id="00000001")
    await database.write(lambda connection: abandon(connection, record, [draft], NOW, 30))

    def due(now):
        return database.read(lambda connection: cleanup_store.due_abandoned(connection, now, 10))

    assert await due(soon(29)) == []
    (row,) = await due(soon(30))
    assert (row.submit_intent_order, row.current_order_id, row.checkout_state) == (None, None, "drafting")
    await speak(database, submit_intent_order="00000009", order_id="00000009")
    taken = await database.write(lambda connection: cleanup_store.take_abandoned(connection, row, soon(630)))
    assert (taken.submit_intent_order, taken.current_order_id) == ("00000009", "00000009")
    assert await database.write(lambda connection: cleanup_store.take_abandoned(connection, row, soon(630))) is None
    await database.write(
        lambda connection: cleanup_store.record_cleanup(
            connection, taken, attempt=1, due_at=None, outcome="nothing found", state="absent"
        )
    )
    assert await due(soon(10**6)) == []
    (found,) = await drafts(database)
    assert (found.attempt, found.outcome, found.state) == (1, "nothing found", "absent")


async def test_the_cancellation_has_a_step_after_those_of_the_plan(database):
    await store_checkout(database, state="submitted", step=5, cancel_requested=True)
    (record,) = await claim(database)
    for state, attempts in (("planned", 1), ("done", 2)):
        record = await save(database, record, Save(changes={}, step_changes={"state": state, "attempts": attempts}))
    row = (await steps(database))[0, 6]
    assert (row.kind, row.state, row.attempts) == ("cancel", "done", 2)


async def test_the_tables_of_these_tests_have_no_rows_of_others(database):
    record = await store_checkout(database, mapping=SPLIT)
    assert record.lease_until == EPOCH
    count = await database.read(lambda connection: len(list(connection.execute(select(checkout_step)))))
    assert count == 5


# -- what is known of other orders there -----------------------------------------------------------------------------------


async def test_known_orders_are_the_nearest_before_and_after_the_call_also_one_that_a_person_is_to_look_at(database):
    """Where an order is held because its marker was changed there, no search for a marker proves that an order is not there."""
    record = await store_checkout(database, sent_at=NOW, **ALONE)
    others = {
        "before": {"sent_at": soon(-60), "state": "completed", "order_id": "1"},
        "earlier": {"sent_at": soon(-90), "state": "completed", "order_id": "2"},
        "changed": {"sent_at": soon(60), "state": "held", "reason_code": "marker_changed", "order_id": "3"},
        "unnamed": {"sent_at": soon(30), "state": "held", "reason_code": "foreign_order"},
        "unsent": {"sent_at": soon(40), "state": "rejected", "order_id": "4"},
    }
    for name, columns in others.items():
        await store_checkout(database, id=name, created_at=columns["sent_at"], due_at=None, **columns, **ALONE)
    known = await database.read(lambda connection: store.known_orders(connection, record))
    assert {(order.id, order.accepted_at) for order in known} == {("1", soon(-60)), ("3", soon(60))}
