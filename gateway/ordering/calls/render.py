"""A step of a plan as the bytes of one call. Nothing is decided here: what a call carries is in the plan."""

from __future__ import annotations

import io
from collections import abc
from typing import Any, Final
from urllib.parse import quote

import msgspec

from gateway.documents import Json, JsonObject
from gateway.ordering.calls.costs import COUNTS_LINE_IDS, patch_head
from gateway.ordering.calls.forest import Forest, Pair
from gateway.ordering.calls.header_change import header_body
from gateway.ordering.calls.writer import Writer, lines_there_already
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, OrderLine, Plan, RenderedStep, Step
from gateway.tmf.json import encode_json

_JSON: Final = "application/json"
_JSON_PATCH: Final = "application/json-patch+json"


def order_path(mapping: Mapping, order_id: str | None = None) -> str:
    """Return the path of the order resource, or of the order `order_id`, below the API root."""
    resource = mapping.api.resource.strip("/")
    return resource if order_id is None else f"{resource}/{quote(order_id, safe='')}"


def render(
    step: Step,
    order: Order,
    plan: Plan,
    mapping: Mapping,
    *,
    known_line_ids: abc.Mapping[str, str],
    marker: str,
    order_id: str | None,
) -> RenderedStep:
    """Return the call of a step: method, path, media type and body as bytes.

    Args:
        step: one of `plan.steps`.
        order: what `translate` returned.
        plan: what `plan` returned for it.
        mapping: the order system.
        known_line_ids: line ids of the order system by item id (needed by `price`, and by `add` for parents that are there).
        marker: goes into the order's marker slot on create.
        order_id: the order's id from then on; None before.

    Raises:
        LookupError: an id that is needed is not known.
        AssertionError: the call has more bytes than the mapping allows, which the plan rules out.

    Source: TMF622 v4 and v5; the mapping's `[api]` and `[draft]`.
    """
    call = _Call(step, order, plan, mapping, known_line_ids)
    media_type = mapping.api.patch_media_type
    count = len(step.item_ids)
    if step.kind == "create":
        raw, media_type = call.create(step, marker), _JSON
    elif step.kind == "submit":
        raw = encode_json({**patch_head(mapping), **mapping.draft.submit_attributes})
    elif step.kind == "price":
        raw = encode_json(call.price(step))
    elif step.kind == "header":
        raw = encode_json(header_body(order, mapping))
    elif mapping.draft.growth == "json-patch-append":
        raw, media_type = encode_json(call.append(step)), _JSON_PATCH
    else:
        body, count = call.add(step)
        raw = encode_json(body)
    if step.kind != "create" and order_id is None:
        raise LookupError(f"step {step.sequence} needs the id of the order")
    assert len(raw) <= mapping.limits.bytes_max, f"step {step.sequence} has {len(raw)} bytes"
    return RenderedStep(
        sequence=step.sequence,
        kind=step.kind,
        method="POST" if step.kind == "create" else "PATCH",
        path=order_path(mapping, None if step.kind == "create" else order_id),
        media_type=media_type,
        body=raw,
        item_count=count,
    )


def render_tombstone(mapping: Mapping, order_id: str, marker: str) -> RenderedStep:
    """Return the PATCH that marks the draft `order_id` abandoned, so that nobody submits it."""
    body = {**patch_head(mapping), **_filled(mapping.recovery.tombstone_attributes, marker)}
    return RenderedStep(
        sequence=0,
        kind="abandon",
        method="PATCH",
        path=order_path(mapping, order_id),
        media_type=mapping.api.patch_media_type,
        body=encode_json(body),
        item_count=0,
    )


def _filled(value: object, marker: str) -> Json:
    """Return a copy of `value` with `{marker}` replaced in every text."""
    if isinstance(value, str):
        return value.replace("{marker}", marker)
    if isinstance(value, dict):
        return {key: _filled(inner, marker) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, marker) for inner in value]
    return value


def render_whole(order: Order, mapping: Mapping, marker: str) -> JsonObject:
    """Return the whole order in the order system's shape, alterations that are sent later included, for people to read."""
    writer = Writer(mapping)
    top = Forest(mapping, {}).grow((line, writer.whole_item(line)) for line in order.lines)
    return {**writer.head(order.header, marker), "productOrderItem": [item for _, item in top]}


class _Known:
    """What the calls of one order share, so that rendering all of them takes time in proportion to the order.

    It does not change once it is made: calls may be rendered in several threads at once.
    """

    def __init__(self, order: Order, plan: Plan) -> None:
        self.lines = order.lines
        self.plan = plan
        self.by_id = {line.id: line for line in order.lines}
        self.pointers = _pointers(self.by_id, plan)


def _pointers(lines: abc.Mapping[str, OrderLine], plan: Plan) -> dict[str, str]:
    """Return the JSON pointer of every item once it was sent: lists keep the order in which they were appended to."""
    pointers: dict[str, str] = {}
    lengths: dict[str, int] = {}
    for step in plan.steps:
        for item_id in step.item_ids if step.kind in ("create", "add") else ():
            parent = lines[item_id].parent_id
            above = pointers[parent] if parent is not None else ""
            position = lengths.get(above, 0)
            lengths[above] = position + 1
            pointers[item_id] = f"{above}/productOrderItem/{position}"
    return pointers


