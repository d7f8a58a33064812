from __future__ import annotations

import asyncio

import pytest
from checkout_gateway import (
    CARTS,
    CHECKOUTS,
    Clock,
    act,
    assert_conflict,
    live_orders,
    running,
    set_columns,
    settings_of,
)
from checkout_work import request

from gateway.checkouts.changing.draft_lifetime import DraftLifetime
from gateway.settings import CheckoutSettings
from gateway.upstream.outcome import NotExecuted

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def patch(gateway, checkout, body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.patch(
        f"{CHECKOUTS}/{checkout['id']}", json=body, headers={"Content-Type": "application/merge-patch+json", **named}
    )


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


async def test_a_draft_waits_here_until_the_party_is_known_that_the_order_system_demands(gateway):
    checkout = await gateway.check_out(submit=False, relatedParty=None)
    assert (checkout["state"], checkout["reason"]["code"]) == ("draft", "waiting_party")
    assert ("party_missing", "warning") in {(each["code"], each["severity"]) for each in checkout["finding"]}
    assert checkout["actions"] == ["change", "cancel"]
    assert await gateway.work() == 0
    assert_conflict(await act(gateway, checkout, "submit"), "needs to know the party")
    named = await patch(gateway, checkout, {"relatedParty": [{"name": "N. N.", "role": "customer"}]})
    assert (named.json()["state"], named.json()["reason"]["code"]) == ("draft", "waiting_party")
    enrolled = await patch(gateway, checkout, {"relatedParty": [{"id": "CD2", "role": "customer"}]})
    assert (enrolled.status_code, enrolled.json()["state"]) == (200, "drafting")
    await gateway.work()
    draft = await gateway.get(checkout)
    assert (draft["state"], draft["reason"]["code"]) == ("draft", "waiting_client")
    assert draft["actions"] == ["change", "submit", "cancel"]
    assert "party_missing" not in {each["code"] for each in draft["finding"]}
    assert "not-known-yet" not in str(gateway.shop.orders)
    asked = (await act(gateway, draft, "submit")).json()
    assert (asked["submit"], asked["reason"]["message"].split(";")[0]) == (True, "asked to submit")
    await gateway.work()
    assert [order["id"] for order in live_orders(gateway.shop)] == ["00000001"]
    assert (await gateway.get(draft))["abandonedOrder"] == []


async def test_a_draft_that_waits_for_its_party_can_be_cancelled(gateway):
    checkout = await gateway.check_out(submit=False, relatedParty=None)
    asked = (await act(gateway, checkout, "cancel")).json()
    assert (asked["cancelRequested"], asked["reason"]["message"].split(";")[0]) == (True, "asked to cancel")
    await gateway.work()
    assert (await gateway.get(checkout))["state"] == "cancelled"
    assert not gateway.shop.calls


async def test_what_else_refuses_an_order_refuses_its_draft(gateway):
    cart_id = await gateway.new_cart({"cartItem": [{"id": "1", "action": "add", "status": "saveForLater"}]})
    for submit, relatedparty in ((False, None), (True, None)):
        body = {"shoppingCart": {"id": cart_id}, "submit": submit, "relatedParty": relatedparty}
        assert (await gateway.post(body)).status_code == 422
    whole = await gateway.new_cart()
    assert (await gateway.post({"shoppingCart": {"id": whole}, "submit": True})).status_code == 422


async def test_if_match_is_the_version_of_the_checkout(gateway):
    draft = await drafted(gateway)
    answer = await gateway.client.get(f"{CHECKOUTS}/{draft['id']}")
    stale = await patch(gateway, draft, {"description": "x"}, If_Match='"1"')
    assert stale.status_code == 412
    assert stale.headers["etag"] == answer.headers["etag"]
    assert (await patch(gateway, draft, {"description": "x"}, If_Match=answer.headers["etag"])).status_code == 200


async def test_only_a_draft_can_be_changed(gateway):
    checkout = await gateway.check_out(submit=True)
    assert_conflict(await patch(gateway, checkout, {"description": "x"}), "accepted", "only a draft")
    await gateway.work()
    assert_conflict(await patch(gateway, checkout, {"description": "x"}), "submitted")
    draft = await drafted(gateway)
    await act(gateway, draft, "submit")
    assert_conflict(await patch(gateway, draft, {"description": "x"}), "draft")


async def test_a_change_that_the_order_does_not_show_keeps_the_draft(gateway):
    draft = await drafted(gateway)
    answer = await patch(gateway, draft, {"place": [{"id": "P1", "role": "delivery"}], "payment": [{"id": "1"}]})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["productOrder"]) == ("draft", draft["productOrder"])
    assert answer.json()["place"] == [{"id": "P1", "role": "delivery"}]
    assert any("place" in finding["path"] for finding in answer.json()["finding"])
    assert await gateway.work() == 0
    await act(gateway, draft, "submit")
    await gateway.work()
    assert [order["id"] for order in live_orders(gateway.shop)] == ["00000001"]


