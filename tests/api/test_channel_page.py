"""What "From prospect to order" says in its tables: which states and reasons there are, and what may be repeated how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway, act, running, settings_of
from checkout_work import request

from gateway.checkouts.reasons import MEANING as REASONS
from gateway.checkouts.states import FINAL
from gateway.checkouts.states import MEANING as STATES
from gateway.errors import UnavailableError
from gateway.hub.model import CART_V4, CHECKOUT_V1
from gateway.settings import CheckoutSettings

PAGE = (Path(__file__).parents[2] / "docs/how-to/from-prospect-to-order.md").read_text("utf-8")
# What a customer never has to do with: an operator's and a channel's own.
WAITS = {code for code in REASONS if code.startswith("waiting_")}


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    table = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_state_has_what_to_show_for_it_and_every_reason_that_is_named_exists():
    shown: dict[str, set[str]] = {}
    for states, codes, _ in rows("What to show"):
        for state in re.findall(r"`(\w+)`", states):
            shown.setdefault(state, set()).update(re.findall(r"`(\w+)`", codes))

    assert shown.keys() == STATES.keys()
    for state, codes in shown.items():
        assert codes - {"nextAttemptAt"} <= REASONS.keys(), state
    assert shown["draft"] == {"waiting_party", "waiting_client"}
    assert {"refused", "expired"} <= shown["rejected"]
    assert not any(codes & WAITS for state, codes in shown.items() if state in FINAL)


async def test_a_draft_shows_what_the_page_says(storage):
    async with running(settings_of(storage)) as gateway:
        waiting = await gateway.check_out(submit=False, relatedParty=None)
        complete = await gateway.check_out(submit=False)
        ordered = await gateway.check_out()
        ended = await gateway.check_out(submit=False)
        await act(gateway, ended, "cancel")
        await gateway.work()
        found = [await gateway.get(each) for each in (waiting, complete, ordered, ended)]
        assert [(each["state"], each["reason"]["code"]) for each in found] == [
            ("draft", "waiting_party"),
            ("draft", "waiting_client"),
            ("submitted", "following_order"),
            ("cancelled", "cancelled"),
        ]


def test_every_answer_that_the_page_names_has_a_row():
    named = {status for answers, _ in rows("Repeat a request") for status in re.findall(r"\d{3}", answers)}

    assert named == {"409", "412", "422", "400", "429", "503"}
    assert any(answers == "no answer" for answers, _ in rows("Repeat a request"))


async def test_what_is_repeated_after_no_answer_is_the_same_checkout(storage):
    async with running(settings_of(storage)) as gateway:
        body = request(shoppingCart={"id": await gateway.new_cart()})
        answers = [await gateway.post(body, **{"Idempotency-Key": '"k1"'}) for _ in range(3)]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert await gateway.rows() > 0
        await gateway.work()
        assert len(gateway.shop.orders) == 1


async def status_of(gateway: Gateway, body: dict[str, Any], **headers: str) -> tuple[int, str | None, dict[str, Any]]:
    answer = await gateway.post(body, **headers)
    return answer.status_code, answer.headers.get("retry-after"), answer.json()


async def test_refusals_say_why_and_when_to_ask_again(storage, monkeypatch):
    limited = settings_of(storage, checkout=CheckoutSettings(open_max=2))
    async with running(limited) as gateway:
        first, second = await gateway.new_cart(), await gateway.new_cart()
        status, _, told = await status_of(gateway, {**request(), "shoppingCart": {"id": second}}, **{"If-Match": '"9"'})
        assert (status, bool(told["problem"])) == (412, True)
        status, _, told = await status_of(gateway, {"shoppingCart": {"id": second}, "submit": "yes", "externalId": 7})
        assert (status, len(told["problem"])) == (400, 2)
        empty = (await gateway.client.post(CARTS, json={})).json()["id"]
        status, _, told = await status_of(gateway, {**request(), "shoppingCart": {"id": empty}})
        assert (status, bool(told["problem"])) == (422, True)
        checkout = (await gateway.post({**request(), "shoppingCart": {"id": first}})).json()
        status, _, told = await status_of(gateway, {**request(), "shoppingCart": {"id": first}})
        assert (status, told["referenceError"]) == (409, checkout["href"])
        assert (await gateway.post({**request(), "shoppingCart": {"id": second}})).status_code == 202
        third = {**request(), "shoppingCart": {"id": await gateway.new_cart()}}
        status, again, _ = await status_of(gateway, third)
        assert (status, int(again or 0) > 0) == (429, True)

        async def away(_function: Any) -> Any:
            raise UnavailableError("The database cannot be used at the moment.", headers={"Retry-After": "5"})

        monkeypatch.setattr(gateway.services.database, "write", away)
        status, again, _ = await status_of(gateway, third)
        assert (status, int(again or 0) > 0) == (503, True)


async def test_who_polls_is_told_when_to_ask_again_and_that_nothing_changed(storage):
    async with running(settings_of(storage)) as gateway:
        checkout = await gateway.check_out()
        await gateway.work()
        path = f"{CHECKOUTS}/{checkout['id']}"
        answer = await gateway.client.get(path)
        assert int(answer.headers["retry-after"]) > 0
        unchanged = await gateway.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert unchanged.status_code == 304
        draft = await gateway.check_out(submit=False)
        await gateway.work()
        assert "retry-after" not in (await gateway.client.get(f"{CHECKOUTS}/{draft['id']}")).headers


def test_the_events_of_the_page_are_events_of_its_hubs():
    listed = set(re.findall(r"^\| `(\w+Event)` \|", PAGE, re.MULTILINE))
    assert listed
    assert listed <= {*CART_V4.names.values(), *CHECKOUT_V1.names.values()}


@pytest.mark.parametrize("name", ["CheckoutDraftExpiredEvent", "CheckoutLiveOrderFoundEvent"])
def test_the_events_that_a_channel_must_not_miss_are_named(name: str):
    assert name in PAGE
