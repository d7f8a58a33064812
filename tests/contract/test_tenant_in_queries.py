"""Every query of the service names the tenant: nothing of a client is ever reached by an id alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from checkout_gateway import CARTS, CHECKOUTS, Gateway
from checkout_work import request
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from gateway.storage import tables
from gateway.tmf.json import encode_json

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What is no query, what the worker asks to learn which tenants have work, and what says whose rows it reads or writes.
_NO_QUERY = re.compile(r"BEGIN|COMMIT|ROLLBACK|PRAGMA|SET |SELECT (1|clock_timestamp)")
_WHO_HAS_WORK = re.compile(
    r"SELECT (DISTINCT \w+\.tenant|min\(\w+\.tenant\) AS \w+) FROM |WITH RECURSIVE \w+\(tenant(, upstream)?\) AS "
)
# Of every tenant, and told to none: what a clock that was ahead put off, what waits for an order system.
_OF_ALL = re.compile(
    r"SELECT \w+\.\w+ FROM \w+ WHERE \w+\.\w+ IS NOT NULL AND \(?\w+\.\w+ >|"
    r"UPDATE checkout SET due_at=\? WHERE checkout\.due_at > "
)
# What is known of order systems is nobody's: its rows belong to no tenant.
_OF_ORDER_SYSTEMS = re.compile(
    r"SELECT .* FROM (upstream_capability|upstream_pause|recovery|found_order|reconciliation)\b(?!.*\b(JOIN|checkout|cart)\b)"
)
_BOUND = re.compile(r"\btenant (= \?|IN \()|\bINSERT INTO \w+ \(tenant,")


def names_tenant(statement: str) -> bool:
    """Tell whether a statement of SQL says whose rows it means."""
    return any(
        (
            _NO_QUERY.match(statement),
            _WHO_HAS_WORK.match(statement),
            _OF_ALL.match(statement),
            _OF_ORDER_SYSTEMS.match(statement),
            _BOUND.search(statement),
        )
    )


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is sent to any database in between."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        sent.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def ask(gateway: Gateway, method: str, path: str, document: Any = None) -> Any:
    """Send one request and return the document of its answer, which must be a success."""
    content = None if document is None else encode_json(document)
    headers = {} if document is None else {"Content-Type": "application/json"}
    answer = await gateway.client.request(method, path, content=content, headers=headers)
    assert answer.is_success, (method, path, answer.text)
    return answer.json() if answer.content else None


async def ask_for_carts(gateway: Gateway) -> None:
    """Do with carts and subscriptions what clients do."""
    cart_id, guest, other = [await gateway.new_cart() for _ in range(3)]
    await ask(gateway, "GET", f"{CARTS}/{cart_id}")
    for query in ("limit=2&sort=-id", "relatedParty.id=CD000001", "id=1", "cartItem.quantity=1&description=x"):
        await ask(gateway, "GET", f"{CARTS}?{query}")
    await ask(gateway, "PATCH", f"{CARTS}/{cart_id}", {"description": "x"})
    await ask(gateway, "POST", f"{CARTS}/{cart_id}/merge", {"shoppingCart": {"id": guest}})
    await ask(gateway, "DELETE", f"{CARTS}/{other}")
    hub = CARTS.replace("/shoppingCart/v4/shoppingCart", "/shoppingCart/v4/hub")
    await ask(gateway, "GET", hub)
    for method in ("GET", "DELETE"):
        assert (await gateway.client.request(method, f"{hub}/nobody")).status_code == 404


async def ask_for_checkouts(gateway: Gateway) -> None:
    """Do with checkouts what clients do, and say what an order system says."""
    order = {name: value for name, value in request().items() if name != "shoppingCart"}
    for submit in (True, False):
        body = {**order, "shoppingCart": {"id": await gateway.new_cart()}, "submit": submit}
        await ask(gateway, "POST", f"{CHECKOUTS}/preview", body)
        created = (await gateway.post(body, idempotency_key=f"key-{submit}")).json()
        assert (await gateway.post(body, idempotency_key=f"key-{submit}")).json()["id"] == created["id"]
        await gateway.work()
        if not submit:
            await ask(gateway, "PATCH", f"{CHECKOUTS}/{created['id']}", {"description": "y"})
            await ask(gateway, "POST", f"{CHECKOUTS}/{created['id']}/submit")
        await ask(gateway, "GET", f"{CHECKOUTS}/{created['id']}")
    cancelled = await ask(gateway, "POST", f"{CARTS}/{await gateway.new_cart()}/checkout", order)
    await ask(gateway, "POST", f"{CHECKOUTS}/{cancelled['id']}/cancel")
    for query in ("shoppingCart.id=1&state=draft", "productOrder.id=1", "externalId=x", "id=1"):
        await ask(gateway, "GET", f"{CHECKOUTS}?{query}")
    trace = f"{CHECKOUTS.rpartition('/')[0]}/trace"
    flows = "/tmf-api/processFlowManagement/v4/processFlow"
    for path in (
        f"{trace}?id={cancelled['id']}",
        f"{trace}?id={order['relatedParty'][0]['id']}&limit=1",
        f"{CHECKOUTS}/{cancelled['id']}/history",
        f"{CHECKOUTS}/history?state=cancelled",
        f"{flows}/{cancelled['id']}",
        f"{flows}?relatedEntity.id={cancelled['id']}",
    ):
        await ask(gateway, "GET", path)
    event_of_order = {"eventId": "1", "productOrder": {"id": "1", "state": "completed"}}
    await ask(gateway, "POST", "/notifications/shop", event_of_order)


@pytest.mark.parametrize("ask_for", [ask_for_carts, ask_for_checkouts])
async def test_every_query_of_requests_and_of_the_worker_names_the_tenant(gateway, ask_for):
    with statements() as sent:
        await ask_for(gateway)

    assert sum("WHERE" in statement for statement in sent) >= 10
    assert [statement[:250] for statement in sent if not names_tenant(statement)] == []


async def test_a_query_by_an_id_alone_would_be_noticed(gateway):
    cart_id = await gateway.new_cart()
    with statements() as sent:
        await gateway.services.database.read(
            lambda connection: connection.execute(select(tables.cart.c.tenant).where(tables.cart.c.id == cart_id)).all()
        )

    assert [statement for statement in sent if not names_tenant(statement)] != []
