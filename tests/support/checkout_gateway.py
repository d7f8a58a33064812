"""A gateway in this process with order systems in memory: over HTTP without sockets, its worker run turn by turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from application_runs import started
from checkout_work import PLAIN, SPLIT, cart, request
from fake_upstream import FakeUpstream
from msgspec.structs import replace
from sqlalchemy import Connection, delete, func, inspect, select, update

from gateway.app import create_app
from gateway.checkouts.model import CheckoutRecord
from gateway.clock import utc_now
from gateway.services import Services
from gateway.settings import Settings, StorageSettings, UpstreamSettings
from gateway.storage import tables
from gateway.submission import cleanup_store
from gateway.submission.cleanup import Cleanup
from gateway.submission.worker import Worker
from gateway.tmf.json import encode_json
from gateway.tracking.store import wake_waiting
from gateway.tracking.tracker import Tracker

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
STORED = (
    tables.checkout,
    tables.checkout_document,
    tables.checkout_step,
    tables.abandoned_draft,
    tables.inbox,
    tables.inbox_usage,
)


class Clock:
    """The database's time and the monotonic time of a test; neither moves by itself."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self, _connection: object = None) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


def settings_of(storage: StorageSettings, **settings: Any) -> Settings:
    """Return settings with two order systems: `shop` (drafts, two items a call) and `plain` (live at once)."""
    upstreams = {
        "shop": UpstreamSettings(base_url="http://127.0.0.1:1/shop", mapping="salesforce-v4"),
        "plain": UpstreamSettings(base_url="http://127.0.0.1:1/plain", mapping="tmf622-v4"),
    }
    given: dict[str, Any] = {"storage": storage, "upstreams": upstreams, **settings}
    built = Settings(**given)
    if "checkout" not in settings:
        # Nothing that a test changes is waited for; those that are about waiting say so.
        built = replace(built, checkout=replace(built.checkout, redraft_seconds=0.0))
    if not built.checkout.default_upstream:
        built = replace(built, checkout=replace(built.checkout, default_upstream="shop"))
    return built


