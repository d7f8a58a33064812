"""What every order intake has in common: orders, the ledger, events, the walk through the states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from gateway.sandbox.answers import Answer, decode, invalid, json_answer, not_found, tmf_error
from gateway.sandbox.catalog import Catalog
from gateway.sandbox.ledger import Effect, Ledger
from gateway.sandbox.lifecycle import FINAL, REFUSE_PREFIX, Walk
from gateway.sandbox.notifications import Event, EventMaker, Happening, Notifier
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.orders import Order, OrderBook, record_id
from gateway.sandbox.prices import list_prices
from gateway.sandbox.wire import Request

_EVENT_OF_EFFECT: dict[Effect, Happening] = {
    "created": "create",
    "changed": "change",
    "submitted": "state",
    "cancelled": "state",
    "state": "state",
}


LineChange = Literal["add", "drop", "split"]
"""A further line; the last line gone; the last line twice."""
HAND_OFFERING = "BY_HAND"
"""The product of a line that nobody sent."""


def _look_away(effect: Effect, order: Order) -> None:
    """Watch nothing."""


@dataclass(slots=True)
class Call:
    """One call on its way through the sandbox."""

    request: Request
    tail: tuple[str, ...]
    """The path below the API root, resource name first."""
    half: bool = False
    """Apply a part of the items, then fail."""
    events: list[Event] = field(default_factory=list)
    """The events its effects cause."""


class OrderIntake(ABC):
    """An order intake system. Subclasses speak one mapping; `handle` runs without interruption, so it is atomic."""

    def __init__(self, options: SandboxOptions, catalog: Catalog, ledger: Ledger, notifier: Notifier) -> None:
        self.options = options
        self.profile = options.resolved_profile()
        self.catalog = catalog
        self.book = OrderBook()
        self.instance_url = ""
        self._ledger = ledger
        self._notifier = notifier
        self._events = EventMaker(options.mapping, self.profile)
        self.walk = Walk(options.mapping, options.state_delay_seconds, self._arrive)
        self.watch: Callable[[Effect, Order], None] = _look_away
        """Called after each effect."""
        self.posted: Callable[[list[Event]], list[Event]] = list
        """Chooses the events that are posted for those that happened."""
        self.shown: Callable[[list[Order]], list[Order]] = list
        """Chooses the orders that a list may show."""

    @abstractmethod
    def handle(self, call: Call) -> Answer:
        """Answer one call below the API root; RefusedError when it is refused."""

    @abstractmethod
    def view(self, order: Order, *, with_items: bool = True) -> dict[str, Any]:
        """Return the order as a GET shows it."""

    @abstractmethod
    def unreadable(self, message: str) -> Exception:
        """Return the refusal of a body that is not JSON."""

    @abstractmethod
    def server_error(self) -> Answer:
        """Return the answer to a call that failed within."""

    def new_order(self, header: dict[str, Any], state: str, number: str | None = None) -> Order:
        """Return an order that is not yet in the book."""
        number = number or self.book.next_number()
        return Order(
            number=number,
            record_id=record_id("801", int(number) if number.isdigit() else 0),
            header=header,
            state=state,
            created=self.options.clock.now(),
            created_monotonic=self.options.clock.monotonic(),
        )

    def order(self, number: str) -> Order:
        """Return the order with a number; 404 when there is none."""
        order = self.book.orders.get(number)
        if order is None:
            raise not_found(f"there is no product order {number!r}")
        return order

    def listed_orders(self) -> list[Order]:
        """Return the orders that list answers see, in list order."""
        lag = self.profile.list_lag_seconds
        seen_until = self.options.clock.monotonic() - lag
        orders = [order for order in self.book.orders.values() if not lag or order.created_monotonic <= seen_until]
        orders = self.shown(orders)
        return orders[::-1] if self.profile.list_descending else orders

    def commit(self, effect: Effect, order: Order, call: Call) -> None:
        """Record an effect of a call: the ledger now, the event with or after the answer."""
        self.record(effect, order)
        if effect == "changed" and not self.profile.attribute_events:
            return
        call.events.append(self._event(effect, order))

    def record(self, effect: Effect, order: Order) -> None:
        """Write an effect into the ledger, without an event."""
        order.version += 1
        self._ledger.write(effect, order)
        self.watch(effect, order)

    def _arrive(self, order: Order, state: str) -> None:
        """Put an order into its next state."""
        order.state = state
        effect: Effect = "cancelled" if state == "cancelled" else "state"
        self.record(effect, order)
        for event in self.posted([self._event(effect, order)]):
            self._notifier.send(event)

    def arrive_by_hand(self, order: Order, state: str) -> None:
        """Put an order into a state as if a person had changed it; it stays there."""
        self.walk.stop(order)
        order.is_draft = False
        self._arrive(order, state)

    @abstractmethod
    def submit_by_hand(self, order: Order) -> None:
        """Make a draft live as if a person had done it."""

    @abstractmethod
    def change_lines_by_hand(self, order: Order, change: LineChange) -> None:
        """Change the last line, or what stands beside it, as if a person had done it."""

    def event_of(self, order: Order, view: dict[str, Any]) -> Event:
        """Return a state event about `order` that says what `view` does."""
        return self._events.make("state", order.number, view)

    def _event(self, effect: Effect, order: Order) -> Event:
        with_items = self.profile.notification_order == "full"
        return self._events.make(_EVENT_OF_EFFECT[effect], order.number, self.view(order, with_items=with_items))

    def body(self, call: Call) -> Any:
        """Return the JSON body of a call."""
        try:
            return decode(call.request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise self.unreadable(f"the body is not valid JSON: {error}") from error
        except RecursionError as error:
            raise self.unreadable("the body is nested too deeply") from error

    def object_body(self, call: Call) -> dict[str, Any]:
        """Return the JSON object in the body of a call."""
        body = self.body(call)
        if not isinstance(body, dict):
            raise invalid("body", "must be a JSON object")
        return body

    def check_code(self, code: str, path: str) -> None:
        """Refuse a product code that is not to be had."""
        if code.startswith(REFUSE_PREFIX):
            raise tmf_error(400, "1003", "Product refused", f"{path}: product {code!r} cannot be ordered")
        if self.catalog.is_open:
            return
        product = self.catalog.product(code)
        if product is None:
            raise tmf_error(400, "1001", "Unknown product", f"{path}: there is no product with code {code!r}")
        if not product.price_list_entry:
            raise tmf_error(400, "1002", "No price list entry", f"{path}: product {code!r} is not on the price list")

    def prices_of(self, code: str | None) -> list[dict[str, Any]]:
        """Return what one of a product costs here; empty when the price list does not say."""
        return list_prices(self.catalog, code, self.options.price_drift)

    def is_final(self, order: Order) -> bool:
        """Whether the order has come to its end."""
        return order.state in FINAL


def selected(view: dict[str, Any], names: list[str], always: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the first-level attributes that `fields` names; all of them when it names none."""
    wanted = {part.strip() for name in names for part in name.split(",")} - {""}
    if not wanted:
        return view
    return {key: value for key, value in view.items() if key in wanted or key in always}


def page_of(orders: list[Order], first: int, length: int) -> list[Order]:
    """Return a slice of orders; empty when it lies past the end."""
    return orders[first : first + length]


def listing(views: list[dict[str, Any]], status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Answer a list."""
    return json_answer(status, views, headers)
