"""A call that was answered with a refusal is looked for: nothing has to be proven, and nothing that is shown is passed over."""

from __future__ import annotations

import pytest
from shop_in_doubt import BOTH_KNOWN, ITEM, KNOWN_OLD, KNOWN_YOUNG, NOW, OLD, OURS, SENT, YOUNG, Shop, mapping, row
from upstream_server import answering, client_of, no_sleep, serving

from gateway.upstream import CallInDoubt, FindResult

TWIN = row("twin", OURS, 2)


async def search(shop, *known, find="filter", answered="turned_away", is_alike=None, offerings=("PLAN",)) -> FindResult:
    doubt = CallInDoubt(
        sent_at=SENT, now=NOW, answered=answered, known=known, offerings=frozenset(offerings), is_alike=is_alike
    )
    return await asked(shop, find, doubt=doubt)


async def asked(shop, find="filter", **named) -> FindResult:
    async with (
        serving(answering(shop.reply)) as server,
        client_of(server.url, mapping(find), sleep=no_sleep, read_attempts_max=1) as client,
    ):
        return await client.find(OURS, since=SENT, **named)


def nothing(_asked, _orders):
    return []


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize("answered", ["turned_away", "refused"])
async def test_what_nothing_is_shown_of_had_no_effect_and_no_younger_order_is_waited_for(find, answered):
    found = await search(Shop([OLD]), find=find, answered=answered)
    assert (found.orders, found.hints, found.absence.kind, found.absence.code) == (
        (),
        (),
        "uncontrolled",
        "not_controlled",
    )
    assert (await search(Shop([]), find=find, answered=answered)).complete, "an order system that is empty"


@pytest.mark.parametrize(
    ("shown", "where"),
    [(OURS.upper(), "slot"), (OURS[:18], "slot"), (f"WEB/{OURS}", "slot"), (None, "elsewhere")],
    ids=["upper", "cut", "prefix", "moved"],
)
async def test_an_order_whose_marker_was_changed_is_seen_on_the_list_although_the_filter_does_not_find_it(shown, where):
    more = {"description": OURS} if shown is None else {}
    found = await search(Shop([OLD, row("x", shown, 1, **more)]))
    assert not found.complete
    assert [(hint.order_id, hint.where) for hint in found.changed] == [("x", where)]


async def test_an_order_that_the_filter_shows_late_is_found_on_the_list():
    found = await search(Shop([OLD, row("x", OURS, 1)], filtered=nothing))
    assert [order.id for order in found.orders] == ["x"]


@pytest.mark.parametrize("answered", ["turned_away", "refused"])
async def test_an_order_that_carries_another_marker_and_holds_what_was_sent_may_be_ours(answered):
    found = await search(Shop([OLD, row("x", "SRV-1", 1)]), answered=answered, is_alike=lambda order: order.id == "x")
    assert (found.complete, [hint.order_id for hint in found.hints]) == (False, ["x"])


async def test_an_order_without_a_marker_may_be_ours_unless_the_call_was_refused_for_good_and_it_holds_something_else():
    shop = Shop([OLD, row("x", None, 1, productOrderItem=[ITEM])])
    assert [hint.order_id for hint in (await search(shop, is_alike=lambda _: False)).hints] == ["x"]
    assert (await search(shop, answered="refused", is_alike=lambda _: False)).complete
    assert not (await search(shop, answered="refused", is_alike=lambda _: True)).complete


@pytest.mark.parametrize("marker", ["SRV-1", None])
async def test_a_young_order_that_is_listed_and_not_there_by_its_id_may_be_ours(marker):
    gone = row("gone", marker, 1)
    found = await search(Shop([OLD], listed=lambda orders: [*orders, gone]), is_alike=lambda _: False)
    assert (found.complete, [hint.order_id for hint in found.hints]) == (False, ["gone"])


