"""A dispatcher at work on a database, with senders that take down what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select

from gateway.hub.delivery.dispatcher import Dispatcher
from gateway.hub.delivery.health import Outcome, Taken
from gateway.hub.model import CART_V4, Subscription
from gateway.hub.subscriptions import store
from gateway.settings import HubSettings, Settings
from gateway.storage import Database
from gateway.storage.outbox import CART_CHANGED, CART_CREATED, Happened, publish
from gateway.storage.tables import EPOCH, hub_subscription

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUICK = HubSettings(
    poll_seconds=0.05,
    retry_seconds=(0.0, 0.02, 0.05),
    pause_seconds=(0.05, 0.1),
    timeout_seconds=1.0,
    lease_seconds=5.0,
    page_events_max=10,
    concurrency_max=3,
)


class FakeSender:
    """Takes down what is sent; `behave` says what comes of it."""

    def __init__(self, behave: Callable[[str, dict[str, Any]], Outcome], log: list[tuple[str, str, int]]) -> None:
        self.behave = behave
        self.log = log
        self.under_way: set[str] = set()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        cart = msgspec.json.decode(body)["event"]["shoppingCart"]
        assert cart["id"] not in self.under_way, "two events of one cart are on their way"
        self.under_way.add(cart["id"])
        await asyncio.sleep(0)
        self.under_way.discard(cart["id"])
        self.log.append((headers["webhook-id"], cart["id"], cart["n"]))
        return self.behave(url, cart)

    async def close(self) -> None:
        """Nothing to close."""


def taken(_url: str, _cart: dict[str, Any]) -> Outcome:
    return Taken()


def subscription(name: str = "one", **changes: Any) -> Subscription:
    callback = f"https://{name}.example"
    values: dict[str, Any] = {
        "tenant": "a",
        "id": name,
        "resource": "shoppingCart",
        "version": "v4",
        "callback": callback,
        "query": None,
        "fingerprint": store.fingerprint_of(CART_V4, callback, changes.get("query")),
        "secrets": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "state": "active",
        "state_reason": None,
        "position": 0,
        "failures": 0,
        "failing_since": None,
        "last_success_at": None,
        "last_failure_at": None,
        "last_failure": None,
        "events_dropped": 0,
        "due_at": EPOCH,
        "blocked_due_at": None,
        "fence": 0,
        "lease_owner": None,
        "lease_until": EPOCH,
        "created_at": NOW,
    }
    return Subscription(**(values | changes))


async def subscribed(database: Database, *names: str, **changes: Any) -> None:
    for name in names:
        made = await database.write(
            lambda c, n=name: store.create(c, subscription(n, **changes), store.Bounds(100, 100))
        )
        assert isinstance(made, Subscription)


async def published(database: Database, cart_id: str, *numbers: int, tenant: str = "a") -> None:
    for number in numbers:
        document = f'{{"id":"{cart_id}","n":{number},"relatedParty":[{{"id":"p{number}"}}]}}'
        await database.write(
            lambda c, n=number, d=document: publish(
                c,
                Happened(
                    tenant=tenant,
                    resource="shoppingCart",
                    resource_id=cart_id,
                    sequence=n,
                    event_type=CART_CREATED if n == 1 else CART_CHANGED,
                    document=d,
                ),
                NOW + timedelta(seconds=n),
            )
        )


@asynccontextmanager
async def dispatching(
    database: Database,
    behave: Callable[[str, dict[str, Any]], Outcome] = taken,
    *,
    hub: HubSettings = QUICK,
    owner: str = "first",
    log: list[tuple[str, str, int]] | None = None,
) -> AsyncIterator[tuple[Dispatcher, list[tuple[str, str, int]]]]:
    log = [] if log is None else log
    dispatcher = Dispatcher(
        settings=Settings(hub=hub), database=database, owner=owner, new_sender=lambda: FakeSender(behave, log)
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher, log
    finally:
        await dispatcher.stop(5.0)
        await task


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is in a list, nobody sets an event
            await asyncio.sleep(0.01)


async def row(database: Database, name: str = "one") -> Any:
    return await database.read(lambda c: c.execute(select(hub_subscription).where(hub_subscription.c.id == name)).one())
