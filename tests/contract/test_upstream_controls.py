"""After a lost answer "not found" counts only where the same question finds orders made before and after the call."""

from __future__ import annotations

import itertools
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from shop_in_doubt import BOTH_KNOWN, ITEM, KNOWN_OLD, KNOWN_YOUNG, NOW, OLD, OURS, SENT, YOUNG, Shop, mapping, row
from upstream_server import answer, answering, client_of, no_sleep, serving

from gateway.upstream import CallInDoubt, FindResult, Hint, KnownOrder


async def search(
    shop: Shop, find: str, *known: KnownOrder, offerings: tuple[str, ...] = (), is_alike: Any = None, **recovery: Any
) -> FindResult:
    doubt = CallInDoubt(sent_at=SENT, now=NOW, known=known, offerings=frozenset(offerings), is_alike=is_alike)
    async with (
        serving(answering(shop.reply)) as server,
        client_of(server.url, mapping(find, **recovery), sleep=no_sleep, read_attempts_max=1) as client,
    ):
        return await client.find(OURS, since=SENT, doubt=doubt)


def said(found: FindResult) -> tuple[str, str | None]:
    assert found.orders == ()
    assert found.allows_sending_again("hold") is (found.absence.kind == "proven")
    return found.absence.kind, found.absence.code


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_absence_is_proven_by_orders_of_others_made_before_and_after(find):
    assert said(await search(Shop([OLD, YOUNG]), find)) == ("proven", None)


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_orders_of_others_do_not_show_that_our_marker_is_kept(find):
    """An order system that puts a number of its own in its place finds every order by that, and none by ours."""
    found = await search(Shop([row("old", "ORD-1", -30), row("x", "ORD-2", 1), row("young", "ORD-3", 5)]), find)
    assert said(found) == ("uncontrolled", "marker_never_seen")


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize(
    ("shown", "compare", "expected"),
    [
        ("GW1-AAAAAAAAAAAAAAAA-0", "exact", "marker_never_seen"),
        ("GW1-AAAAAAAAAAAAAAAA-0", "case-insensitive", None),
        ("WEB/gw1-aaaaaaaaaaaaaaaa-0", "exact", "marker_never_seen"),
        ("WEB/gw1-aaaaaaaaaaaaaaaa-0", "prefix", None),
        (["crm-1", "gw1-aaaaaaaaaaaaaaaa-0"], "exact", None),
    ],
)
async def test_a_marker_is_kept_as_the_mapping_expects(find, shown, compare, expected):
    def matching(asked, orders):
        return [order for order in orders if asked in order["externalId"]]

    found = await search(Shop([row("old", shown, -30), YOUNG], filtered=matching), find, marker_compare=compare)
    assert found.absence.code == expected


async def test_an_order_of_ours_that_shows_another_marker_on_the_list_controls_nothing():
    shop = Shop([row("k1", "ORD-1", -40), YOUNG, OLD])
    assert said(await search(shop, "scan", BOTH_KNOWN[0])) == ("proven", None), "a stranger's is nearer to the call"
    shop = Shop([row("k1", "ORD-1", -40), YOUNG])
    assert said(await search(shop, "scan", BOTH_KNOWN[0])) == ("incomplete", "known_order_not_found")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_an_order_that_holds_what_was_sent_is_not_taken_for_a_strangers_because_of_its_marker(find):
    shop = Shop([OLD, row("x", "ORD-2", 1, productOrderItem=[ITEM]), row("young", "crm-1", 5)])
    found = await search(shop, find, is_alike=lambda order: [line.offering for line in order.lines] == ["PLAN"])
    assert said(found) == ("incomplete", "young_order_alike")
    assert [hint.order_id for hint in found.hints] == ["x"]


async def test_a_row_of_the_list_that_cannot_be_read_may_be_ours_although_the_filter_works():
    shop = Shop([OLD, YOUNG], listed=lambda orders: [*orders, "order 17"])
    assert said(await search(shop, "filter")) == ("incomplete", "row_unreadable")


async def test_two_indexes_that_are_asked_by_turns_do_not_hide_our_order():
    ours, turns = row("x", OURS, 1), itertools.count()

    def by_turns(asked, orders):
        shard = next(turns) % 2
        return [order for order in orders if order["externalId"] == asked and (order is not ours or shard)]

    shop = Shop([OLD, YOUNG, ours], listed=lambda _: [OLD, YOUNG], filtered=by_turns)
    for _ in range(2):
        found = await search(shop, "filter")
        assert not found.allows_sending_again("hold")
        next(turns)


