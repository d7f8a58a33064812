"""Misbehaviours of reading: an order by its id, and the list of orders with its filters and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gateway.sandbox.answers import Answer, decode, encode, json_answer, not_found
from gateway.sandbox.hostile.answers import refusal
from gateway.sandbox.hostile.documents import shown
from gateway.sandbox.hostile.forms import bomb
from gateway.sandbox.hostile.state import Incoming, SentAnswer, State
from gateway.sandbox.intake import selected
from gateway.sandbox.lifecycle import FINAL
from gateway.sandbox.orders import Order

_HTML: Final = b"<html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
MARKER: Final = "externalId"
STALE_SECONDS: Final = 5.0
STALE_SUBMIT_SECONDS: Final = 10.0
SLOW_SECONDS: Final = 10.0
HOUR: Final = 3600.0
CACHED_SECONDS: Final = 900.0
_SHOWN_LETTERS: Final = 12

# -- by id ---------------------------------------------------------------------------------------------------------------


def read(state: State, call: Incoming, names: list[str]) -> SentAnswer:
    """Show an order as the misbehaviours that strike this read, and those of the order, show it."""
    for name in names:
        if name in _REFUSED_READS:
            return _REFUSED_READS[name](state)
    number = call.number or ""
    order = state.intake.book.orders.get(number)
    if order is None or _hidden(state, number):
        return SentAnswer(not_found(f"there is no product order {number!r}").answer)
    memory = state.memory(number)
    if memory.shown_as is not None or "read-another" in names:
        return SentAnswer(_as_another(state, order, memory.shown_as))
    if "archived" in memory.flags and state.intake.is_final(order):
        return SentAnswer(refusal(state, 410))
    answer = call.perform(call.request)
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        return SentAnswer(answer)
    memory.shown = True
    document = _document_at(state, order, call, _seen_at(state, order, names)) or decode(answer.body)
    document = shown(state, order, document)
    if "alias" in memory.flags and memory.submitted_at is not None:
        document["id"] = f"A-{number}"
    body = encode([document] if "read-list" in names else document)
    return SentAnswer(replace(answer, body=b"\xef\xbb\xbf" + body if "read-bom" in names else body))


def _hidden(state: State, number: str) -> bool:
    now = state.clock.monotonic()
    return any(since <= now < until for since, until in state.memory(number).hidden)


def _as_another(state: State, order: Order, number: str | None) -> Answer:
    other = state.intake.book.orders.get(number or "") or state.stranger()
    document = dict(state.intake.view(other))
    if "id-reused" in state.memory(order.number).flags:
        document["id"] = order.number
    return json_answer(200, document)


def _seen_at(state: State, order: Order, names: list[str]) -> float | None:
    """Return of when a read shows the order; None for as it is."""
    now, memory = state.clock.monotonic(), state.memory(order.number)
    memory.reads += 1
    if "stale-read" in names:
        return now - state.seconds("stale-read")
    if "stale-replica" in names and memory.reads % 2:
        return now - STALE_SECONDS
    if "stale-submit" in names and memory.submitted_at is not None and now - memory.submitted_at < STALE_SUBMIT_SECONDS:
        return memory.submitted_at - 0.001
    if "late-lines" in names and order.is_draft:
        return now - state.seconds("late-lines")
    return None


def _document_at(state: State, order: Order, call: Incoming, moment: float | None) -> dict[str, Any] | None:
    """Return how the order looked at a moment; as it was made when that is before it."""
    views = state.memory(order.number).views
    if moment is None or not views:
        return None
    view = next((view for since, view in reversed(views) if since <= moment), views[0][1])
    document: dict[str, Any] = selected(decode(view), call.request.values("fields"), ("id", "href"))
    return document


_REFUSED_READS: Final[dict[str, Callable[[State], SentAnswer]]] = {
    "read-401": lambda state: SentAnswer(refusal(state, 401)),
    "read-404": lambda _state: SentAnswer(not_found("there is no such product order").answer),
    "read-429": lambda state: SentAnswer(refusal(state, 429)),
    "read-redirect": lambda _state: SentAnswer(Answer(302, b"", (("Location", "https://login.example/"),))),
    "read-html": lambda _state: SentAnswer(Answer(200, _HTML, content_type="text/html")),
    "read-close": lambda _state: SentAnswer(Answer(200), "reset"),
    "read-bomb": lambda _state: SentAnswer(Answer(200, bomb(), (("Content-Encoding", "gzip"),))),
}

# -- lists ---------------------------------------------------------------------------------------------------------------


def listed(state: State, call: Incoming, names: list[str]) -> SentAnswer:
    """Show a list as the misbehaviours that strike it show it."""
    request = call.request
    filtered = request.value(MARKER) is not None
    struck = [name for name in names if filtered or not name.startswith("filter-")]
    for name, status in (("filter-refused", 400), ("list-forbidden", 403)):
        if name in struck:
            return SentAnswer(refusal(state, status))
    if "filter-cached" in struck:
        known = state.cached.get(request.query)
        if known is not None and state.clock.monotonic() - known[0] < CACHED_SECONDS:
            return SentAnswer(known[1])
    if filtered and {"filter-ignored", "filter-other"} & set(struck):
        request = replace(request, query=tuple(pair for pair in request.query if pair[0] != MARKER))
    elif filtered and any("marker-upper-found" in memory.flags for memory in state.memories.values()):
        request = replace(request, query=tuple(_upper(pair) for pair in request.query))
    state.turns += 1
    state.intake.shown = lambda orders: _chosen(state, orders, struck, call)
    try:
        answer = call.perform(request)
    finally:
        state.intake.shown = list
    if answer.status in (200, 206):
        answer = _rewritten(state, call, answer, struck)
    if "filter-cached" in struck:
        state.cached[call.request.query] = (state.clock.monotonic(), answer)
    return SentAnswer(answer)


def _upper(pair: tuple[str, str]) -> tuple[str, str]:
    return (pair[0], pair[1].upper()) if pair[0] == MARKER else pair


def _chosen(state: State, orders: list[Order], names: list[str], call: Incoming) -> list[Order]:
    """Return the orders that a list shows."""
    now = state.clock.monotonic()
    orders = [order for order in orders if not _hidden(state, order.number)]
    for name in names:
        if name in ("filter-empty", "list-page-empty"):
            orders = []
        elif name == "filter-other":
            wanted = call.request.value(MARKER)
            orders = [order for order in orders if order.external_id != wanted][:1]
        elif name in ("list-lag", "filter-lag", "filter-old-only"):
            least = HOUR if name == "filter-old-only" else state.seconds(name)
            orders = [order for order in orders if now - order.created_monotonic >= least]
        elif name == "filter-shard":
            orders = [order for order in orders if ord(order.number[-1]) % 2 == state.turns % 2]
        elif name == "filter-final":
            orders = [order for order in orders if order.state in FINAL]
        elif name == "list-open-only":
            orders = [order for order in orders if order.state not in FINAL]
        elif name == "list-own-hidden":
            orders = [order for order in orders if not _of_caller(state, order)]
    return orders


def _of_caller(state: State, order: Order) -> bool:
    """Whether the order is one that this caller made: in this run, or by the look of its externalId before."""
    return state.memory(order.number).ours or (order.external_id or "").startswith("gw1-")


def _rewritten(state: State, call: Incoming, answer: Answer, names: list[str]) -> Answer:
    rows = decode(answer.body)
    if not isinstance(rows, list):
        return answer
    if call.request.value(MARKER) is not None:
        for row in filter(lambda row: isinstance(row, dict), rows):
            state.memory(str(row.get("id"))).shown = True
    rows = [_row(state, row, names) for row in rows]
    later_page = _is_later_page(state, call)
    if "list-page-skips" in names and later_page:
        rows = rows[1:]
    if "list-page-repeats" in names and later_page and rows:
        first = next(iter(state.intake.book.orders.values()))
        rows = [_row(state, selected(state.intake.view(first), call.request.values("fields")), names), *rows]
    for name, empty in (("list-none-204", Answer(204)), ("list-none-404", refusal(state, 404))):
        if name in names and not rows:
            return empty
    headers = answer.headers
    if "list-total-lies" in names:
        headers = tuple(
            (name, str(int(value) + 1) if name == "X-Total-Count" else value) for name, value in headers
        ) or (("X-Total-Count", str(len(rows) + 1)),)
    return replace(answer, body=encode(rows), headers=headers)


def _is_later_page(state: State, call: Incoming) -> bool:
    first = 1 if state.intake.options.mapping == "salesforce-v4" else 0
    value = call.request.value("offset")
    return value is not None and value.isdigit() and int(value) > first


def _row(state: State, row: Any, names: list[str]) -> Any:
    order = state.intake.book.orders.get(str(row.get("id"))) if isinstance(row, dict) else None
    if order is None:
        return row
    row = shown(state, order, row)
    if "filter-blind" in names:
        row.pop(MARKER, None)
    if "list-young-blind" in names and state.clock.monotonic() - order.created_monotonic < HOUR:
        row.pop(MARKER, None)
    if "list-marker-cut" in names and isinstance(row.get(MARKER), str):
        row[MARKER] = f"{row[MARKER][:_SHOWN_LETTERS]}..."
    if "list-row-broken" in names and state.memory(order.number).ours:
        return f"order {order.number}"
    return row
