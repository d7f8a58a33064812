"""The plain TM Forum servers, TMF622 v4 and v5: PATCH replaces arrays, every attribute can be filtered."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import Answer, encode, invalid, json_answer, not_found, tmf_error
from gateway.sandbox.catalog import Catalog
from gateway.sandbox.intake import HAND_OFFERING, Call, LineChange, OrderIntake, listing, page_of, selected
from gateway.sandbox.items import halved, measure, text
from gateway.sandbox.json_patch import Patcher, merged
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.notifications import Notifier
from gateway.sandbox.options import API_ROOTS, RESOURCES, SandboxOptions
from gateway.sandbox.orders import Order
from gateway.sandbox.plain.cancel import Cancellations
from gateway.sandbox.plain.hub import HUB, hub_call
from gateway.sandbox.plain.rules import STATES_V4, STATES_V5, check_items, check_order, check_types
from gateway.sandbox.plain.view import lines_of, matches, order_view
from gateway.sandbox.prices import drifted, total_prices

_PAGING = frozenset({"fields", "offset", "limit", "sort"})
_OWN = ("id", "href", "state", "orderDate", "creationDate")
"""Attributes that the server sets itself."""
_CANCEL = "cancelProductOrder"


class PlainIntake(OrderIntake):
    """Answers `/tmf-api/productOrderingManagement/v4|v5/productOrder[/{id}]`, `cancelProductOrder` and `hub`."""

    def __init__(self, options: SandboxOptions, catalog: Catalog, ledger: Ledger, notifier: Notifier) -> None:
        super().__init__(options, catalog, ledger, notifier)
        self._cancellations = Cancellations()

    def handle(self, call: Call) -> Answer:
        """Answer one call."""
        if len(call.request.body) > self.profile.max_body_bytes:
            raise tmf_error(413, "22", "Body too large", f"the limit is {self.profile.max_body_bytes} bytes")
        name, *rest = call.tail
        if name == RESOURCES[self.options.mapping] and len(rest) <= 1:
            return self._order_call(call, rest[0] if rest else None)
        if name == _CANCEL and len(rest) <= 1:
            return self._cancel_call(call, rest[0] if rest else None)
        if name == HUB and len(rest) <= 1:
            body = self.object_body(call) if call.request.method == "POST" else {}
            return hub_call(call.request.method, rest[0] if rest else None, body, self._notifier.callbacks)
        raise not_found("known resources are productOrder, cancelProductOrder and hub")

    def view(self, order: Order, *, with_items: bool = True) -> dict[str, Any]:
        """Return the order as GET shows it."""
        is_v4 = self.options.mapping == "tmf622-v4"
        view = order_view(order, self._href(order), is_v4=is_v4, with_items=with_items)
        if self.catalog.has_prices:
            view["orderTotalPrice"] = total_prices(order.lines.values())
        elif "orderTotalPrice" in view:
            view["orderTotalPrice"] = drifted(view["orderTotalPrice"], self.options.price_drift)
        return view

    def unreadable(self, message: str) -> Exception:
        """Return the refusal of a body that is not JSON."""
        return tmf_error(400, "22", "Invalid body", message)

    def server_error(self) -> Answer:
        """Return the 500."""
        return tmf_error(500, "1", "Internal error", "an unexpected error occurred").answer

    def _href(self, order: Order) -> str:
        resource = f"{API_ROOTS[self.options.mapping]}/{RESOURCES[self.options.mapping]}"
        return f"{self.instance_url}{resource}/{order.number}"

    def _order_call(self, call: Call, number: str | None) -> Answer:
        method = call.request.method
        if number is None:
            if method == "GET":
                return self._list(call)
            if method == "POST":
                return self._post(call)
            raise _not_allowed(method, "GET, POST")
        if method == "GET":
            return json_answer(200, self._selected(self.view(self.order(number)), call))
        if method == "PATCH":
            return self._patch(call, self.order(number))
        if method == "DELETE":
            return self._delete(call, self.order(number))
        raise _not_allowed(method, "GET, PATCH, DELETE")

    # -- reading ------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Answer:
        request = call.request
        with_items = any(name.startswith("productOrderItem") for name, _ in request.query)
        orders = self.listed_orders()
        for name in dict.fromkeys(name for name, _ in request.query if name not in _PAGING):
            wanted = {part for value in request.values(name) for part in value.split(",")}
            orders = [order for order in orders if matches(self.view(order, with_items=with_items), name, wanted)]
        offset = _whole(request.value("offset"), "offset", 0)
        limit = min(
            _whole(request.value("limit"), "limit", self.profile.page_size_default), self.profile.page_size_maximum
        )
        chosen = page_of(orders, offset, limit)
        asked_for_page = request.value("limit") is not None or request.value("offset") is not None
        headers = (("X-Total-Count", str(len(orders))), ("X-Result-Count", str(len(chosen))))
        status = 206 if asked_for_page and len(chosen) < len(orders) else 200
        return listing([self._selected(self.view(order), call) for order in chosen], status, headers)

    def _selected(self, view: dict[str, Any], call: Call) -> dict[str, Any]:
        always = ("id", "href") if self.options.mapping == "tmf622-v4" else ("id", "href", "@type")
        return selected(view, call.request.values("fields"), always)

    # -- writing ------------------------------------------------------------------------------------------------

    def _post(self, call: Call) -> Answer:
        body = self.object_body(call)
        check_order(self, body, is_patch=False)
        self._check_size(body["productOrderItem"])
        initial = body.get("requestedInitialState", "acknowledged")
        if initial not in ("acknowledged", "draft"):
            raise invalid("requestedInitialState", "must be acknowledged or draft")
        number = body.get("id")
        if number is not None and (not isinstance(number, str) or not number or "/" in number):
            raise invalid("id", "must be a string without a slash")
        if number in self.book.orders:
            raise tmf_error(409, "24", "Conflict", f"id: there is a product order {number!r} already")
        order = self.new_order({key: value for key, value in body.items() if key not in _OWN}, initial, number)
        self._settle(order)
        self.book.orders[order.number] = order
        self.commit("created", order, call)
        if initial == "acknowledged":
            self._submit(order, call)
        view = self.view(order)
        if self.profile.post_tells_location_and_state:
            return json_answer(self.profile.post_status, view, (("Location", view["href"]),))
        del view["state"]
        return json_answer(self.profile.post_status, view)

    def _patch(self, call: Call, order: Order) -> Answer:
        media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.is_final(order):
            raise tmf_error(400, "1006", "Order is at its end", f"product order {order.number} is {order.state}")
        if media_type == "application/json-patch+json":
            document, state = self._json_patched(call, order)
        else:
            document, state = self._merge_patched(call, order)
        if document is not None:
            order.header = document
            self._settle(order)
            self.commit("changed", order, call)
            if not order.is_draft and state is None:
                self.walk.start(order)  # a changed order rests again before it goes on
        if call.half:
            raise tmf_error(500, "1", "Internal error", "an unexpected error occurred")
        if state is not None:
            self._move(order, state, call)
        if media_type == "application/json":
            return Answer(200, encode(self.view(order)))
        return Answer(204)

    def _merge_patched(self, call: Call, order: Order) -> tuple[dict[str, Any] | None, str | None]:
        """Return the document after a merge patch, None when it is unchanged, and the state it asks for."""
        body = self.object_body(call)
        check_order(self, body, is_patch=True)
        self._check_size(body.get("productOrderItem") or [])
        state = self._wanted_state(order, body.get("state"))
        changes = {key: value for key, value in body.items() if key not in _OWN}
        if call.half:
            items = changes.get("productOrderItem")
            changes = {"productOrderItem": halved(items)} if items else {}
        if not changes.keys() - {"@type"}:
            return None, state
        document: dict[str, Any] = merged(order.header, changes)
        return document if document != order.header else None, state

    def _json_patched(self, call: Call, order: Order) -> tuple[dict[str, Any] | None, str | None]:
        """Return the document after a JSON patch, None when it is unchanged, and the state it asks for."""
        operations = self.body(call)
        if not isinstance(operations, list):
            raise invalid("body", "must be an array of operations")
        values = [operation.get("value") for operation in operations if isinstance(operation, dict)]
        self._check_size([value for value in values if isinstance(value, dict)])
        if call.half and len(operations) > 1:
            operations = operations[: len(operations) // 2]
        patcher = Patcher(order.header | {"id": order.number, "state": order.state})
        for position, operation in enumerate(operations):
            patcher.apply(operation, f"[{position}]")
            check_types(operation.get("value"), f"[{position}].value")
        document: dict[str, Any] = patcher.document
        state = self._wanted_state(order, document.pop("state", None))
        if document.pop("id", None) != order.number:
            raise invalid("id", "cannot be changed")
        if document == order.header:
            return None, state
        check_items(self, document.get("productOrderItem"))
        return document, state

    def _check_size(self, items: list[dict[str, Any]]) -> None:
        size, profile = measure(items), self.profile
        if profile.max_items_per_call and size.items > profile.max_items_per_call:
            raise tmf_error(413, "22", "Body too large", "too many product order items in one call")
        if profile.complexity_budget and size.cost > profile.complexity_budget:
            raise tmf_error(413, "22", "Body too large", "product order items too complex for one call")

    def _settle(self, order: Order) -> None:
        """Bring what is derived from the document up to date."""
        order.lines = lines_of(order.header["productOrderItem"])
        for line in order.lines.values():
            line.prices = self.prices_of(line.offering)
        external_id = order.header.get("externalId")
        if isinstance(external_id, list):
            external_id = external_id[0].get("id") if external_id else None
        order.external_id = external_id

    def _wanted_state(self, order: Order, state: Any) -> str | None:
        if state is None or state == order.state:
            return None
        known = STATES_V4 if self.options.mapping == "tmf622-v4" else STATES_V5
        if not isinstance(state, str) or state not in known:
            raise invalid("state", "must be one of " + ", ".join(sorted(known)))
        if order.is_draft and state not in ("acknowledged", "cancelled"):
            raise invalid("state", "a draft becomes acknowledged (that submits it) or cancelled")
        if not order.is_draft and state == "draft":
            raise invalid("state", "a submitted order is no longer a draft")
        return state

    def _move(self, order: Order, state: str, call: Call) -> None:
        """Put an order into the state that a PATCH asks for."""
        if order.is_draft and state == "acknowledged":
            self._submit(order, call)
            return
        order.is_draft = False
        order.state = state
        self.commit("cancelled" if state == "cancelled" else "state", order, call)
        if self.is_final(order):
            self.walk.stop(order)
        else:
            self.walk.start(order)

    def _submit(self, order: Order, call: Call) -> None:
        order.is_draft = False
        order.state = "acknowledged"
        self.commit("submitted", order, call)
        self.walk.start(order)

    def submit_by_hand(self, order: Order) -> None:
        """Make a draft live as if a person had done it."""
        order.is_draft = False
        order.state = "acknowledged"
        self.record("submitted", order)
        self.walk.start(order)

    def change_lines_by_hand(self, order: Order, change: LineChange) -> None:
        """Change the last item, or what stands beside it, as if a person had done it."""
        items = list(order.header["productOrderItem"])
        further = {"id": f"{len(items) + 900}"}
        if change == "drop":
            items = items[:-1] if len(items) > 1 else items
        elif change == "split":
            items.append(items[-1] | further)
        else:
            items.append(
                further
                | {
                    "@type": "ProductOrderItem",
                    "action": "add",
                    "quantity": 1,
                    "productOffering": {"id": HAND_OFFERING},
                }
            )
        order.header = order.header | {"productOrderItem": items}
        self._settle(order)
        self.record("changed", order)

    def _delete(self, call: Call, order: Order) -> Answer:
        if not order.is_draft:
            raise tmf_error(409, "24", "Conflict", f"product order {order.number} is {order.state}; cancel it instead")
        order.state = "cancelled"
        del self.book.orders[order.number]
        self.commit("cancelled", order, call)
        return Answer(204)

    # -- cancellation -------------------------------------------------------------------------------------------

    def _cancel_call(self, call: Call, number: str | None) -> Answer:
        method = call.request.method
        address = f"{self.instance_url}{API_ROOTS[self.options.mapping]}/{_CANCEL}"
        if method == "GET":
            cancellations = self._cancellations
            return json_answer(
                200,
                cancellations.get(number).view(address) if number is not None else cancellations.views(address),
            )
        if method != "POST" or number is not None:
            raise _not_allowed(method, "GET, POST" if number is None else "GET")
        body = self.object_body(call)
        reference = body.get("productOrder")
        order = self.order(text(reference.get("id") if isinstance(reference, dict) else None, "productOrder.id"))
        view = self._cancellations.add(body, order, too_late=self.is_final(order)).view(address)
        if order.is_draft:
            self._move(order, "cancelled", call)
        elif not self.is_final(order):
            self.walk.cancel(order)
        return json_answer(201, view | {"state": "acknowledged"}, (("Location", view["href"]),))


def _not_allowed(method: str, allowed: str) -> Exception:
    message = f"{method} is not served here; use {allowed}"
    return tmf_error(405, "61", "Method not allowed", message, (("Allow", allowed),))


def _whole(value: str | None, name: str, absent: int) -> int:
    if value is None:
        return absent
    if not (value.isascii() and value.isdigit()):
        raise invalid(name, "must be an integer of 0 or more")
    return int(value)
