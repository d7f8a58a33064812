from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Clock, running, settings_of
from checkout_work import NOW, SPLIT, cart, frozen, load_checkout, request, store_checkout, work_of
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from gateway.carts import holding
from gateway.carts import store as carts
from gateway.checkouts.model import LineState, lines_decoder
from gateway.checkouts.reading import listing
from gateway.checkouts.stored import step_store, store
from gateway.tmf.json import encode_json
from gateway.upstream.outcome import Unknown

ALONE = {"cart_id": None, "cart_live": False}


def soon(seconds):
    return NOW + timedelta(seconds=seconds)


def read(database, function, *arguments):
    return database.read(lambda connection: function(connection, *arguments))


async def test_a_checkout_is_found_by_id_key_cart_and_order_of_its_tenant_only(database):
    record = await store_checkout(database, idempotency_key="key", order_id="00000001", state="submitted", step=5)
    for tenant, found in (("default", record), ("other", None)):
        assert await read(database, store.get, tenant, "k1") == found
        assert await read(database, store.get_by_key, tenant, "key") == found
        assert await read(database, store.live_of_cart, tenant, "c1") == found
        assert await read(database, store.get_by_order, tenant, "shop", "00000001") == found
    assert await read(database, store.get_by_order, "default", "elsewhere", "00000001") is None


async def test_an_order_is_one_checkouts_whoever_has_it_and_a_tenant_is_told_only_of_its_own(database):
    record = await store_checkout(database, order_id="00000001", state="submitted", step=5)
    other = await store_checkout(
        database, id="k2", tenant="other", order_id="00000001", state="submitted", step=5, **ALONE
    )
    own = await store_checkout(database, id="k3", order_id="00000001", state="submitted", step=5, **ALONE)
    await store_checkout(database, id="k4", tenant="third", upstream="elsewhere", order_id="00000001", **ALONE)
    found = await read(database, store.others_of_order, record, "00000001")
    assert [each.id for each in found] == ["k3", "k2"]
    assert (store.named_to(record, own), store.named_to(record, other)) == ("checkout k3", "another checkout")
    assert await read(database, store.others_of_order, record, "00000002") == []


async def test_of_orders_with_the_same_id_the_latest_is_meant(database):
    for number in range(3):
        await store_checkout(
            database, id=f"k{number}", order_id="1", state="submitted", step=5, created_at=soon(number), **ALONE
        )
    found = await read(database, store.get_by_order, "default", "shop", "1")
    assert found.id == "k2"


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ({"idempotency_key": "a"}, {"idempotency_key": "a", "cart_id": "c2"}, True),
        ({"idempotency_key": "a"}, {"idempotency_key": "b", "cart_id": "c2"}, False),
        ({"idempotency_key": None}, {"idempotency_key": None, "cart_id": "c2"}, False),
        ({"idempotency_key": "a"}, {"idempotency_key": "a", "cart_id": "c2", "tenant": "other"}, False),
        ({}, {}, True),
        ({}, {"tenant": "other"}, False),
        ({"cart_live": False}, {}, False),
        ({"cart_live": False}, {"cart_live": False}, False),
    ],
)
async def test_a_key_and_a_cart_are_taken_once(database, first, second, clash):
    await store_checkout(database, **{"id": "k1", **first})
    if not clash:
        await store_checkout(database, **{"id": "k2", **second})
        return
    with pytest.raises(IntegrityError):
        await store_checkout(database, **{"id": "k2", **second})
    assert await read(database, store.get, "default", "k2") is None
    assert await read(database, store.documents, "default", "k2", ("order",)) == {}


async def test_a_change_counts_the_version_up_and_keeps_to_the_fence(database):
    record = await store_checkout(database)

    def change(fence):
        return database.write(lambda connection: store.change(connection, record, {"attempt": 7}, soon(1), fence=fence))

    assert not await change(5)
    assert await load_checkout(database) == record
    assert await change(0)
    changed = await load_checkout(database)
    assert (changed.attempt, changed.version, changed.updated_at) == (7, 2, soon(1))


