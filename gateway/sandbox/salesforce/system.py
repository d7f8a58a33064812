"""The order intake of Salesforce Communications Cloud, TMF622 v4: an order is a cart until it is submitted."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import (
    Answer,
    RefusedError,
    encode,
    invalid,
    json_answer,
    missing,
    platform_error,
    tmf_error,
)
from gateway.sandbox.catalog import Catalog
from gateway.sandbox.intake import HAND_OFFERING, Call, LineChange, OrderIntake, listing, selected
from gateway.sandbox.items import halved, objects, text
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.notifications import Notifier
from gateway.sandbox.options import API_ROOTS, RESOURCES, SandboxOptions
from gateway.sandbox.orders import Edit, Line, Order
from gateway.sandbox.price_drift import NO_DRIFT
from gateway.sandbox.prices import total_prices
from gateway.sandbox.salesforce.items import ItemEditor
from gateway.sandbox.salesforce.limits import check_complexity, nested
from gateway.sandbox.salesforce.lines import action_of
from gateway.sandbox.salesforce.lists import listed
from gateway.sandbox.salesforce.pricing import apply_pricing, is_pricing
from gateway.sandbox.salesforce.view import check_date_form, flat_note, midnight, order_view

_UPDATABLE = frozenset(
    {"channel", "description", "externalId", "note", "requestedCompletionDate", "requestedStartDate"},
)
_STEERING = frozenset({"state", "submitCart", "productOrderItem"})
_HARMLESS = frozenset({"id", "href", "@type", "@baseType", "@schemaLocation"})
_METHODS = "GET,POST,PATCH"


class SalesforceIntake(OrderIntake):
    """Answers `/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1/productorder[/{order number}]`."""

    def __init__(self, options: SandboxOptions, catalog: Catalog, ledger: Ledger, notifier: Notifier) -> None:
        super().__init__(options, catalog, ledger, notifier)
        if options.price_drift != NO_DRIFT and not catalog.has_prices:
            raise ValueError("--price-drift: without prices in --catalog there is nothing that could differ")

    def handle(self, call: Call) -> Answer:
        """Answer one call."""
        request = call.request
        if len(request.body) > self.profile.max_body_bytes:
            raise platform_error(413, "REQUEST_ENTITY_TOO_LARGE", "the request body is too large")
        match (request.method, call.tail):
            case ("GET", (name,)) if name == RESOURCES["salesforce-v4"]:
                return self._list(call)
            case ("GET", (name, number)) if name == RESOURCES["salesforce-v4"]:
                view = self.view(self.order(number))
                return self._sized(json_answer(200, selected(view, request.values("fields"))))
            case ("POST", (name,)) if name == RESOURCES["salesforce-v4"]:
                return self._post(call)
            case ("PATCH", (name, number)) if name == RESOURCES["salesforce-v4"]:
                return self._patch(call, self.order(number))
            case (_, (name, *rest)) if name == RESOURCES["salesforce-v4"] and len(rest) <= 1:
                message = f"HTTP Method '{request.method}' not allowed. Allowed are {_METHODS}"
                raise platform_error(405, "METHOD_NOT_ALLOWED", message, (("Allow", _METHODS),))
        raise platform_error(404, "NOT_FOUND", "Could not find a match for URL")

    def view(self, order: Order, *, with_items: bool = True, with_line_ids: bool = True) -> dict[str, Any]:
        """Return the order as GET shows it."""
        root = API_ROOTS["salesforce-v4"]
        view = order_view(order, root, with_items=with_items, with_line_ids=with_line_ids)
        if self.catalog.has_prices and self.profile.order_totals:
            view["orderTotalPrice"] = total_prices(order.lines.values())
        return view

    def unreadable(self, message: str) -> Exception:
        """Return the platform's refusal of a body that is not JSON."""
        return platform_error(400, "JSON_PARSER_ERROR", message)

    def server_error(self) -> Answer:
        """Return the platform's 500."""
        return platform_error(500, "APEX_ERROR", "System.UnexpectedException: an unexpected error occurred").answer

    def _sized(self, answer: Answer) -> Answer:
        if len(answer.body) > self.profile.max_body_bytes:
            raise platform_error(500, "APEX_ERROR", "System.LimitException: Exceeded max size limit of the response")
        return answer

    # -- reading ------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Answer:
        request = call.request
        chosen = listed(self.listed_orders(), request, self.profile)
        fields = request.values("fields")
        with_items = not fields or any("productOrderItem" in value for value in fields)
        return self._sized(
            listing([selected(self.view(order, with_items=with_items), fields) for order in chosen]),
        )

    # -- writing ------------------------------------------------------------------------------------------------

    def _post(self, call: Call) -> Answer:
        body = self.object_body(call)
        parties = objects(body.get("relatedParty"), "relatedParty")
        if not parties:
            raise missing("relatedParty", "is mandatory: the account the order belongs to")
        if self.profile.require_start_date and body.get("requestedStartDate") is None:
            raise missing("requestedStartDate", "is mandatory")
        items = nested(objects(body.get("productOrderItem"), "productOrderItem"))
        if not items:
            raise missing("productOrderItem", "is mandatory, with at least one item")
        submit = _flag(body, "submitCart", absent=True)
        check_complexity(items, self.profile)
        header, external_id = self._header(body)
        header["relatedParty"] = [self._party(parties[0])]
        order = self.new_order(header, "Draft")
        order.external_id = external_id
        try:
            self._add_first_items(order, items)
        except RefusedError:
            if self.profile.refused_post_leaves_draft:
                order.lines, order.index = {}, {}
                self.book.orders[order.number] = order
                self.commit("created", order, call)
            raise
        self.book.orders[order.number] = order
        self.commit("created", order, call)
        if submit:
            self._submit(order, call)
        return self._written(self.profile.post_status, order)

    def _add_first_items(self, order: Order, items: list[dict[str, Any]]) -> None:
        editor = ItemEditor(self, Edit(order))
        verbs = [action_of(item, f"productOrderItem[{position}]") for position, item in enumerate(items)]
        from_assets = "modify" in verbs
        for position, (item, verb) in enumerate(zip(items, verbs, strict=True)):
            path = f"productOrderItem[{position}]"
            if verb not in ("add", "modify"):
                raise invalid(f"{path}.action", "must be add, or modify for every item of an order from assets")
            if from_assets and verb == "add":
                raise invalid(
                    f"{path}.action", "an order from assets takes no new product in its POST; add it by PATCH"
                )
            if from_assets:
                editor.add_asset(item, None, path)
            else:
                editor.add(item, None, path)

    def _patch(self, call: Call, order: Order) -> Answer:
        body = self.object_body(call)
        surplus = sorted(body.keys() - _UPDATABLE - _STEERING - _HARMLESS)
        if surplus and self.profile.unknown_patch_attributes == "refuse":
            raise invalid(surplus[0], "cannot be updated; updatable are " + ", ".join(sorted(_UPDATABLE)))
        items = nested(objects(body.get("productOrderItem"), "productOrderItem"))
        submit = self._wants_submit(body)
        check_complexity(items, self.profile)
        if not order.is_draft:
            order = self._supplemental(order, call)
        if call.half:
            if items:
                self._apply(order, {}, halved(items), submit=False, call=call)
            raise platform_error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred")
        self._apply(order, body, items, submit=submit, call=call)
        return self._written(200, order)

    def _apply(
        self,
        order: Order,
        body: dict[str, Any],
        items: list[dict[str, Any]],
        *,
        submit: bool,
        call: Call,
    ) -> None:
        """Do everything that a PATCH asks for, or nothing of it."""
        header, external_id = self._header(body)
        edit = Edit(order)
        try:
            if items and is_pricing(items):
                apply_pricing(self, edit, items)
            else:
                ItemEditor(self, edit).patch(items)
            if submit:
                _check_submittable(order)
        except Exception:  # a defect in here takes nothing in by halves either
            edit.roll_back()
            raise
        order.header |= header
        if "externalId" in body:
            order.external_id = external_id
        if items or header or "externalId" in body:
            self.commit("changed", order, call)
        if submit:
            self._submit(order, call)

    def _submit(self, order: Order, call: Call) -> None:
        _check_submittable(order)
        order.is_draft = False
        order.state = self.profile.submitted_state
        self.commit("submitted", order, call)
        self.walk.start(order)

    def submit_by_hand(self, order: Order) -> None:
        """Make a draft live as if a person had done it."""
        order.is_draft = False
        order.state = self.profile.submitted_state
        self.record("submitted", order)
        self.walk.start(order)

    def change_lines_by_hand(self, order: Order, change: LineChange) -> None:
        """Change the last line, or what stands beside it, as if a person had done it."""
        edit = Edit(order)
        roots = [line for line in order.lines.values() if line.parent is None]
        if change == "drop":
            if len(roots) > 1:
                edit.remove(roots[-1])
        else:
            last = roots[-1]
            offering = last.offering if change == "split" else HAND_OFFERING
            characteristics = dict(last.characteristics) if change == "split" else {}
            edit.add(
                Line(self.book.next_line_id(), f"{len(order.lines) + 900}", None, offering, "add", 1, characteristics)
            )
        self.record("changed", order)

    def _supplemental(self, order: Order, call: Call) -> Order:
        """Refuse a PATCH of an order that is live, or, as a trap, start a further order for it."""
        if self.profile.live_patch == "refuse":
            message = f"product order {order.number} is {order.state}; only a draft order can be updated"
            raise tmf_error(400, "1006", "Order is not a draft", message)
        further = self.new_order(dict(order.header), "Draft")
        further.external_id = order.external_id
        self.book.orders[further.number] = further
        self.commit("created", further, call)
        return further

    def _wants_submit(self, body: dict[str, Any]) -> bool:
        state = body.get("state")
        flag = _flag(body, "submitCart", absent=None)
        if state is None:
            return bool(flag)
        if not isinstance(state, str) or state.lower() not in self.profile.submit_states:
            raise invalid("state", "only submits a draft; use " + " or ".join(sorted(self.profile.submit_states)))
        if flag is False:
            raise invalid("submitCart", f"is false, but state {state!r} asks for submission")
        return True

    def _header(self, body: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return the header attributes of a body as they are kept, and its external id."""
        header: dict[str, Any] = {}
        for name in ("requestedStartDate", "requestedCompletionDate"):
            if body.get(name) is not None:
                header[name] = midnight(body[name], name)
                if self.profile.date_form == "milliseconds":
                    check_date_form(body[name], name)
        if body.get("description") is not None:
            header["description"] = text(body["description"], "description")
        if body.get("channel") is not None:
            header["channel"] = body["channel"]
        if body.get("note") is not None:
            header["note"] = flat_note(body["note"], "note")
        return header, self._external_id(body.get("externalId"))

    def _external_id(self, value: Any) -> str | None:
        if value is None:
            return None
        external_id = text(value, "externalId")
        longest = self.profile.external_id_max_length
        if len(external_id) <= longest:
            return external_id
        if self.profile.external_id_overflow == "truncate":
            return external_id[:longest]
        raise invalid("externalId", f"is longer than {longest} characters")

    def _party(self, party: dict[str, Any]) -> dict[str, Any]:
        account = text(party.get("id"), "relatedParty[0].id")
        href = f"{API_ROOTS['salesforce-v4']}/Account/{self.book.account_record(account)}"
        kept = {"@type": "RelatedParty", "id": account, "name": party.get("name"), "href": href}
        return {key: value for key, value in kept.items() if value is not None}

    def _written(self, status: int, order: Order) -> Answer:
        view = self.view(order, with_line_ids=self.profile.line_ids_in_write_answers)
        return Answer(status, encode(view))


def _check_submittable(order: Order) -> None:
    if not order.lines:
        raise tmf_error(400, "1007", "Nothing to submit", f"product order {order.number} has no order line")


def _flag(body: dict[str, Any], name: str, *, absent: bool | None) -> bool | None:
    value = body.get(name, absent)
    if value is not absent and not isinstance(value, bool):
        raise invalid(name, "must be true or false")
    return value