async def test_a_page_that_is_empty_now_and_then_is_not_the_end():
    ours, empty = row("x", OURS, 1), itertools.cycle([False, True, False])

    def reply(request):
        return answer(200, []) if request.query["offset"] != "0" and next(empty) else shop.reply(request)

    shop = Shop([*(row(f"o{n}", f"gw1-{'a' * 16}-{n}", -n) for n in range(1, 50)), YOUNG, ours])
    async with serving(answering(reply)) as server, client_of(server.url, mapping("scan"), sleep=no_sleep) as client:
        found = await client.find(OURS, since=SENT, doubt=CallInDoubt(sent_at=SENT, now=NOW))
        assert [order.id for order in found.orders] == ["x"]


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_absence_is_proven_by_our_own_orders_where_none_shows_a_date(find):
    assert said(await search(Shop([KNOWN_OLD, KNOWN_YOUNG], dated=False), find, *BOTH_KNOWN)) == ("proven", None)


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_a_lost_order_that_is_there_is_found(find):
    found = await search(Shop([OLD, row("o", OURS), YOUNG]), find)
    assert [order.id for order in found.orders] == ["o"]
    assert not found.allows_sending_again("resend")


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize(
    ("orders", "known", "code"),
    [
        ([], (), "nothing_to_control_with"),
        ([OLD], (), "nothing_younger"),
        ([KNOWN_OLD], BOTH_KNOWN[:1], "nothing_younger"),
        ([YOUNG], (), "nothing_older"),
        ([KNOWN_YOUNG], BOTH_KNOWN[1:], "nothing_older"),
    ],
)
async def test_without_an_order_on_both_sides_nothing_is_proven_and_a_setting_decides(find, orders, known, code):
    found = await search(Shop(orders), find, *known)
    assert said(found) == ("uncontrolled", code)
    assert found.allows_sending_again("resend")


@pytest.mark.parametrize("known", [(), BOTH_KNOWN])
async def test_a_filter_that_never_finds_anything_proves_nothing(known):
    shop = Shop([OLD, YOUNG, KNOWN_OLD, KNOWN_YOUNG], filtered=lambda *_: [])
    found = await search(shop, "filter", *known)
    assert said(found) == ("incomplete", "known_order_not_found")
    assert not found.allows_sending_again("resend")


async def test_a_filter_that_never_finds_anything_is_noticed_where_no_order_shows_when_it_was_made():
    shop = Shop([row("a", "crm-1"), row("b", "crm-2")], filtered=lambda *_: [])
    assert said(await search(shop, "filter")) == ("incomplete", "known_order_not_found")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_an_index_that_lags_does_not_hide_our_order(find):
    def shown(orders):
        return [order for order in orders if order is not KNOWN_YOUNG]

    shop = Shop(
        [OLD, KNOWN_OLD, KNOWN_YOUNG],
        listed=shown,
        filtered=lambda asked, orders: [order for order in shown(orders) if order["externalId"] == asked],
    )
    assert said(await search(shop, find, *BOTH_KNOWN)) == ("incomplete", "known_order_not_found")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_an_index_with_a_window_does_not_hide_our_order(find):
    def shown(orders):
        return [order for order in orders if order is not KNOWN_OLD]

    shop = Shop(
        [KNOWN_OLD, KNOWN_YOUNG, YOUNG],
        listed=shown,
        filtered=lambda asked, orders: [order for order in shown(orders) if order["externalId"] == asked],
    )
    assert said(await search(shop, find, *BOTH_KNOWN)) == ("incomplete", "known_order_not_found")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_a_known_order_that_was_deleted_there_controls_nothing_and_spoils_nothing(find):
    assert said(await search(Shop([OLD, YOUNG]), find, *BOTH_KNOWN)) == ("proven", None)


