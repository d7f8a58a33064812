"""An order system in memory, with the same methods as the client: for tests of what stands before it, without sockets.

It keeps orders as documents in their wire shape and shows them through the same reading as a real answer. Outcomes can be
scripted, each with what happened behind it: the effect took place, did not, or takes place later (`apply_late`).
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace as with_changes

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import ObservedOrder, RenderedStep
from gateway.ordering.readback.reading import read_order
from gateway.tmf.json import decode_stored
from gateway.upstream.cancel_task import CancelTask, CancelWish
from gateway.upstream.evidence import Absence, CallInDoubt, FindResult, Hint, incomplete, proven, uncontrolled
from gateway.upstream.outcome import Accepted, NotExecuted, NotSent, Outcome, Rejected
from gateway.upstream.port import ReadFailed
from gateway.upstream.reasons import with_reasons
from gateway.upstream.rows import read_row

Effect: TypeAlias = Literal["applied", "none", "later"]
_HTTP_CREATED, _HTTP_OK, _HTTP_BAD_REQUEST, _HTTP_NOT_FOUND = 201, 200, 400, 404


class SentCall(Struct, frozen=True):
    """One call that was made: `create`, `add`, `price`, `submit`, `cancel` or `delete`; `order_id` None for a create."""

    kind: str
    order_id: str | None
    sequence: int | None = None


class _Change(Struct, frozen=True):
    method: str
    order_id: str | None
    body: Any


class FakeUpstream:
    """See the module. `calls` lists what was sent, `orders` holds the documents by id.

    `absence`, where it is set, is what a search that finds nothing more is worth; else it proves what it was asked to prove.
    `live_state` and `cancelled_state` are the words for the state of an order that was submitted without naming one, or cancelled.
    """

    def __init__(
        self, mapping: Mapping, *, live_state: str = "acknowledged", cancelled_state: str = "cancelled"
    ) -> None:
        self.mapping = mapping
        self.live_state = live_state
        self.cancelled_state = cancelled_state
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: list[SentCall] = []
        self.absence: Absence | None = None
        self.cancel_wishes: list[CancelWish] = []
        self.cancel_tasks: list[dict[str, str]] | None = None
        self.closed = False
        self._script: deque[tuple[Outcome | None, Effect]] = deque()
        self._failing_reads: deque[ReadFailed] = deque()
        self._late: list[_Change] = []
        self._orders_made = 0
        self._lines_made = 0

    def script(self, outcomes: Iterable[Outcome | None], *, effect: Effect = "none") -> None:
        """Answer the next calls with `outcomes` (None: as it really is); `effect` says what happens behind them."""
        self._script.extend((outcome, "applied" if outcome is None else effect) for outcome in outcomes)

    def script_reads(self, failures: Iterable[ReadFailed]) -> None:
        """Let the next reads (`get_order`, and `find` as an unproven search) fail."""
        self._failing_reads.extend(failures)

    def apply_late(self) -> None:
        """Let the effects scripted as `later` take place now."""
        late, self._late = self._late, []
        for change in late:
            self._apply(change)

    async def send(self, rendered: RenderedStep, *, answered: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        """Take one step."""
        order_id = None if rendered.kind == "create" else rendered.path.rstrip("/").rpartition("/")[2]
        self.calls.append(SentCall(rendered.kind, order_id, rendered.sequence))
        outcome = await self._answer(_Change(rendered.method, order_id, decode_stored(rendered.body)))
        if answered is not None and isinstance(outcome, Accepted):
            await answered()
        return outcome

    async def get_order(self, order_id: str) -> ObservedOrder | None:
        """Read an order."""
        await asyncio.sleep(0)
        if self._failing_reads:
            raise self._failing_reads.popleft()
        document = self.orders.get(order_id)
        order = None if document is None else read_order(copy.deepcopy(document), self.mapping)
        return None if order is None else with_reasons(order, document, self.mapping)

    async def get_head(self, order_id: str) -> ObservedOrder | None:
        """Read an order without its lines."""
        order = await self.get_order(order_id)
        return None if order is None else with_changes(order, lines=())

    async def find(
        self,
        marker: str,
        *,
        since: datetime,
        doubt: CallInDoubt | None = None,
        live: bool = False,
        beside: str | None = None,
    ) -> FindResult:
        """Search by marker among all orders."""
        await asyncio.sleep(0)
        if self._failing_reads:
            return FindResult((), incomplete("page_failed", str(self._failing_reads.popleft())))
        orders: list[ObservedOrder] = []
        hints: list[Hint] = []
        for document in self.orders.values():
            row = read_row(document, {marker}, self.mapping)
            assert row is not None, "every order has an id"
            if row.carried:
                orders.append(read_order(copy.deepcopy(document), self.mapping) or row.order)
            hints.extend(hint for _, hint in row.hints)
        if hints:
            return FindResult(tuple(orders), incomplete("marker_changed"), tuple(hints))
        return FindResult(tuple(orders), self.absence or (uncontrolled() if doubt is None else proven()))

    async def cancel(self, order_id: str, wish: CancelWish) -> Outcome:
        """Cancel an order at once, or leave that to whoever changes its task, where tasks are kept (`cancel_tasks`)."""
        self.calls.append(SentCall("cancel", order_id))
        self.cancel_wishes.append(wish)
        if self.cancel_tasks is None:
            return await self._answer(_Change("CANCEL", order_id, {"state": self.cancelled_state}))
        task = {"id": f"task-{len(self.cancel_tasks) + 1}", "state": "acknowledged"}
        self.cancel_tasks.append(task)
        return Accepted(_HTTP_CREATED, dict(task))

    async def get_cancel_task(self, task_id: str, order_id: str) -> CancelTask | None:
        """Read a task that an order is cancelled by."""
        found = next((task for task in self.cancel_tasks or () if task["id"] == task_id), None)
        return None if found is None else CancelTask(found["id"], found["state"])

    async def delete(self, order_id: str) -> Outcome:
        """Delete an order."""
        self.calls.append(SentCall("delete", order_id))
        return await self._answer(_Change("DELETE", order_id, None))

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    async def _answer(self, change: _Change) -> Outcome:
        await asyncio.sleep(0)  # a task may be cancelled before the call, and after it
        outcome, effect = self._script.popleft() if self._script else (None, "applied")
        if isinstance(outcome, NotSent | NotExecuted) and effect != "none":
            raise AssertionError(f"{type(outcome).__name__} has no effect by definition")
        real: Outcome | None = None
        if effect == "applied":
            real = self._apply(change)
        elif effect == "later":
            self._late.append(change)
        await asyncio.sleep(0)
        answer = outcome if outcome is not None else real
        assert answer is not None, "a call without a scripted outcome is applied"
        return answer

    def _apply(self, change: _Change) -> Outcome:
        if change.method == "POST":
            return self._create(change.body)
        document = self.orders.get(change.order_id or "")
        if change.order_id is None or document is None:
            return Rejected(_HTTP_NOT_FOUND, "notFound", "404 notFound: no such order")
        if change.method == "DELETE":
            del self.orders[change.order_id]
            return Accepted(204)
        draft = self.mapping.draft
        if change.method == "PATCH" and draft.supported and document["state"] not in draft.states:
            return Rejected(_HTTP_BAD_REQUEST, "notDraft", "400 notDraft: the order is not a draft any more")
        if isinstance(change.body, list):
            for operation in change.body:
                self._patch(document, operation)
        else:
            header = {name: value for name, value in change.body.items() if name != "productOrderItem"}
            document |= header
            self._submit_if_asked(document, header)
            self._merge_items(document, change.body.get("productOrderItem", []))
        return Accepted(_HTTP_OK, copy.deepcopy(document))

    def _create(self, body: dict[str, Any]) -> Outcome:
        self._orders_made += 1
        order_id = f"{self._orders_made:08d}"
        draft = self.mapping.draft
        is_draft = draft.supported and body.items() >= draft.create_attributes.items()
        state = draft.states[0] if is_draft and draft.states else self.live_state
        document = {**body, "id": order_id, "state": state, "productOrderItem": []}
        self._merge_items(document, body.get("productOrderItem", []))
        self.orders[order_id] = document
        return Accepted(_HTTP_CREATED, copy.deepcopy(document))

    def _patch(self, document: dict[str, Any], operation: dict[str, Any]) -> None:
        """Apply one JSON Patch operation of the kinds that are sent: append an item, begin a list of them, set an attribute."""
        node: Any = document
        *parents, last = operation["path"].split("/")[1:]
        for name in parents[:-1] if last == "-" else parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if last == "-":
            assert parents[-1] in node, "RFC 6902: nothing can be appended to a list that is not there"
            self._merge_items(node, [operation["value"]])
        elif last == "productOrderItem":
            node[last] = []
            self._merge_items(node, operation["value"])
        else:
            node[last] = operation["value"]

    def _submit_if_asked(self, document: dict[str, Any], header: dict[str, Any]) -> None:
        wanted = self.mapping.draft.submit_attributes
        if wanted and header.items() >= wanted.items() and "state" not in wanted:
            document["state"] = self.live_state

    def _merge_items(self, parent: dict[str, Any], items: list[dict[str, Any]]) -> None:
        """Add items as lines. An item that names a line changes it; where the list is sent whole, an item's id does too.

        Otherwise the same item sent twice is two lines: that is what makes a blind repetition visible.
        """
        line_id, whole = self.mapping.lines.line_id, self.mapping.draft.growth == "cumulative-merge"
        known = parent.setdefault("productOrderItem", [])
        if whole and items:
            known[:] = [line for line in known if line.get("id") in {item.get("id") for item in items}]
        for item in items:
            name = "id" if whole and line_id not in item else line_id
            line = next((each for each in known if name in item and each.get(name) == item[name]), None)
            apart = {"productOrderItem", line_id} if line is None else {"productOrderItem", line_id, "action"}
            if line is None:
                line = {"id": item.get("id")}
                if line_id != "id":
                    self._lines_made += 1
                    line[line_id] = f"802{self._lines_made:015d}"
                known.append(line)
            line |= {key: value for key, value in item.items() if key not in apart}
            if item.get("productOrderItem"):
                self._merge_items(line, item["productOrderItem"])
