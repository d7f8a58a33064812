"""An order system in virtual time that disturbs nearly every second call that changes something.

It keeps orders and their lines, not documents. Calls are refused, turned away, lost before or after their effect, applied by
half or twice, and take effect up to hours late. Searches miss young orders, break off, and say so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from msgspec.json import decode
from msgspec.structs import replace

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import KnownLine, Marker, ObservedOrder, RenderedStep
from gateway.upstream.cancel_task import CancelTask, CancelWish
from gateway.upstream.evidence import CallInDoubt, FindResult, incomplete, proven, uncontrolled
from gateway.upstream.outcome import Accepted, NotExecuted, NotSent, Outcome, Rejected, Unknown
from gateway.upstream.port import ReadFailed

# Shares of the calls that change something; the rest is answered as it should be.
FAULTS: dict[str, float] = {
    "refused connection": 0.07,
    "throttled": 0.06,
    "lost": 0.06,
    "5xx before": 0.06,
    "5xx after": 0.06,
    "reset after": 0.05,
    "half": 0.03,
    "twice": 0.02,
    "late": 0.06,
}
READ_FAULTS = 0.1
# Calls that did not succeed, or may not have, and whose answer looks like a success until it is looked into.
FALSE_SUCCESSES = 0.2
BROKEN_SEARCHES = 0.3
# Of those that look through several pages.
BROKEN_SCANS = 0.5
LAG_SECONDS_MAX = 4.0


class Pause:
    """Time passes. A process may be stopped here for long, unless `brief`, and it may be killed here."""

    def __init__(self, seconds: float, *, brief: bool = False) -> None:
        self.seconds = seconds
        self.brief = brief

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


@dataclass
class Line:
    id: str
    item_id: str
    parent: str | None
    offering: str
    quantity: int
    characteristics: dict[str, Any]
    alterations: list[dict[str, Any]]


@dataclass
class ModelOrder:
    id: str
    marker: str
    made_at: float
    live: bool
    lines: list[Line] = field(default_factory=list)
    submissions: int = 0

    def item(self, item_id: str) -> Line | None:
        return next((line for line in self.lines if line.item_id == item_id), None)


class ModelUpstream:
    """See the module. `now` is virtual time; `late_seconds_max` is how late a call may take effect.

    `brief_sending` says that a process is never stopped for long between its last look at its lease and the sending:
    without it nothing can be promised for orders that are live at once.
    """

    def __init__(self, mapping: Mapping, random: Random, now: Callable[[], float], late_seconds_max: float) -> None:
        self.mapping = mapping
        self.random = random
        self.orders: dict[str, ModelOrder] = {}
        self.late: list[tuple[float, RenderedStep]] = []
        self.sent = 0
        self.disturbed = True
        self.pages = 1
        self._now = now
        self._late_seconds_max = late_seconds_max
        self._brief_sending = not mapping.draft.supported
        self._lines = 0
        # Nobody can see a price that was set twice where prices are not shown, nor undo a live order.
        self._repeatable = {"create", "add", "submit"} if mapping.draft.supported else set()

    # -- calls -----------------------------------------------------------------------------------------------------------

    async def send(self, rendered: RenderedStep, *, answered: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        await Pause(self.random.uniform(0.0, 0.05), brief=self._brief_sending)
        self.sent += 1
        outcome, seconds = self._call(rendered)
        await Pause(seconds)
        if answered is not None and (isinstance(outcome, Accepted) or self.random.random() < FALSE_SUCCESSES):
            await answered()
        return outcome

    def _call(self, rendered: RenderedStep) -> tuple[Outcome, float]:  # noqa: PLR0911 - one return for each fault
        """Return the outcome of a call and how long it took; the effect, if there is one now, is done."""
        fault = self._fault(rendered)
        if fault == "refused connection":
            return NotSent("no connection"), 3.0
        if fault == "throttled":
            return NotExecuted("429", 7.0), 0.2
        if fault == "lost":
            return Unknown("no complete answer"), 30.0
        if fault == "5xx before":
            return Unknown("503"), 1.0
        if fault == "late":
            self.late.append((self._now() + self.random.uniform(0.0, self._late_seconds_max), rendered))
            return Unknown("no complete answer"), 30.0
        if fault == "half" and rendered.kind == "add":
            self._apply(rendered, half=True)
            return Unknown("500"), 1.0
        outcome = self._apply(rendered)
        if fault == "twice" and rendered.kind in self._repeatable:
            # Something in between repeats the call, and passes the second answer on.
            outcome = self._apply(rendered)
        if fault == "5xx after":
            return Unknown("502"), 1.0
        if fault == "reset after":
            return Unknown("the connection was lost"), 0.5
        return outcome, self.random.uniform(0.1, 2.0)

    def _fault(self, _rendered: RenderedStep) -> str | None:
        drawn = self.random.random()
        for name, share in FAULTS.items() if self.disturbed else ():
            if drawn < share:
                return name
            drawn -= share
        return None

    def apply_late(self, until: float) -> None:
        """Let everything take effect that is due by now."""
        due = sorted((entry for entry in self.late if entry[0] <= until), key=lambda entry: entry[0])
        self.late = [entry for entry in self.late if entry[0] > until]
        for moment, rendered in due:
            self._apply(rendered, at=moment)

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        await Pause(self.random.uniform(0.05, 0.5))
        if self.disturbed and self.random.random() < READ_FAULTS:
            raise ReadFailed("503")
        order = self.orders.get(order_id)
        observed = None if order is None else self._observed(order)
        await Pause(self.random.uniform(0.05, 0.5))
        return observed

    async def get_head(self, order_id: str) -> ObservedOrder | None:
        observed = await self.get_order(order_id)
        return None if observed is None else replace(observed, lines=())

    async def find(
        self,
        marker: str,
        *,
        since: datetime,
        doubt: CallInDoubt | None = None,
        live: bool = False,
        beside: str | None = None,
    ) -> FindResult:
        """Search; an order younger than the lag is not seen. A search that breaks off may have missed any order."""
        del since, beside
        for _ in range(self.pages):
            await Pause(self.random.uniform(0.1, 1.0))
        broken = self.disturbed and self.random.random() < (BROKEN_SEARCHES if self.pages == 1 else BROKEN_SCANS)
        hits = [order for order in self.searched() if order.marker == marker]
        if broken:
            hits = [order for order in hits if self.random.random() < 0.1]
        found = tuple(self._observed(order) for order in hits)
        await Pause(self.random.uniform(0.1, 1.0))
        if broken:
            return FindResult(found, incomplete("page_failed"))
        return FindResult(found, uncontrolled() if doubt is None else proven())

    def searched(self) -> list[ModelOrder]:
        """Return the orders that a search sees."""
        lag = self.random.uniform(0.0, LAG_SECONDS_MAX)
        return [order for order in self.orders.values() if order.made_at <= self._now() - lag]

    # The protocol has these four too. Nothing that is simulated may need them: no checkout is cancelled once its order is live,
    # and nobody cleans up or closes here.

    async def cancel(self, order_id: str, wish: CancelWish) -> Outcome:
        raise AssertionError("no live order is cancelled in the simulation")

    async def get_cancel_task(self, task_id: str, order_id: str) -> CancelTask | None:
        raise AssertionError("no live order is cancelled in the simulation")

    async def delete(self, order_id: str) -> Outcome:
        raise AssertionError("no abandoned draft is cleaned up in the simulation")

    async def close(self) -> None:
        raise AssertionError("no client is closed in the simulation")

    # -- effects ---------------------------------------------------------------------------------------------------------

    def _apply(self, rendered: RenderedStep, *, half: bool = False, at: float | None = None) -> Outcome:
        """Let a call take effect; `at` is when that was, if not now: nobody may have looked since."""
        body = decode(rendered.body)
        items = body.get("productOrderItem", [])
        if rendered.kind == "create":
            made_at = self._now() if at is None else at
            order = ModelOrder(f"{len(self.orders) + 1:08d}", body["externalId"], made_at, live=False)
            self.orders[order.id] = order
            self._add(order, items, None)
            if not self.mapping.draft.supported:
                self._submit(order)
            return Accepted(201, {"id": order.id, "externalId": order.marker, "state": self._state(order)})
        order = self.orders[rendered.path.rpartition("/")[2]]
        if order.live:
            return Rejected(400, "1006", "400 1006: the order is not a draft")
        if rendered.kind == "submit":
            self._submit(order)
        elif rendered.kind == "price":
            (item,) = items
            line = next(line for line in order.lines if line.id == item["orderLineItemId"])
            line.alterations += _alterations(item)
        else:
            self._add(order, items[: max(1, len(items) // 2)] if half else items, None)
        return Accepted(200, {"id": order.id, "externalId": order.marker, "state": self._state(order)})

    def _submit(self, order: ModelOrder) -> None:
        order.live = True
        order.submissions += 1

    def _state(self, order: ModelOrder) -> str:
        return "acknowledged" if order.live else self.mapping.draft.states[0]

    def _add(self, order: ModelOrder, items: Iterable[dict[str, Any]], parent: str | None) -> None:
        for item in items:
            line_id = item.get("orderLineItemId")
            if line_id is None:
                self._lines += 1
                line_id = item["id"] if self.mapping.lines.line_id == "id" else f"line {self._lines}"
                characteristics = item.get("product", {}).get("productCharacteristic", ())
                order.lines.append(
                    Line(
                        id=line_id,
                        item_id=item["id"],
                        parent=parent,
                        offering=item["productOffering"]["id"],
                        quantity=item["quantity"],
                        characteristics={entry["name"]: entry["value"] for entry in characteristics},
                        alterations=_alterations(item),
                    )
                )
            self._add(order, item.get("productOrderItem", ()), line_id)

    def _observed(self, order: ModelOrder) -> ObservedOrder:
        shown = self.mapping.lines.alterations_readable
        lines = tuple(
            KnownLine(
                line_id=line.id,
                item_id=line.item_id,
                parent_line_id=line.parent,
                offering=line.offering,
                action="add",
                quantity=line.quantity,
                characteristics=dict(line.characteristics),
                alterations=tuple(line.alterations) if shown else None,
            )
            for line in order.lines
        )
        return ObservedOrder(
            id=order.id, href=None, state=self._state(order), marker=Marker((order.marker,)), lines=lines
        )


def _alterations(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for price in item.get("itemPrice", ()) for each in price.get("priceAlteration", ())]
