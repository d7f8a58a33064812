"""A storm of notifications: doubled, shuffled, early, unknown, forged. Where it ends is what the order system's ledger says.

Also with every notification lost: then the poller finds every end.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from checkout_gateway import running, settings_of
from checkout_work import SALESFORCE, live_document
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import func, select, update
from standardwebhooks import Webhook
from tracker_runs import submitted

from gateway.runtime import tracking
from gateway.settings import NotificationSettings, SubmissionSettings, TrackingSettings
from gateway.storage.tables import checkout, inbox
from gateway.tracking.store import wake_waiting
from gateway.upstream.evidence import FindResult, uncontrolled

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
FORGER = "whsec_" + base64.b64encode(b"f" * 32).decode()
WAYS = (
    ("In Progress", "Completed"),
    ("In Progress", "Decomposed", "Activated"),
    ("Accepted", "In Progress", "Cancelled"),
    ("Rejected",),
    ("In Progress", "Awaiting Fitter", "Completed"),
    ("In Progress",),
)
# What a checkout is at the end of each way.
ENDS = {"Completed": "completed", "Activated": "completed", "Cancelled": "cancelled", "Rejected": "rejected"}
AT_ONCE = 100
WAIT_SECONDS = 100


class Told(Struct, frozen=True):
    """One delivery of a notification."""

    event_id: str
    order_id: str
    state: str
    forged: bool = False


def marker_root(number):
    return "storm" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:011d}")


class World:
    """Orders of an order system, what it does with them, and what it tells of that: `ledger` is the truth."""

    def __init__(self, orders, deliveries, seed):
        self.draw = random.Random(seed)
        self.ids = [f"{number:08d}" for number in range(1, orders + 1)]
        self.ways = {order_id: self.draw.choice(WAYS) for order_id in self.ids}
        self.ledger = {order_id: way[-1] for order_id, way in self.ways.items()}
        # Checkouts that learn only later that these orders are theirs: their notifications come early.
        self.early = set(self.draw.sample(self.ids, orders // 10))
        self.deliveries = self._deliveries(deliveries)

    def _deliveries(self, count):
        """Return what is delivered, in the order of delivery: 30 % doubled, 5 % about unknown orders, 1 % forged."""
        doubled, unknown, forged = count * 30 // 100, count * 5 // 100, count // 100
        told = [
            Told(f"{order_id}-{turn}", order_id, state)
            for order_id, way in self.ways.items()
            for turn, state in enumerate(way)
        ]
        fill = count - doubled - unknown - forged - len(told)
        assert fill >= 0, "every state of every order is told"
        for number in range(fill):
            # The same state under another id, and now and then one that is long past.
            order_id = self.draw.choice(self.ids)
            told.append(Told(f"again-{number}", order_id, self.draw.choice(self.ways[order_id])))
        told += self.draw.choices(told, k=doubled)
        told += [Told(f"unknown-{number}", f"X{number}", "Completed") for number in range(unknown)]
        told += [
            Told(f"forged-{number}", self.draw.choice(self.ids), "Rejected", forged=True) for number in range(forged)
        ]
        self.draw.shuffle(told)
        return told

    def put_into(self, fake):
        """Let the order system have the orders, each as it was submitted, and found by its marker without a look at all of them."""
        by_marker = {}
        for number, order_id in enumerate(self.ids):
            marker = f"gw1-{marker_root(number)}-0"
            by_marker[marker] = order_id
            fake.orders[order_id] = live_document(SALESFORCE, "Submitted", order_id, externalId=marker)

        async def find(marker, **_):
            order = await fake.get_order(by_marker[marker])
            return FindResult((order,) if order is not None else (), uncontrolled())

        fake.find = find

    async def check_out(self, database, order_id):
        number = self.ids.index(order_id)
        identity = {"id": f"k{order_id}", "marker_root": marker_root(number), "order_id": order_id}
        await submitted(database, cart_id=None, cart_live=False, submit_intent_order=order_id, **identity)

    def move_on(self, fake, share):
        """Let the orders go a part of their ways."""
        for order_id, way in self.ways.items():
            at = round(share * len(way))
            if at:
                fake.orders[order_id]["state"] = way[at - 1]


def signed(told):
    body = json.dumps(
        {
            "eventId": told.event_id,
            "eventType": "ProductOrderStateChangeEvent",
            "event": {"productOrder": {"id": told.order_id, "state": told.state}},
        }
    )
    now = datetime.now(UTC)
    signature = Webhook(FORGER if told.forged else SECRET).sign(told.event_id, now, body)
    headers = {
        "webhook_id": told.event_id,
        "webhook_timestamp": str(int(now.timestamp())),
        "webhook_signature": signature,
    }
    return body.encode(), headers


async def deliver(gateway, told):
    """Send a notification until it is taken, as a sender does that keeps to Retry-After; return the status of its answer."""
    body, headers = signed(told)
    while (answer := await gateway.post(body, "/notifications/shop", **headers)).status_code == 503:  # noqa: ASYNC110 - it is told when
        await asyncio.sleep(0.01 * float(answer.headers["retry-after"]))
    return answer.status_code


async def states(database):
    rows = await database.read(lambda c: list(c.execute(select(checkout.c.order_id, checkout.c.state))))
    return {row.order_id: row.state for row in rows}


async def settled(database):
    """Wait until every notification was looked at, and those of known orders were dealt with."""
    open_ones = (inbox.c.state == "received") | ((inbox.c.state == "waiting") & inbox.c.order_id.not_like("X%"))
    query = select(func.count()).where(open_ones)
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while left := await database.read(lambda c: c.execute(query).scalar_one()):
        assert asyncio.get_running_loop().time() < deadline, f"{left} are left"
        await asyncio.sleep(0.05)


def settings_for(storage, **tracker):
    own = NotificationSettings(signing_secret=SECRET)
    settings = settings_of(
        storage,
        submission=SubmissionSettings(poll_seconds=0.05),
        tracking=TrackingSettings(**{"poll_seconds": (3600.0,), "coalesce_seconds": 0.01, **tracker}),
    )
    return replace(settings, upstreams={"shop": replace(settings.upstreams["shop"], notifications=own)})


@pytest.mark.parametrize(
    ("orders", "deliveries"),
    [(12, 240), pytest.param(500, 10_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    ids=["short", "10 000"],
)
async def test_g6_a_storm_ends_where_the_ledger_ends(storage, orders, deliveries):
    world = World(orders, deliveries, seed=orders)
    async with running(settings_for(storage), background=[tracking]) as gateway:
        database = gateway.services.database
        world.put_into(gateway.shop)
        for order_id in set(world.ids) - world.early:
            await world.check_out(database, order_id)
        # Orders move on while notifications come, before the first and after the last of them.
        pieces = [world.deliveries[start : start + AT_ONCE] for start in range(0, deliveries, AT_ONCE)]
        for number, piece in enumerate(pieces):
            world.move_on(gateway.shop, (number + 1) / len(pieces))
            statuses = await asyncio.gather(*(deliver(gateway, told) for told in piece))
            assert statuses == [401 if told.forged else 200 for told in piece]
            if number == len(pieces) // 2:
                for order_id in sorted(world.early):
                    await world.check_out(database, order_id)
                    await database.write(
                        lambda c, order_id=order_id: wake_waiting(c, "default", "shop", order_id, database.now(c))
                    )
        # The last that an order system tells of an order tells its last state.
        last = [Told(f"last-{order_id}", order_id, state) for order_id, state in world.ledger.items()]
        assert set(await asyncio.gather(*(deliver(gateway, told) for told in last))) == {200}
        await settled(database)
        found = await states(database)
        rows = await database.read(
            lambda c: list(c.execute(select(inbox.c.dedup_key, inbox.c.state, inbox.c.order_id)))
        )
    assert found == {order_id: ENDS.get(state, "submitted") for order_id, state in world.ledger.items()}
    sent = {told.event_id for told in [*world.deliveries, *last] if not told.forged}
    assert {row.dedup_key for row in rows} == sent, "none is lost, none that was forged is kept"
    assert len(rows) == len(sent), "none is kept twice"
    assert {row.state for row in rows if not row.order_id.startswith("X")} == {"done"}
    assert {row.state for row in rows if row.order_id.startswith("X")} == {"waiting"}


@pytest.mark.parametrize(
    "orders", [20, pytest.param(500, marks=[pytest.mark.long, pytest.mark.timeout(600)])], ids=["short", "500"]
)
async def test_e5_with_every_notification_lost_the_poller_brings_every_checkout_to_its_end(storage, orders):
    world = World(orders, 10 * orders, seed=orders)
    async with running(settings_for(storage, poll_seconds=(0.2,)), background=[tracking]) as gateway:
        database = gateway.services.database
        world.put_into(gateway.shop)
        for order_id in world.ids:
            await world.check_out(database, order_id)
        soon = update(checkout).values(track_due_at=datetime.now(UTC) - timedelta(seconds=1))
        await database.write(lambda c: c.execute(soon))
        world.move_on(gateway.shop, 1)
        ends = {order_id: ENDS.get(state, "submitted") for order_id, state in world.ledger.items()}
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while (found := await states(database)) != ends:
            assert asyncio.get_running_loop().time() < deadline, found
            await asyncio.sleep(0.05)