async def test_a_scan_narrowed_to_a_state_may_miss_an_order_that_left_it():
    shop = Shop([OLD, YOUNG, KNOWN_OLD], listed=lambda _: [OLD, YOUNG])
    found = await search(shop, "scan", *BOTH_KNOWN, scan_parameters={"state": "acknowledged"})
    assert said(found) == ("proven", None)


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize(
    ("changed", "how", "where"),
    [
        (row("x", OURS.upper(), 1), "case", "slot"),
        (row("x", OURS[:18], 1), "cut", "slot"),
        (row("x", [f"WEB/{OURS}"], 1), "affixed", "slot"),
        (row("x", "ORD-1", 1, note=[{"text": f"was {OURS}"}]), "affixed", "elsewhere"),
        (row("x", None, 1, characteristic=[{"name": "ref", "value": OURS}]), "exact", "elsewhere"),
    ],
)
async def test_our_text_anywhere_in_a_row_is_a_hint(find, changed, how, where):
    found = await search(Shop([OLD, changed, YOUNG]), find)
    assert said(found) == ("incomplete", "marker_changed")
    assert [(hint.order_id, hint.how, hint.where) for hint in found.hints] == [("x", how, where)]
    assert found.changed == found.hints


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize("slot", [None, [{"owner": "crm"}], True])
async def test_a_young_order_without_a_readable_marker_may_be_ours(find, slot):
    found = await search(Shop([OLD, row("x", slot, 1), YOUNG]), find)
    assert said(found) == ("incomplete", "young_order_unmarked")
    assert [hint.order_id for hint in found.hints] == ["x"]
    assert found.changed == ()


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(row("x", None, -20), id="older than the call"),
        pytest.param(row("x", [{"owner": "crm"}], -20), id="older, and not understood"),
        pytest.param(row("x", None, 1, productOrderItem=[ITEM]), id="for something else"),
    ],
)
async def test_an_order_without_a_marker_that_cannot_be_ours_spoils_nothing(find, stranger):
    assert said(await search(Shop([OLD, stranger, YOUNG]), find, offerings=("FIBRE",))) == ("proven", None)


async def test_an_order_whose_marker_only_shows_when_it_is_read_is_found():
    ours = row("x", OURS, 1)
    shop = Shop([OLD, ours, YOUNG], listed=lambda _: [OLD, row("x", None, 1), YOUNG])
    found = await search(shop, "scan")
    assert [order.id for order in found.orders] == ["x"]


async def test_an_order_that_a_working_filter_gives_is_ours_whatever_it_shows():
    """A back end keeps our id to itself, and shows its own."""
    ours = row("x", "ORD-77", 1)
    shop = Shop([OLD, ours, YOUNG], filtered=lambda asked, _: [ours] if asked == OURS else [])
    found = await search(shop, "filter")
    assert said(found) == ("incomplete", "filter_not_shown")
    assert found.hints == (Hint("x", "acknowledged", "other", "ORD-77"),)


async def test_an_order_that_a_filter_gives_without_its_marker_is_read():
    ours = row("x", OURS, 1)
    shop = Shop([OLD, ours, YOUNG], filtered=lambda asked, _: [row("x", None, 1)] if asked == OURS else [])
    assert [order.id for order in (await search(shop, "filter")).orders] == ["x"]


async def test_a_filter_that_is_ignored_is_replaced_by_a_scan_which_is_controlled():
    ignoring = {"filtered": lambda _, orders: orders}
    assert said(await search(Shop([OLD, YOUNG], **ignoring), "filter")) == ("proven", None)
    assert said(await search(Shop([OLD], **ignoring), "filter")) == ("uncontrolled", "nothing_younger")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_a_list_from_a_cache_proves_nothing(find):
    assert said(await search(Shop([OLD, YOUNG], headers={"Age": "600"}), find)) == ("incomplete", "from_a_cache")


@pytest.mark.parametrize("find", ["filter", "scan"])
async def test_no_question_of_a_control_is_asked_at_an_address_asked_before(find):
    async with (
        serving(answering(Shop([OLD, YOUNG]).reply)) as server,
        client_of(server.url, mapping(find), sleep=no_sleep) as client,
    ):
        doubt = CallInDoubt(sent_at=SENT, now=NOW)
        await client.find(OURS, since=SENT)
        for _ in range(2):
            await client.find(OURS, since=SENT, doubt=doubt)
        # The empty page that ends a list is read again at once.
        targets = [target for target, _ in itertools.groupby(request.target for request in server.requests)]
        assert len(targets) == len(set(targets))
        assert {request.headers["cache-control"] for request in server.requests} == {"no-cache"}


