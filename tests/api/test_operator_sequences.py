"""Whatever operators and clients do, and however late an order system shows what it did: a cart has one live order at most."""

from __future__ import annotations

import copy
import random

import pytest
from checkout_gateway import CHECKOUTS, request, set_columns

from gateway.ordering import read_order
from gateway.upstream.evidence import FindResult, uncontrolled
from gateway.upstream.outcome import NotExecuted, Unknown

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHY = {"reason": "drawn at random"}
ACTIONS = ("retry", "poll", "adopt", "submit", "cancel", "hold", "look", *["close", "work", "late", "order again"] * 3)
BEGINNINGS = [
    ([], "none"),
    ([Unknown("the answer was lost")], "applied"),
    ([Unknown("the answer was lost")], "none"),
    ([NotExecuted("503")], "none"),
    ([None, Unknown("the answer was lost")], "applied"),
]


class Late:
    """An order system that shows orders as they were before they were live: as drafts, or not at all, while `is_late`."""

    def __init__(self, fake, monkeypatch):
        self.fake, self.is_late = fake, False
        self._get_order, self._find = fake.get_order, fake.find
        monkeypatch.setattr(fake, "get_order", self.get_order)
        monkeypatch.setattr(fake, "find", self.find)

    async def get_order(self, order_id):
        """Read an order."""
        if not self.is_late or order_id not in self.fake.orders:
            return await self._get_order(order_id)
        if not self.fake.mapping.draft.supported:
            return None
        return read_order({**copy.deepcopy(self.fake.orders[order_id]), "state": "Draft"}, self.fake.mapping)

    async def find(self, marker, *, since, doubt=None, live=False, beside=None):
        """Search by marker; what is late proves nothing."""
        found = await self._find(marker, since=since, doubt=doubt, live=live, beside=beside)
        if not self.is_late:
            return found
        if not self.fake.mapping.draft.supported:
            return FindResult((), uncontrolled())
        orders = [await self.get_order(order.id) for order in found.orders]
        return FindResult(tuple(order for order in orders if order is not None), uncontrolled())


async def do(gateway, late, drawn, checkouts):
    """Do one thing that is drawn."""
    action, checkout = drawn.choice(ACTIONS), drawn.choice(checkouts)
    now = await gateway.get(checkout)
    bodies = {
        "retry": WHY,
        "poll": WHY,
        "close": {**WHY, "outcome": drawn.choice(["rejected", "cancelled"])},
        "adopt": {**WHY, "productOrder": {"id": (now["productOrder"] or {}).get("id") or "none"}},
    }
    if action in bodies or action in {"submit", "cancel"}:
        answer = await gateway.post(bodies.get(action, b""), f"{CHECKOUTS}/{checkout['id']}/{action}")
        assert answer.status_code < 500, answer.text
    elif action == "hold" and now["state"] == "submitted":
        held = {"state": "held", "reason_code": "outcome_unknown", "status_reason": "nobody knows"}
        await set_columns(gateway, checkout, **held, due_at=None, track_due_at=None)
    elif action == "work":
        await gateway.work()
    elif action == "look":
        await gateway.look_at_orders()
    elif action == "late":
        late.is_late = not late.is_late
    elif action == "order again":
        body = {**request(), "upstream": now["upstream"], "shoppingCart": {"id": now["shoppingCart"]["id"]}}
        answer = await gateway.post(body)
        assert answer.status_code in {202, 409, 422}, answer.text
        checkouts += [answer.json()] if answer.status_code == 202 else []
    return action


@pytest.mark.parametrize("sequences", [18, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("name", ["shop", "plain"])
async def test_no_sequence_of_actions_makes_a_second_live_order(gateway, monkeypatch, name, sequences):
    fake, ordered_again = getattr(gateway, name), 0
    late = Late(fake, monkeypatch)
    for seed in range(sequences):
        drawn = random.Random(seed)
        late.is_late = False
        outcomes, effect = drawn.choice(BEGINNINGS)
        fake.script(outcomes, effect=effect)
        checkouts = [await gateway.check_out(upstream=name, submit=drawn.random() < 0.8)]
        await gateway.work()
        done = [await do(gateway, late, drawn, checkouts) for _ in range(12)]
        fake._script.clear()
        late.is_late = False
        await gateway.work()
        dead = {"draft", "cancelled", "rejected", "failed"}
        roots = tuple([(await gateway.record(each["id"])).marker_root for each in checkouts])
        own = [order for order in fake.orders.values() if any(root in order["externalId"] for root in roots)]
        live = [order["id"] for order in own if order["state"].lower() not in dead]
        assert len(live) <= 1, (seed, outcomes, effect, done)
        ordered_again += len(checkouts) - 1
    assert ordered_again, "no cart was let go: nothing was tried"