async def test_where_orders_of_ours_are_hidden_the_absence_of_one_says_nothing():
    shop = Shop([OLD, KNOWN_OLD, KNOWN_YOUNG], listed=lambda orders: orders[:1], filtered=nothing)
    found = await search(shop, *BOTH_KNOWN)
    assert (found.absence.kind, found.absence.code) == ("incomplete", "known_order_not_found")
    shown = Shop([OLD, KNOWN_OLD, KNOWN_YOUNG], filtered=nothing)
    assert (await search(shown, *BOTH_KNOWN)).complete


@pytest.mark.parametrize("answered", ["turned_away", "refused", "lost"])
async def test_an_order_that_carries_another_marker_and_holds_what_was_sent_may_be_ours_where_the_list_hides_markers(
    answered,
):
    def hiding(orders):
        return [each | {"externalId": None} for each in orders]

    def found_for(shown):
        orders = [OLD, row("x", shown, 1)]
        return search(Shop(orders, listed=hiding), answered=answered, is_alike=lambda order: order.id == "x")

    changed = await found_for("SRV-1")
    assert (changed.complete, [hint.order_id for hint in changed.hints]) == (False, ["x"])
    assert not (await found_for(KNOWN_YOUNG["externalId"])).hints, "it is another checkout's"


async def test_where_an_order_of_ours_is_shown_with_another_marker_the_absence_of_one_says_nothing():
    found = await search(Shop([OLD, KNOWN_OLD, KNOWN_YOUNG | {"externalId": "SRV-2"}]), *BOTH_KNOWN)
    assert (found.absence.kind, found.absence.code) == ("incomplete", "known_order_not_found")


async def test_a_list_that_shows_orders_and_none_of_a_gateway_is_told_from_one_that_does():
    found = await search(Shop([row("a", "CRM-1", -30), YOUNG]))
    assert (found.complete, found.absence.code) == (True, "marker_never_seen")


async def test_where_neither_the_filter_nor_the_list_can_be_read_nothing_is_known():
    shop = Shop([OLD, "not an order"])
    assert (await search(shop)).absence.code == "row_unreadable"


async def test_a_filter_that_does_not_show_the_order_that_is_followed_is_not_believed_about_another_one():
    own = row("own", OURS, 1)
    found = await asked(Shop([OLD, own, TWIN], filtered=nothing), beside="own")
    assert [order.id for order in found.orders] == ["own", "twin"]
    alone = await asked(Shop([OLD, own], filtered=nothing), beside="own")
    assert ([order.id for order in alone.orders], alone.complete) == (["own"], True)
    respelled = await asked(Shop([OLD, row("own", OURS.upper(), 1), TWIN | {"externalId": OURS.upper()}]), beside="own")
    assert [hint.order_id for hint in respelled.changed] == ["twin"]
    hidden = await asked(Shop([OLD, own, TWIN], listed=lambda orders: orders[:1], filtered=nothing), beside="own")
    assert (hidden.complete, hidden.absence.code) == (False, "known_order_not_found")


async def test_a_list_that_shows_the_order_that_is_followed_without_its_marker_is_not_believed_about_another_one():
    unmarked = [OLD, row("own", None, 1), TWIN]

    def anything(_asked, orders):
        return orders[:1]

    for filtered in (nothing, anything):
        found = await asked(Shop(unmarked, filtered=filtered), beside="own")
        assert [order.id for order in found.orders] == ["twin"], "what it shows counts all the same"
        hidden = await asked(Shop([OLD, row("own", None, 1), row("twin", None, 1)], filtered=filtered), beside="own")
        assert (hidden.orders, hidden.complete, hidden.absence.code) == ((), False, "markers_not_shown")
    absent = await asked(Shop([OLD, TWIN], filtered=anything), beside="own")
    assert (absent.complete, absent.absence.code) == (False, "known_order_not_found"), "nor is one that lacks it"


async def test_a_filter_that_shows_the_order_that_is_followed_is_believed_and_the_list_is_not_read():
    shop = Shop([OLD, row("own", OURS, 1)], listed=lambda _: ["not an order"])
    assert (await asked(shop, beside="own")).complete