@dataclass
class Gateway:
    """The application, its client and its order systems."""

    client: httpx.AsyncClient
    services: Services
    shop: FakeUpstream
    plain: FakeUpstream
    clock: Clock | None = None
    background: bool = False

    def worker(self, owner: str = "test") -> Worker:
        monotonic = {"monotonic": self.clock.monotonic} if self.clock else {}
        return Worker(
            self.services,
            owner=owner,
            record_submitted=lambda connection, record, now: wake_waiting(
                connection, record.tenant, record.upstream, record.order_id or "", now
            ),
            **monotonic,
        )

    def tracker(self) -> Tracker:
        return Tracker(
            settings=self.services.settings,
            database=self.services.database,
            upstreams=self.services.upstreams,
            mappings=self.services.mappings,
        )

    async def look_at_orders(self) -> None:
        """Let every live order be read, as if its time had come."""

        def due_now(connection: Connection) -> None:
            table, now = tables.checkout, self.services.database.now(connection)
            live = update(table).where(table.c.tenant == "default", table.c.state == "submitted")
            connection.execute(live.values(track_due_at=now))

        await self.services.database.write(due_now)
        await self.tracker().once()

    def cleanup(self) -> Cleanup:
        return Cleanup(
            settings=self.services.settings,
            database=self.services.database,
            upstreams=self.services.upstreams,
            mappings=self.services.mappings,
        )

    async def work(self, worker: Worker | None = None) -> int:
        """Let the worker do what is due now; return how many turns that took."""
        worker = worker or self.worker()
        turns = 0
        while claimed := await worker._claim():
            for record in claimed:
                await worker._guarded(record, worker.monotonic())
                turns += 1
        return turns

    async def new_cart(self, document: dict[str, Any] | None = None) -> str:
        """Store a cart and return its id."""
        body = encode_json({"cartItem": cart()["cartItem"]} if document is None else document)
        answer = await self.client.post(CARTS, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 201, answer.text
        cart_id: str = answer.json()["id"]
        return cart_id

    async def post(self, body: Any, path: str = CHECKOUTS, **headers: str) -> httpx.Response:
        """POST a body (bytes as they are) as JSON; `idempotency_key` is the header Idempotency-Key."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else encode_json(body)
        return await self.client.post(path, content=content, headers={"Content-Type": "application/json", **named})

    async def check_out(self, **attributes: Any) -> dict[str, Any]:
        """Store a cart, check it out and return the checkout."""
        answer = await self.post({**request(), "shoppingCart": {"id": await self.new_cart()}, **attributes})
        assert answer.status_code == 202, answer.text
        checkout: dict[str, Any] = answer.json()
        return checkout

    async def get(self, checkout: dict[str, Any] | str) -> dict[str, Any]:
        """Return the checkout as it is now."""
        checkout_id = checkout if isinstance(checkout, str) else checkout["id"]
        answer = await self.client.get(f"{CHECKOUTS}/{checkout_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def record(self, checkout_id: str) -> CheckoutRecord:
        from gateway.checkouts.stored import store

        found = await self.services.database.read(lambda connection: store.get(connection, "default", checkout_id))
        assert found is not None
        return found

    async def rows(self) -> int:
        """Return how many rows of checkouts there are, of any kind."""
        return await self.services.database.read(
            lambda connection: sum(
                connection.execute(select(func.count()).select_from(table)).scalar_one() for table in STORED
            )
        )

    async def make_empty(self) -> Gateway:
        """Forget everything, so that the next test may use the same application: starting one takes long."""

        def function(connection: Connection) -> None:
            there = set(inspect(connection).get_table_names())
            for table in reversed(tables.metadata.sorted_tables):
                if table.name in there:
                    connection.execute(delete(table))

        await self.services.database.write(function)
        for fake, mapping, live_state in ((self.shop, SPLIT, "In Progress"), (self.plain, PLAIN, "acknowledged")):
            vars(fake).clear()  # what a test put in the place of a method, too
            FakeUpstream.__init__(fake, mapping, live_state=live_state)
        if self.clock is not None:
            vars(self.clock).clear()
            self.clock.__init__()  # type: ignore[misc]
        return self

    async def next_due(self) -> datetime | None:
        """Return when the next checkout is due, or its lease ends."""

        def function(connection: Any) -> datetime | None:
            rows = connection.execute(
                select(tables.checkout.c.due_at, tables.checkout.c.lease_until).where(
                    tables.checkout.c.due_at.is_not(None)
                )
            )
            return min((max(row.due_at, row.lease_until) for row in rows), default=None)

        return await self.services.database.read(function)

    async def due_drafts(self) -> list[Any]:
        return await self.services.database.read(
            lambda connection: cleanup_store.due_abandoned(connection, utc_now() + timedelta(days=40), 100)
        )


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    background: Any = (),
    qualifications: Any = None,
    catalogue: Any = None,
) -> AsyncIterator[Gateway]:
    """Start a gateway with order systems in memory."""
    shop, plain = FakeUpstream(SPLIT, live_state="In Progress"), FakeUpstream(PLAIN)
    application = create_app(
        settings,
        mappings={"salesforce-v4": SPLIT, "tmf622-v4": PLAIN},
        upstreams={"shop": shop, "plain": plain},
        background=background,
        qualifications=qualifications,
        catalogue=catalogue,
    )
    if clock is not None:
        application.services.database.now = clock.now  # type: ignore[method-assign]
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with (
        started(application),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
    ):
        yield Gateway(client, application.services, shop, plain, clock)


def assert_error(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that the answer is a TMF Error of that status with these words, and return it."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["@type"], body["status"]) == ("Error", str(status))
    assert body["code"]
    assert body["reason"]
    for word in words:
        assert word in answer.text
    return body


def assert_conflict(answer: httpx.Response, *words: str) -> None:
    """Check that the answer is a 409 whose message holds these words."""
    assert answer.status_code == 409, answer.text
    for word in words:
        assert word in answer.json()["message"]


def live_orders(upstream: FakeUpstream) -> list[dict[str, Any]]:
    """Return the orders that are no draft any more."""
    return [order for order in upstream.orders.values() if order["state"] != "Draft"]


async def act(gateway: Gateway, checkout: dict[str, Any], action: str) -> httpx.Response:
    """Submit or cancel a checkout."""
    return await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/{action}")


async def set_columns(gateway: Gateway, checkout: dict[str, Any], **columns: Any) -> None:
    """Put a checkout's row into a state that is hard to reach."""
    await gateway.services.database.write(
        lambda connection: connection.execute(
            update(tables.checkout).where(tables.checkout.c.id == checkout["id"]).values(**columns)
        )
    )