class _Recent:
    """What is known of the order whose calls were rendered last, gone with its last call. It only saves time.

    One reference to what never changes: a thread that is overtaken finds the order out again.
    """

    def __init__(self) -> None:
        self._known: _Known | None = None

    def known(self, order: Order, plan: Plan, step: Step) -> _Known:
        """Return what is known of the order of a call that is to be rendered."""
        recent = self._known
        if recent is None or recent.lines is not order.lines or recent.plan is not plan:
            recent = _Known(order, plan)
        self._known = recent if step.sequence < len(plan.steps) else None
        return recent


_recent: Final = _Recent()


class _Call:
    """Makes the bodies of calls for one order."""

    def __init__(
        self, step: Step, order: Order, plan: Plan, mapping: Mapping, known_line_ids: abc.Mapping[str, str]
    ) -> None:
        self._order = order
        self._known = _recent.known(order, plan, step)
        self._plan = plan
        self._mapping = mapping
        self._writer = Writer(mapping)
        self._forest = Forest(mapping, known_line_ids)
        self._lines = self._known.by_id
        self._addressable = known_line_ids if plan.version >= COUNTS_LINE_IDS else {}

    def _items(self, lines: list[OrderLine]) -> abc.Iterator[Pair]:
        """Yield the items of a call, made when asked for; those that nothing is put into are bytes, which take less room."""
        parents = {line.parent_id for line in lines}
        flat, make = self._mapping.item.hierarchy == "flat", self._writer.item
        there = lines_there_already(lines, self._mapping, self._addressable)
        for line in lines:
            item = {**make(line), **there[line.id]} if line.id in there else make(line)
            yield line, item if flat or line.id in parents else msgspec.Raw(encode_json(item))

    def _grown(self, item_ids: abc.Iterable[str], *, carry: bool = True) -> list[Pair]:
        return self._forest.grow(self._items([self._lines[item_id] for item_id in item_ids]), carry=carry)

    def create(self, step: Step, marker: str) -> bytes:
        """Return the POST: header, marker, the attributes that keep it a draft, the first items.

        It may be a whole order of any size: what is at the top is written as soon as it is made, and is in memory once.
        """
        families: dict[str, list[OrderLine]] = {}
        for item_id in step.item_ids:
            line = self._lines[item_id]
            families.setdefault(line.root_id, []).append(line)
        body = io.BytesIO()
        head = {**self._writer.head(self._order.header, marker), **self._mapping.draft.create_attributes}
        body.write(encode_json(head).removesuffix(b"}"))
        before = b',"productOrderItem":['
        for family in families.values():
            for _, item in self._forest.grow(self._items(family)):
                body.write(before)
                body.write(item if type(item) is msgspec.Raw else encode_json(item))
                before = b","
        body.write(b"]}")
        return body.getvalue()

    def add(self, step: Step) -> tuple[JsonObject, int]:
        """Return the PATCH that adds items, and how many it carries: only the new ones, or all so far."""
        item_ids: list[str] = list(step.item_ids)
        if self._mapping.draft.growth == "cumulative-merge":
            item_ids = [item_id for earlier in self._until(step) for item_id in earlier.item_ids]
        items = [item for _, item in self._grown(item_ids)]
        head = {**patch_head(self._mapping), **self._mapping.draft.add_attributes}
        return {**head, "productOrderItem": items}, len(item_ids)

    def _until(self, step: Step) -> list[Step]:
        return [
            earlier
            for earlier in self._plan.steps
            if earlier.sequence <= step.sequence and earlier.kind in ("create", "add")
        ]

    def append(self, step: Step) -> list[JsonObject]:
        """Return the JSON patch (RFC 6902) that appends the items of `step` to the lists on the order.

        Nothing can be appended to a list that is not there: a parent's first child comes in a list of its own.
        """
        operations: list[dict[str, Any]] = [
            {"op": "add", "path": f"/{key}", "value": value}
            for key, value in self._mapping.draft.add_attributes.items()
        ]
        flat = self._mapping.item.hierarchy == "flat"
        pointers = {} if flat else self._known.pointers
        for line, item in self._grown(step.item_ids, carry=False):
            pointer = "/productOrderItem/-" if flat or line is None else pointers[line.id]
            path, _, position = pointer.rpartition("/")
            if position == "0":
                operations.append({"op": "add", "path": path, "value": [item]})
            else:
                operations.append({"op": "add", "path": f"{path}/-", "value": item})
        return operations

    def price(self, step: Step) -> JsonObject:
        """Return the PATCH that sets the price alterations of one line: its line id, no action."""
        (item_id,) = step.item_ids
        item = self._writer.priced_item(self._lines[item_id], self._forest.line_id(item_id))
        return {**patch_head(self._mapping), "productOrderItem": [item]}