async def test_a_change_of_a_version_is_of_that_version_alone(database):
    record = await store_checkout(database)

    def change(version, attempt):
        changes = {"attempt": attempt}
        return database.write(
            lambda connection: store.change(connection, record, changes, soon(1), fence=0, version=version)
        )

    assert await change(2, 7) is None
    assert await load_checkout(database) == record
    changed = await change(1, 7)
    assert changed == await load_checkout(database)
    assert (changed.attempt, changed.version) == (7, 2)
    assert await change(1, 8) is None
    assert await load_checkout(database) == changed


@pytest.mark.parametrize(
    ("state", "released"), [("rejected", True), ("cancelled", True), ("completed", False), ("failed", False)]
)
async def test_the_cart_is_let_go_by_what_ends_without_an_order(database, state, released):
    record = await store_checkout(database, state="submitted", step=5, track_due_at=NOW)
    await database.write(lambda connection: carts.insert(connection, "default", "c1", carts.CartContent("{}"), NOW))
    await database.write(lambda connection: holding.lock(connection, "default", "c1", "k1"))
    await database.write(lambda connection: store.change(connection, record, {"state": state}, NOW))
    changed = await load_checkout(database)
    assert (changed.cart_live, changed.due_at, changed.track_due_at) == (not released, None, None)
    row = await read(database, carts.get, "default", "c1")
    assert row.checkout_id == (None if released else "k1")


async def test_a_cart_that_another_checkout_holds_is_not_let_go(database):
    record = await store_checkout(database)
    await database.write(lambda connection: carts.insert(connection, "default", "c1", carts.CartContent("{}"), NOW))
    await database.write(lambda connection: holding.lock(connection, "default", "c1", "another"))
    await database.write(lambda connection: store.change(connection, record, {"state": "cancelled"}, NOW))
    assert (await read(database, carts.get, "default", "c1")).checkout_id == "another"


async def test_lists_are_newest_first_filtered_and_counted(database):
    for number in range(5):
        await store_checkout(
            database,
            id=f"k{number}",
            state="held" if number % 2 else "drafting",
            external_id=f"e{number}",
            created_at=soon(number // 2),
            **ALONE,
        )
    await store_checkout(database, tenant="other", **ALONE)

    async def page(filters, offset=0, limit=10):
        records, total = await database.read(
            lambda connection: listing.list_page(
                connection, "default", listing.Asked(filters), offset=offset, limit=limit
            )
        )
        return [record.id for record in records], total

    assert await page({}) == (["k4", "k3", "k2", "k1", "k0"], 5)
    assert await page({}, offset=1, limit=2) == (["k3", "k2"], 5)
    assert await page({}, offset=9) == ([], 5)
    assert await page({"state": ["held"]}) == (["k3", "k1"], 2)
    assert await page({"state": ["held", "drafting"], "external_id": ["e1", "e2"]}) == (["k2", "k1"], 2)
    assert await page({"external_id": ["none"]}) == ([], 0)


async def test_open_checkouts_are_counted_up_to_a_limit(database):
    states = ["accepted", "drafting", "submitting", "draft", "submitted", "held", "completed"]
    for number, state in enumerate(states):
        await store_checkout(database, id=f"k{number}", state=state, **ALONE)
    assert await read(database, store.open_count, "default", 10) == 3
    assert await read(database, store.open_count, "default", 2) == 2
    assert await read(database, store.open_count, "other", 10) == 0


async def test_documents_and_steps_of_many_come_in_one_query_each(database):
    for number in range(3):
        await store_checkout(database, id=f"k{number}", **ALONE)
    await store_checkout(database, tenant="other", id="k9", **ALONE)
    ids = ["k0", "k2", "k9", "nope"]
    documents = await read(database, store.documents_of, "default", ids, ("items", "findings"))
    assert {key: set(found) for key, found in documents.items()} == {
        "k0": {"items", "findings"},
        "k2": {"items", "findings"},
    }
    steps = await read(database, step_store.steps_of, "default", ids)
    assert {key: [row.sequence for row in rows] for key, rows in steps.items()} == {
        "k0": [1, 2, 3, 4, 5],
        "k2": [1, 2, 3, 4, 5],
    }


async def test_a_document_is_replaced_by_one_of_its_kind(database):
    await store_checkout(database)
    for text in (b'{"a":1}', b'{"a":2}'):
        await database.write(
            lambda connection, text=text: store.put_documents(connection, "default", "k1", {"lines": text})
        )
    assert await read(database, store.documents, "default", "k1", ("lines",)) == {"lines": '{"a":2}'}


async def test_every_digit_and_letter_of_a_document_comes_back(database):
    ordered = cart(1)
    ordered["cartItem"][0]["product"]["productCharacteristic"][0]["value"] = "é \U0001f600 \u202e z"
    _, documents = frozen(ordered, SPLIT)
    await store_checkout(database, items=1)
    await database.write(lambda connection: store.put_documents(connection, "default", "k1", documents))
    found = await read(database, store.documents, "default", "k1", documents)
    assert {kind: text.encode() for kind, text in found.items()} == documents


# -- the race of equal requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "status"), [("k1", 202), ("k2", 409)])
async def test_r1_an_equal_request_that_was_faster_is_answered_and_another_one_refused(storage, key, status):
    """The faster request commits between the looks of the slower one: at its key, and at its cart."""
    async with running(settings_of(storage)) as gateway:
        body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}}
        first = await gateway.post(body, idempotency_key="k1")
        looks, live_of_cart, get_by_key = 0, store.live_of_cart, store.get_by_key

        def blind(connection, tenant, wanted):
            nonlocal looks
            looks += 1
            return None if looks < 3 else get_by_key(connection, tenant, wanted)

        store.get_by_key = blind
        try:
            second = await gateway.post(body, idempotency_key=key)
        finally:
            store.get_by_key = get_by_key
        assert store.live_of_cart is live_of_cart
        assert second.status_code == status, second.text
        assert first.json()["id"] in second.text