async def test_clocks_that_differ_are_compared_by_the_answers_own_time():
    """The order system is two hours ahead: an order it dates before our call's time may still be younger than the call."""
    ahead = timedelta(hours=2)
    old = row("old", f"gw1-{'a' * 16}-0", -30 + 120)
    young = row("young", "crm-2", 5 + 120)
    shop = Shop([old, young], headers={"Date": format_datetime(NOW + ahead, usegmt=True)})
    assert said(await search(shop, "scan")) == ("proven", None)
    assert said(await search(Shop([old], headers=shop.headers), "scan")) == ("uncontrolled", "nothing_younger")


@pytest.mark.parametrize(
    "shown", ["2026-03-01", "2026-03-01T00:00:00.000Z", "2026-03-01T11:00:00", "yesterday", 7, None]
)
async def test_a_date_that_does_not_tell_the_time_is_none(shown):
    order = {"id": "x", "state": "acknowledged", "orderDate": shown}
    assert said(await search(Shop([OLD, order, YOUNG]), "scan")) == ("incomplete", "young_order_unmarked")


async def test_what_the_filter_found_shortly_before_the_call_stands_for_an_order_made_before():
    now = [0.0]
    shop = Shop([row("x", "crm-1")])
    async with (
        serving(answering(shop.reply)) as server,
        client_of(server.url, mapping("filter", control_hours=1), sleep=no_sleep, clock=lambda: now[0]) as client,
    ):
        await client.find("crm-1", since=SENT)
        shop.orders[:] = [KNOWN_YOUNG]
        for seconds, expected in ((60.0, ("proven", None)), (7200.0, ("uncontrolled", "nothing_older"))):
            now[0] = seconds + (NOW - SENT).total_seconds()
            found = await client.find(OURS, since=SENT, doubt=CallInDoubt(sent_at=SENT, now=NOW, known=BOTH_KNOWN[1:]))
            assert said(found) == expected


@pytest.mark.parametrize("find", ["filter", "scan"])
@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (30, ("proven", None)),
        # Since the call was sent: it stands for no order made before.
        (5, ("uncontrolled", "nothing_older")),
        # Longer ago than a control counts.
        (90, ("uncontrolled", "nothing_older")),
        (None, ("uncontrolled", "nothing_older")),
    ],
)
async def test_a_search_begins_with_what_was_measured_before_the_process_was_started(find, minutes, expected):
    """The measurement saw a marker that was kept, and an order that was found by it, so many minutes ago."""
    shop = Shop([KNOWN_YOUNG])
    async with (
        serving(answering(shop.reply)) as server,
        client_of(server.url, mapping(find, control_hours=1), sleep=no_sleep) as client,
    ):
        if minutes is not None:
            client.recall(found_seconds_ago=minutes * 60.0)
        found = await client.find(OURS, since=SENT, doubt=CallInDoubt(sent_at=SENT, now=NOW, known=BOTH_KNOWN[1:]))
    assert said(found) == expected


@pytest.mark.parametrize(("recalled", "code"), [(True, None), (False, "marker_never_seen")])
async def test_a_marker_that_was_measured_to_be_kept_needs_no_order_of_ours_there(recalled, code):
    """Orders of others are made before and after the call; whether the system keeps our marker is known from the measurement."""
    shop = Shop([row("old", "ORD-1", -30), row("young", "ORD-3", 5)])
    async with serving(answering(shop.reply)) as server, client_of(server.url, mapping("filter")) as client:
        if recalled:
            client.recall(found_seconds_ago=86_400.0)
        found = await client.find(OURS, since=SENT, doubt=CallInDoubt(sent_at=SENT, now=NOW))
    assert said(found) == ("uncontrolled" if code else "proven", code)


async def test_whole_orders_that_are_too_large_are_listed_by_their_heads():
    fat = [row(order["id"], order["externalId"], None, description="x" * 4_000) | order for order in (OLD, YOUNG)]

    def reply(request):
        if "fields" in request.query:
            return Shop([OLD, YOUNG]).reply(request)
        return Shop(fat).reply(request)

    async with (
        serving(answering(reply)) as server,
        client_of(server.url, mapping("scan"), sleep=no_sleep, response_bytes_max=3_000, read_attempts_max=1) as client,
    ):
        assert said(await client.find(OURS, since=SENT, doubt=CallInDoubt(sent_at=SENT, now=NOW))) == ("proven", None)


async def test_without_a_way_to_search_a_setting_decides():
    found = await search(Shop([OLD, YOUNG]), "none")
    assert said(found) == ("incomplete", "no_search")
    assert found.allows_sending_again("resend")