async def test_a_checkout_shows_what_was_set(gateway):
    prices = [{"priceType": "oneTime", "price": {"dutyFreeAmount": {"unit": "EUR", "value": 1}}}]
    wishes = {
        "place": [{"id": "P1", "role": "delivery"}],
        "payment": [{"id": "PAY"}],
        "requestedStartDate": "2027-01-01T00:00:00Z",
    }
    draft = await drafted(gateway, **wishes)
    assert {name: draft[name] for name in wishes} == wishes
    assert draft["relatedParty"] == request()["relatedParty"]
    listed = await gateway.client.get(f"{CHECKOUTS}?id={draft['id']}&fields=place,relatedParty")
    assert listed.json()[0]["place"] == wishes["place"]
    assert prices[0]["priceType"] not in draft


async def test_a_burst_of_changes_makes_one_new_draft(storage):
    settings = settings_of(storage, checkout=CheckoutSettings(redraft_seconds=2.0))
    clock = Clock()
    async with running(settings, clock=clock) as gateway:
        checkout = await gateway.check_out(submit=False)
        await gateway.work()
        for change in (
            {"relatedParty": [{"id": "CD2", "role": "customer"}]},
            {"description": "one"},
            {"description": "two"},
        ):
            answer = await patch(gateway, checkout, change)
            assert (answer.status_code, answer.json()["state"]) == (200, "drafting")
            assert answer.json()["reason"]["code"] == "queued"
            clock.advance(1.5)
            assert await gateway.work() == 0
        clock.advance(1.0)
        await gateway.work()
        draft = await gateway.get(checkout)
        assert (draft["state"], draft["productOrder"]["id"]) == ("draft", "00000002")
        assert gateway.shop.orders["00000002"]["description"] == "two"
        assert len(gateway.shop.orders) == 2
        # Submitting does not wait for further changes.
        await patch(gateway, checkout, {"description": "three"})
        await act(gateway, checkout, "submit")
        await gateway.work()
        done = await gateway.get(checkout)
        assert (done["state"], done["productOrder"]["id"]) == ("submitted", "00000003")
        numbers = [order["id"] for order in done["abandonedOrder"]]
        assert numbers == ["00000001", "00000002"]
        for number in (*numbers, "00000003"):
            found = (await gateway.client.get(f"{CHECKOUTS}?productOrder.id={number}")).json()
            assert [each["id"] for each in found] == [checkout["id"]]
        states = {(step["generation"], step["state"]) for step in done["step"]}
        assert states == {(1, "done"), (1, "abandoned"), (2, "done"), (2, "abandoned"), (3, "done")}
        clock.advance(100)
        await gateway.cleanup().once()
        assert {order["state"] for order in (await gateway.get(checkout))["abandonedOrder"]} == {"voided"}


async def test_a_draft_is_changed_while_it_is_being_made(gateway):
    checkout = await gateway.check_out(submit=False)
    assert (await patch(gateway, checkout, {"description": "before anything was sent"})).status_code == 200
    gateway.shop.script([NotExecuted("429", 0.0)])
    await gateway.work()
    await set_columns(gateway, checkout, due_at=None)
    assert (await gateway.get(checkout))["state"] == "drafting"
    assert (await patch(gateway, checkout, {"description": "while it was made"})).status_code == 200
    await gateway.work()
    draft = await gateway.get(checkout)
    assert draft["state"] == "draft"
    assert gateway.shop.orders[draft["productOrder"]["id"]]["description"] == "while it was made"


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


# -- the lifetime of a draft ------------------------------------------------------------------------------------------------


async def test_nothing_is_written_while_the_lifetime_of_no_draft_is_over(storage, monkeypatch):
    async with running(settings_of(storage, checkout=CheckoutSettings(draft_days=30.0)), clock=Clock()) as gateway:
        await gateway.check_out(submit=False)

        async def written(_function):
            raise AssertionError("something was written")

        monkeypatch.setattr(gateway.services.database, "write", written)
        assert await DraftLifetime(gateway.services).once() == 0


async def test_a_draft_that_nobody_touches_is_cancelled_after_its_lifetime_and_says_so(storage):
    clock = Clock()
    async with running(settings_of(storage, checkout=CheckoutSettings(draft_days=30.0)), clock=clock) as gateway:
        lifetime = DraftLifetime(gateway.services)
        old = await gateway.check_out(submit=False)
        waiting = await gateway.check_out(submit=False, relatedParty=None)
        submitted = await gateway.check_out()
        await gateway.work()
        clock.advance(29 * 86_400)
        young = await gateway.check_out(submit=False)
        await gateway.work()
        assert await lifetime.once() == 0
        clock.advance(2 * 86_400)
        assert await lifetime.once() == 2
        assert await lifetime.once() == 0
        await gateway.work()
        for checkout in (old, waiting):
            ended = await gateway.get(checkout)
            assert (ended["state"], ended["reason"]["code"]) == ("cancelled", "expired")
            cart = (await gateway.client.get(f"{CARTS}/{ended['shoppingCart']['id']}")).json()
            assert cart["checkoutState"] == "open"
        assert [(await gateway.get(each))["state"] for each in (young, submitted)] == ["draft", "submitted"]
        assert [row.order_id for row in await gateway.due_drafts()] == ["00000001"]