# -- every query names its tenant -------------------------------------------------------------------------------------------

TABLES = ("cart", "checkout", "checkout_document", "checkout_step", "abandoned_draft", "inbox")
# The queries over all tenants: those that find out whose work is due, or clear away what is old. What they find names its tenant.
OVER_ALL = (
    r"WITH RECURSIVE ordering\(tenant\) AS .* FROM checkout UNION ALL",
    # Whose order an id is: an order is one checkout's, whoever's.
    r"SELECT checkout\.tenant, checkout\.id, .* FROM checkout WHERE checkout\.tenant IN \(.* checkout\.order_id =",
    # What a clock that was ahead put off too far.
    r"SELECT \w+\.\w+ FROM \w+ WHERE \w+\.\w+ IS NOT NULL AND \(?\w+\.\w+ >",
    # What waits for an order system that answers again.
    r"UPDATE checkout SET due_at=\S+ WHERE checkout\.due_at > ",
    r"WITH RECURSIVE waiting\(tenant\) AS .* FROM checkout WHERE checkout\.due_at IS NOT NULL",
    r"WITH RECURSIVE waiting\(tenant\) AS .* FROM checkout WHERE checkout\.track_due_at IS NOT NULL",
    r"WITH RECURSIVE waiting\(tenant\) AS .* FROM inbox WHERE inbox\.due_at IS NOT NULL",
    r"WITH RECURSIVE waiting\(tenant\) AS .* FROM abandoned_draft WHERE abandoned_draft\.due_at IS NOT NULL",
    r"SELECT min\(inbox\.tenant\) AS min_1 FROM inbox",
)


@contextmanager
def statements(database):
    """Collect the statements on our tables that the database runs meanwhile."""
    seen = set()

    def note(_connection, _cursor, statement, *_):
        text = " ".join(statement.split())
        if re.search(rf"\b(FROM|INTO|UPDATE|JOIN) ({'|'.join(TABLES)})\b", text):
            seen.add(text)

    engines = {database.engine, getattr(database, "_writer_engine", database.engine)}
    engines |= {database._brief.engine} if hasattr(database, "_brief") else set()
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def names_its_tenant(statement):
    if statement.startswith("INSERT INTO"):
        return "tenant" in statement.partition("(")[2].partition(")")[0]
    if statement.startswith("WITH RECURSIVE"):
        return False
    condition = statement.partition(" WHERE ")[2]
    return re.search(r"\btenant = ", condition) is not None


