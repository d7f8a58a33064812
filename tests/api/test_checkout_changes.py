from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio
from checkout_gateway import CARTS, CHECKOUTS, running, settings_of
from checkout_work import request
from sqlalchemy import update

from gateway.settings import StorageSettings
from gateway.storage import tables
from gateway.upstream.outcome import Accepted, NotExecuted, Rejected, Unknown

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def application(tmp_path_factory):
    storage = StorageSettings(url=f"sqlite:///{tmp_path_factory.mktemp('gateway') / 'gateway.db'}", readers_max=2)
    async with running(settings_of(storage)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(application):
    return await application.make_empty()


async def act(gateway, checkout, action):
    return await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/{action}")


async def patch(gateway, checkout, body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.patch(
        f"{CHECKOUTS}/{checkout['id']}", json=body, headers={"Content-Type": "application/merge-patch+json", **named}
    )


async def set_columns(gateway, checkout, **columns):
    await gateway.services.database.write(
        lambda connection: connection.execute(
            update(tables.checkout).where(tables.checkout.c.id == checkout["id"]).values(**columns)
        )
    )


def assert_conflict(answer, *words):
    assert answer.status_code == 409, answer.text
    for word in words:
        assert word in answer.json()["message"]


def live_orders(upstream, draft=("Draft",)):
    return [order for order in upstream.orders.values() if order["state"] not in draft]


# -- submit -----------------------------------------------------------------------------------------------------------------


async def test_a_draft_waits_for_its_submission(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    draft = await gateway.get(checkout)
    assert (draft["state"], draft["submit"]) == ("draft", False)
    assert draft["progress"] == {"stepsTotal": 5, "stepsDone": 4}
    assert live_orders(gateway.shop) == []
    assert await gateway.work() == 0
    answer = await act(gateway, draft, "submit")
    assert answer.status_code == 202
    assert answer.headers["location"] == draft["href"]
    assert answer.json()["submit"] is True
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert len(live_orders(gateway.shop)) == 1


async def test_submitting_twice_is_submitting_once(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    for _ in range(2):
        assert (await act(gateway, checkout, "submit")).status_code == 202
    await gateway.work()
    again = await act(gateway, checkout, "submit")
    assert (again.status_code, again.json()["state"]) == (202, "submitted")
    assert [call.kind for call in gateway.shop.calls].count("submit") == 1


async def test_submitting_while_the_draft_is_being_made_is_heard(gateway):
    checkout = await gateway.check_out(submit=False)
    assert (await act(gateway, checkout, "submit")).status_code == 202
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_submitting_does_not_hurry_a_call_that_is_put_off(gateway):
    gateway.shop.script([NotExecuted("429", 600.0)])
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    before = (await gateway.record(checkout["id"])).due_at
    await act(gateway, checkout, "submit")
    assert (await gateway.record(checkout["id"])).due_at == before


@pytest.mark.parametrize("state", ["rejected", "cancelled", "held"])
async def test_what_ended_without_an_order_cannot_be_submitted(gateway, state):
    checkout = await gateway.check_out(submit=False)
    await set_columns(gateway, checkout, state=state, due_at=None)
    assert_conflict(await act(gateway, checkout, "submit"), state)


async def test_an_order_that_is_live_at_once_waits_whole(gateway):
    checkout = await gateway.check_out(submit=False, upstream="plain")
    await gateway.work()
    draft = await gateway.get(checkout)
    assert (draft["state"], draft["productOrder"]) == ("draft", None)
    assert not gateway.plain.calls
    await act(gateway, checkout, "submit")
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["productOrder"]["state"]) == ("submitted", "acknowledged")
    assert len(gateway.plain.orders) == 1


# -- cancel -----------------------------------------------------------------------------------------------------------------


async def assert_cancelled(gateway, checkout):
    found = await gateway.get(checkout)
    assert (found["state"], found["statusReason"]) == ("cancelled", "cancelled by the client")
    assert live_orders(gateway.shop) == []
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    assert_conflict(await act(gateway, checkout, "submit"), "cancelled")


async def test_what_was_only_accepted_is_cancelled_without_a_call(gateway):
    checkout = await gateway.check_out()
    answer = await act(gateway, checkout, "cancel")
    assert answer.status_code == 202
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert not gateway.shop.calls
    assert await gateway.due_drafts() == []


async def test_a_draft_is_cancelled_and_cleaned_up(gateway):
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    await act(gateway, checkout, "cancel")
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert [row.order_id for row in await gateway.due_drafts()] == ["00000001"]


async def test_a_checkout_whose_call_is_put_off_is_cancelled_at_once(gateway):
    gateway.shop.script([None, NotExecuted("429", 900.0)])
    checkout = await gateway.check_out()
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "drafting"
    await act(gateway, checkout, "cancel")
    await gateway.work()
    await assert_cancelled(gateway, checkout)


async def while_calling(gateway, upstream, kind, action):
    """Do `action` while the first call of this kind is under way."""
    send = upstream.send

    async def interrupted(rendered):
        if rendered.kind == kind:
            upstream.send = send
            await action()
        return await send(rendered)

    upstream.send = interrupted


async def test_a_cancellation_during_a_call_is_heard_after_it(gateway):
    checkout = await gateway.check_out()

    async def cancel():
        assert (await act(gateway, checkout, "cancel")).status_code == 202

    await while_calling(gateway, gateway.shop, "add", cancel)
    await gateway.work()
    await assert_cancelled(gateway, checkout)
    assert [call.kind for call in gateway.shop.calls] == ["create", "add"]


async def test_a_cancellation_that_comes_just_before_the_submit_wins_over_it(gateway):
    checkout = await gateway.check_out()
    read = gateway.shop.get_order
    reads = 0

    async def slow(order_id):
        nonlocal reads
        reads += 1
        if reads == 4:  # the look before the submit; the worker has decided on an older record
            assert (await act(gateway, checkout, "cancel")).status_code == 202
        return await read(order_id)

    gateway.shop.get_order = slow
    await gateway.work()
    assert [call.kind for call in gateway.shop.calls] == ["create", "add", "add", "price"]
    await assert_cancelled(gateway, checkout)


async def test_a_cancellation_during_the_submit_is_too_late_and_says_where_to_go(gateway):
    checkout = await gateway.check_out()
    answers = []

    async def cancel():
        answers.append(await act(gateway, checkout, "cancel"))

    await while_calling(gateway, gateway.shop, "submit", cancel)
    await gateway.work()
    assert_conflict(answers[0], "submitting", "takes no cancellations from here", "00000001", "cancel it there")
    assert (await gateway.get(checkout))["state"] == "submitted"
    assert_conflict(await act(gateway, checkout, "cancel"), "submitted", "cancel it there")


async def test_a_submission_asked_for_during_the_last_call_is_not_forgotten(gateway):
    checkout = await gateway.check_out(submit=False)

    async def submit():
        assert (await act(gateway, checkout, "submit")).status_code == 202

    await while_calling(gateway, gateway.shop, "price", submit)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_a_submission_asked_for_while_the_draft_is_put_to_rest_is_not_forgotten(gateway):
    checkout = await gateway.check_out(submit=False)
    worker = gateway.worker()
    save = worker.save
    spoke = False

    async def saving(record, decision, work=None):
        nonlocal spoke
        if decision.changes.get("state") == "draft" and not spoke:
            spoke = True
            await act(gateway, checkout, "submit")
        return await save(record, decision, work)

    worker.save = saving
    await gateway.work(worker)
    assert spoke
    assert (await gateway.get(checkout))["state"] == "submitted"


async def test_a_cancellation_asked_for_while_a_call_is_put_off_is_not_put_off(gateway):
    gateway.shop.script([NotExecuted("429", 900.0)])
    checkout = await gateway.check_out()

    async def cancel():
        await act(gateway, checkout, "cancel")

    await while_calling(gateway, gateway.shop, "create", cancel)
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "cancelled"


@pytest.mark.parametrize("state", ["completed", "partial", "failed", "rejected"])
async def test_what_has_ended_cannot_be_cancelled(gateway, state):
    checkout = await gateway.check_out()
    await set_columns(gateway, checkout, state=state, due_at=None)
    assert_conflict(await act(gateway, checkout, "cancel"), state, "has ended")


async def test_what_is_held_is_a_persons_business(gateway):
    checkout = await gateway.check_out()
    await set_columns(gateway, checkout, state="held", due_at=None)
    assert_conflict(await act(gateway, checkout, "cancel"), "held", "person")


# -- cancelling a live order --------------------------------------------------------------------------------------------------


async def live(gateway):
    checkout = await gateway.check_out(upstream="plain")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "submitted"
    return checkout


async def test_a_live_order_is_cancelled_by_the_order_system_and_the_checkout_follows(gateway):
    checkout = await live(gateway)
    answer = await act(gateway, checkout, "cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "submitted"
    assert "is asked to cancel it" in answer.json()["statusReason"]
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    assert await gateway.work() == 1
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel"]
    asked = await gateway.get(checkout)
    assert asked["state"] == "submitted"
    step = asked["step"][-1]
    assert (step["sequence"], step["kind"], step["state"], step["detail"]) == (2, "cancel", "done", "answered 200")
    await gateway.look_at_orders()
    done = await gateway.get(checkout)
    assert (done["state"], done["productOrder"]["state"]) == ("cancelled", "cancelled")
    assert (await gateway.client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204


async def test_a_refused_cancellation_is_told_and_can_be_asked_for_again(gateway):
    checkout = await live(gateway)
    gateway.plain.script([Rejected(422, "", "422 too late")])
    await act(gateway, checkout, "cancel")
    await gateway.work()
    refused = await gateway.get(checkout)
    assert refused["state"] == "submitted"
    assert "422 too late" in refused["statusReason"]
    assert refused["step"][-1]["state"] == "refused"
    assert await gateway.work() == 0
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    await gateway.work()
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel", "cancel"]


async def test_a_cancellation_that_does_not_get_through_is_durable(gateway):
    checkout = await live(gateway)
    gateway.plain.script([Unknown("504")])
    await act(gateway, checkout, "cancel")
    await gateway.work()
    record = await gateway.record(checkout["id"])
    assert (record.state, record.cancel_requested) == ("submitted", True)
    assert record.due_at is not None
    await set_columns(gateway, checkout, due_at=record.due_at - timedelta(hours=1))
    await gateway.work()
    steps = (await gateway.get(checkout))["step"]
    assert (steps[-1]["kind"], steps[-1]["state"], steps[-1]["attempts"]) == ("cancel", "done", 1)


async def test_a_cancellation_while_a_live_post_is_in_doubt_is_heard_when_it_is_found(gateway):
    checkout = await gateway.check_out(upstream="plain")
    gateway.plain.script([Unknown("504")], effect="applied")
    await gateway.work()
    assert (await act(gateway, checkout, "cancel")).status_code == 202
    await gateway.work()
    assert [call.kind for call in gateway.plain.calls] == ["create", "cancel"]
    await gateway.look_at_orders()
    assert (await gateway.get(checkout))["state"] == "cancelled"


async def test_an_order_that_ends_before_it_could_be_cancelled_has_ended(gateway):
    checkout = await live(gateway)
    await act(gateway, checkout, "cancel")
    (order,) = gateway.plain.orders.values()
    order["state"] = "completed"
    await gateway.look_at_orders()
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["statusReason"]) == ("completed", None)
    assert [call.kind for call in gateway.plain.calls] == ["create"]


async def test_an_order_that_ends_while_it_is_being_cancelled_stays_ended(gateway):
    checkout = await live(gateway)
    await act(gateway, checkout, "cancel")

    async def completes(order_id, _reason):
        gateway.plain.orders[order_id]["state"] = "completed"
        await gateway.look_at_orders()
        return Accepted(201)

    gateway.plain.cancel = completes
    await gateway.work()
    done = await gateway.get(checkout)
    assert (done["state"], done["statusReason"]) == ("completed", None)
    record = await gateway.record(checkout["id"])
    assert (record.due_at, record.track_due_at) == (None, None)


# -- PATCH of a draft -------------------------------------------------------------------------------------------------------


async def drafted(gateway, **attributes):
    checkout = await gateway.check_out(submit=False, **attributes)
    await gateway.work()
    return await gateway.get(checkout)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("relatedParty", [{"id": "CD2", "role": "customer"}]),
        ("requestedStartDate", "2027-01-01T00:00:00Z"),
        ("requestedCompletionDate", "2027-02-01T00:00:00Z"),
        ("channel", [{"id": "shop", "role": "order capture"}]),
        ("description", "another one"),
        ("note", [{"text": "ring twice"}]),
    ],
)
async def test_what_a_client_changes_is_drafted_anew(gateway, name, value):
    draft = await drafted(gateway)
    answer = await patch(gateway, draft, {name: value})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "drafting"
    await gateway.work()
    again = await gateway.get(draft)
    assert (again["state"], again["productOrder"]["id"]) == ("draft", "00000002")
    assert again["productOrder"]["externalId"] != draft["productOrder"]["externalId"]
    assert {step["generation"] for step in again["step"]} == {1, 2}
    order = gateway.shop.orders["00000002"]
    shown = order[name]
    assert str(value[0] if isinstance(value, list) else value)[:20].strip("{").split(":")[0][:5] in str(shown)
    assert [row.order_id for row in await gateway.due_drafts()] == ["00000001"]
    await act(gateway, draft, "submit")
    await gateway.work()
    assert [order["id"] for order in live_orders(gateway.shop)] == ["00000002"]


@pytest.mark.parametrize("name", ["billingAccount", "payment", "place"])
async def test_what_the_order_system_has_no_place_for_is_a_finding(gateway, name):
    value = {"id": "1"} if name == "billingAccount" else [{"id": "1"}]
    draft = await drafted(gateway)
    answer = await patch(gateway, draft, {name: value})
    assert answer.status_code == 200
    assert any(name in finding["path"] for finding in answer.json()["finding"])


async def test_null_takes_an_attribute_out(gateway):
    draft = await drafted(gateway, description="one")
    assert gateway.shop.orders["00000001"]["description"] == "one"
    assert (await patch(gateway, draft, {"description": None})).status_code == 200
    await gateway.work()
    assert "description" not in gateway.shop.orders["00000002"]


@pytest.mark.parametrize(
    "body",
    [
        {"shoppingCart": {"id": "1"}},
        {"upstream": "plain"},
        {"submit": True},
        {"externalId": "X"},
        {"category": "x"},
        {"expectedTotalPrice": []},
        {"productOfferingQualification": []},
    ],
)
async def test_what_is_fixed_is_refused_by_name(gateway, body):
    draft = await drafted(gateway)
    answer = await patch(gateway, draft, {**body, "descripton": "x", "note": 7})
    assert answer.status_code == 400
    problems = {problem["path"]: problem["message"] for problem in answer.json()["problem"]}
    (name,) = body
    assert problems.keys() == {name, "descripton", "note"}
    assert "fixed" in problems[name]
    assert "did you mean description?" in problems["descripton"]
    assert await gateway.work() == 0


async def test_a_change_that_changes_nothing_costs_nothing(gateway):
    draft = await drafted(gateway, description="one")
    for body in ({}, {"description": "one"}, {"channel": None}):
        answer = await patch(gateway, draft, body)
        assert (answer.status_code, answer.json()) == (200, draft)
    assert await gateway.work() == 0


async def test_a_change_that_cannot_be_ordered_changes_nothing(gateway):
    draft = await drafted(gateway)
    answer = await patch(gateway, draft, {"relatedParty": [{"name": "N. N.", "role": "admirer"}]})
    assert answer.status_code == 422
    assert answer.json()["finding"]
    assert await gateway.get(draft) == draft


async def test_if_match_is_the_version_of_the_checkout(gateway):
    draft = await drafted(gateway)
    answer = await gateway.client.get(f"{CHECKOUTS}/{draft['id']}")
    stale = await patch(gateway, draft, {"description": "x"}, If_Match='"1"')
    assert stale.status_code == 412
    assert stale.headers["etag"] == answer.headers["etag"]
    assert (await patch(gateway, draft, {"description": "x"}, If_Match=answer.headers["etag"])).status_code == 200


async def test_only_a_draft_can_be_changed(gateway):
    checkout = await gateway.check_out()
    assert_conflict(await patch(gateway, checkout, {"description": "x"}), "accepted", "only a draft")
    await gateway.work()
    assert_conflict(await patch(gateway, checkout, {"description": "x"}), "submitted")
    draft = await drafted(gateway)
    await act(gateway, draft, "submit")
    assert_conflict(await patch(gateway, draft, {"description": "x"}), "draft")


async def test_of_two_changes_at_once_both_are_answered_and_one_draft_remains(gateway):
    draft = await drafted(gateway)
    answers = await asyncio.gather(*(patch(gateway, draft, {"description": f"number {n}"}) for n in range(4)))
    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers} <= {200, 409}
    await gateway.work()
    again = await gateway.get(draft)
    assert again["state"] == "draft"
    descriptions = [order.get("description") for order in gateway.shop.orders.values()]
    assert gateway.shop.orders[again["productOrder"]["id"]]["description"] == descriptions[-1]


async def test_an_order_that_is_live_at_once_is_changed_before_anything_is_sent(gateway):
    draft = await drafted(gateway, upstream="plain")
    assert (await patch(gateway, draft, {"description": "x"})).json()["state"] == "draft"
    await gateway.work()
    assert (await gateway.get(draft))["state"] == "draft"
    await act(gateway, draft, "submit")
    await gateway.work()
    (order,) = gateway.plain.orders.values()
    assert order["description"] == "x"
    assert await gateway.due_drafts() == []


async def test_a_draft_is_not_made_anew_without_end(gateway):
    draft = await drafted(gateway)
    await set_columns(gateway, draft, generation=49)
    answer = await patch(gateway, draft, {"description": "x"})
    assert_conflict(answer, "drafted 50 times", "check out again")


async def test_the_mapping_of_a_draft_may_be_gone(gateway):
    draft = await drafted(gateway)
    await set_columns(gateway, draft, mapping="gone")
    assert_conflict(await patch(gateway, draft, {"description": "x"}), "mapping gone")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json-patch+json", None])
async def test_a_change_of_another_type_is_refused(gateway, content_type):
    draft = await drafted(gateway)
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await gateway.client.patch(f"{CHECKOUTS}/{draft['id']}", content=b"{}", headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PATCH", ""), ("POST", "/submit"), ("POST", "/cancel")])
async def test_an_unknown_checkout_is_not_found(gateway, method, path):
    for checkout_id in ("nope", "a%00b", "%ff", "x" * 500, "..%2f"):
        answer = await gateway.client.request(
            method, f"{CHECKOUTS}/{checkout_id}{path}", content=b"{}", headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 404, (checkout_id, answer.text)
        assert answer.json()["@type"] == "Error"


async def test_an_unknown_checkout_is_not_found_on_both_databases(storage):
    async with running(settings_of(storage)) as gateway:
        for checkout_id in ("nope", "a%00b", "%ff", "x" * 500):
            for path in (f"{CHECKOUTS}/{checkout_id}", f"{CHECKOUTS}?id={checkout_id}", f"{CARTS}/{checkout_id}"):
                answer = await gateway.client.get(path)
                assert answer.status_code < 500, (path, answer.text)
        answer = await gateway.post(request(), f"{CARTS}/a%00b/checkout")
        assert answer.status_code < 500