async def test_k1_every_statement_names_its_tenant(storage):
    clock = Clock()
    async with running(settings_of(storage), clock=clock) as gateway:
        with statements(gateway.services.database) as seen:
            await every_way_through(gateway, clock)
    nameless = [text for text in seen if not names_its_tenant(text)]
    unexpected = [text for text in nameless if not any(re.match(pattern, text) for pattern in OVER_ALL)]
    assert [text[:300] for text in unexpected] == []
    unused = [pattern for pattern in OVER_ALL if not any(re.match(pattern, text) for text in nameless)]
    assert unused == []
    assert len(seen) > 30


async def every_way_through(gateway, clock):
    """Use every operation and every piece of background work once."""
    client = gateway.client
    checkout = await gateway.check_out(submit=False)
    await gateway.work()
    await client.patch(f"{CHECKOUTS}/{checkout['id']}", json={"description": "x"})
    gateway.shop.script([Unknown("504")])
    for _ in range(4):
        await gateway.work()
        clock.advance(100)
    for path in ("submit", "cancel"):
        await client.post(f"{CHECKOUTS}/{checkout['id']}/{path}")
    await gateway.work()
    body = {**request(), "shoppingCart": {"id": await gateway.new_cart()}, "upstream": "plain"}
    for _ in range(2):
        live = await gateway.post(body, idempotency_key="k1")
    await gateway.work()
    await client.post(f"{CHECKOUTS}/{live.json()['id']}/cancel")
    await gateway.work()
    for order_id in ("00000001", "unknown"):
        event_document = {"eventId": f"e{order_id}", "productOrder": {"id": order_id}}
        answer = await gateway.post(event_document, "/notifications/plain")
        assert answer.status_code == 201
    await gateway.post({"productOrder": {"id": "00000001"}}, "/notifications/plain")
    tracker = gateway.tracker()
    await tracker.once()
    await tracker._forget_old_events()
    await gateway.look_at_orders()
    clock.advance(100_000)
    assert await gateway.cleanup().once()
    for query in ("", "?state=draft", "?shoppingCart.id=x&productOrder.id=y"):
        assert (await client.get(f"{CHECKOUTS}{query}")).status_code == 200
    assert (await client.get(f"{CHECKOUTS}/{checkout['id']}")).status_code == 200
    assert (await client.delete(f"{CARTS}/{checkout['shoppingCart']['id']}")).status_code == 204


def test_the_work_of_these_tests_has_five_steps():
    assert len(work_of().plan.steps) == 5


async def test_lines_are_added_step_by_step_and_replaced_together(database):
    for tenant in ("default", "other"):
        await store_checkout(database, tenant=tenant)

    def line(number, state=None):
        return LineState(line_id=f"L{number}", state=state)

    async def add(step, **lines):
        await database.write(lambda c: store.add_lines(c, "default", "k1", lines, step))

    async def lines(tenant="default"):
        found = await read(database, store.documents, tenant, "k1", ["lines", "items"])
        return lines_decoder.decode(found.get("lines", "{}"))

    await add(0, a=line(1), b=line(2))
    await add(11, c=line(3))
    await add(2, d=line(4))
    # A step that is done again, or read back, adds to what it told before; what is told later counts.
    await add(2, e=line(5))
    await add(12, a=line(6))
    assert await lines() == {"a": line(6), "b": line(2), "c": line(3), "d": line(4), "e": line(5)}
    assert await lines("other") == {}

    whole = {"a": line(1, "completed")}
    await database.write(lambda c: store.put_documents(c, "default", "k1", {"lines": encode_json(whole)}))
    assert await lines() == whole
    await add(13, b=line(7))
    assert await lines() == {**whole, "b": line(7)}
