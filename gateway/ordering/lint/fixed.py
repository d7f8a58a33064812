"""Attributes that a mapping itself writes into an order: what has no JSON, what would overwrite, what is never replaced.

These tables are sent as they stand on every checkout, so that a mistake in one fails them all, or puts its value silently in the
place of the cart's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Final

from gateway.errors import Problem
from gateway.ordering.calls.costs import LineCosts, patch_head
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.model import MARKER_LENGTH, Mapping
from gateway.ordering.mapping.states import is_draft
from gateway.ordering.mapping.vocabulary import HEADER, slip_of
from gateway.ordering.mapping.words import PLACEHOLDER
from gateway.ordering.model import Order, OrderLine
from gateway.ordering.tracing.leaves import leaves_of
from gateway.ordering.translation.header import Header
from gateway.tmf.json import encode_json

_INTEGER_MAX: Final = 2**63 - 1
_OF_MARKER: Final = frozenset({"{marker}"})
_OF_SCAN: Final = frozenset({"{since}", "{since_date}"})
_NEVER_DEFAULT: Final = frozenset({"id", "href", "productOrderItem", "orderTotalPrice", "@type"})
_SHAPES: Final[dict[str, tuple[type, str]]] = {
    **dict.fromkeys(("description", "category", "priority", "notificationContact"), (str, "a text")),
    **dict.fromkeys(
        ("requestedStartDate", "requestedCompletionDate"), (str, 'a date-time in quotes, e.g. "2030-01-01T00:00:00Z"')
    ),
    **dict.fromkeys(
        ("relatedParty", "channel", "payment", "agreement", "quote", "productOfferingQualification", "note"),
        (list, 'an array of tables, e.g. [{ id = "1" }]'),
    ),
    "billingAccount": (dict, 'a table, e.g. { id = "1" }'),
}
_SMALLEST: Final = OrderLine(
    id="1",
    cart_item_id="1",
    parent_id=None,
    root_id="1",
    depth=1,
    item={"id": "1", "action": "add", "productOffering": {"id": "1"}},
)


def wrong_attributes(mapping: Mapping) -> Iterator[Problem]:
    """Yield a problem for each attribute that the mapping sets and should not, or not so."""
    draft, recovery = mapping.draft, mapping.recovery
    tables = {
        "order.defaults": mapping.order.defaults,
        "draft.create_attributes": draft.create_attributes,
        "draft.add_attributes": draft.add_attributes,
        "draft.submit_attributes": draft.submit_attributes,
        "recovery.tombstone_attributes": recovery.tombstone_attributes,
    }
    unsendable = [problem for where, table in tables.items() for problem in _unsendable(table, where)]
    yield from unsendable
    for where, table in tables.items():
        known = _OF_MARKER if table is recovery.tombstone_attributes else frozenset()
        yield from _placeholders(table, where, known)
    yield from _placeholders(recovery.scan_parameters, "recovery.scan_parameters", _OF_SCAN)
    yield from _overwriting(mapping)
    yield from _submitting(mapping)
    if not unsendable:
        yield from _defaults(mapping)
        yield from _too_large(mapping)


def _unsendable(value: object, where: str) -> Iterator[Problem]:
    """Yield a problem for each value that TOML has and JSON has not."""
    for leaf in leaves_of(value, where, {}):
        given = leaf.value
        if isinstance(given, date | time):
            yield Problem(leaf.path, "is a date or time, which JSON has not; write it in quotes")
        elif isinstance(given, float) and not math.isfinite(given):
            yield Problem(leaf.path, "is not a number of JSON; write one that is finite")
        elif isinstance(given, int) and abs(given) > _INTEGER_MAX:
            yield Problem(leaf.path, f"must be <= {_INTEGER_MAX}: no order system reads more digits")


def _placeholders(value: object, where: str, known: frozenset[str]) -> Iterator[Problem]:
    """Yield a problem for each `{word}` that is sent as it stands although it looks as if something were put there."""
    for leaf in leaves_of(value, where, {}):
        for found in PLACEHOLDER.findall(leaf.value) if isinstance(leaf.value, str) else ():
            if known and found not in known:
                yield Problem(leaf.path, f"has {found}, which nothing is put in; known are {', '.join(sorted(known))}")
            elif not known and found in _OF_MARKER | _OF_SCAN:
                yield Problem(leaf.path, f"has {found}, which nothing is put in here; remove it")


def _overwriting(mapping: Mapping) -> Iterator[Problem]:
    """Refuse attributes that would take the place of the items, the marker, the type or of what a cart says."""
    draft, order = mapping.draft, mapping.order
    marker = mapping.recovery.marker_slot
    for table in ("create_attributes", "add_attributes", "submit_attributes"):
        for key in getattr(draft, table):
            where = f"draft.{table}.{key}"
            if key == "productOrderItem" or (table != "add_attributes" and key == marker):
                yield Problem(where, f"sets {key}, which the gateway fills itself; remove it")
            elif table == "create_attributes" and key == "@type":
                yield Problem(where, "sets what order.type_name says; remove it")
            elif key in HEADER and key in (order.attributes or HEADER):
                message = "would take the place of the cart's without a word; use order.defaults, or remove it"
                yield Problem(where, message)
    for key in order.defaults:
        if key == marker:
            yield Problem(f"order.defaults.{key}", f"sets {key}, which carries the marker; remove it")
        elif key in _NEVER_DEFAULT:
            yield Problem(f"order.defaults.{key}", f"sets {key}, which the gateway fills itself; remove it")
        elif order.attributes and key not in order.attributes:
            message = "is set, but order.attributes does not send it; add it there"
            yield Problem(f"order.defaults.{key}", message)


def _submitting(mapping: Mapping) -> Iterator[Problem]:
    """Refuse what would submit too early, or not at all."""
    draft = mapping.draft
    submit = draft.submit_attributes
    if not submit:
        return
    word = submit.get("state")
    if isinstance(word, str) and is_draft(mapping, word):
        yield Problem(
            "draft.submit_attributes.state", "is one of draft.states: the order would stay one; write what submits it"
        )
    created = {**mapping.order.defaults, **draft.create_attributes}
    for where, sent in (
        ("draft.create_attributes" if draft.create_attributes else "order.defaults", created),
        ("draft.add_attributes", draft.add_attributes),
        ("recovery.tombstone_attributes", mapping.recovery.tombstone_attributes),
    ):
        if submit.items() <= sent.items():
            what = "what is abandoned" if where.startswith("recovery") else "an order that is not complete"
            yield Problem(where, f"has all of draft.submit_attributes: it would submit {what}; remove them from it")


def _defaults(mapping: Mapping) -> Iterator[Problem]:
    """Judge each default as a checkout's own attribute would be: it is sent as it stands, so nothing may be wrong with it."""
    findings = Findings()
    header = Header(mapping, findings, datetime(2000, 1, 1, tzinfo=UTC))
    for key, value in mapping.order.defaults.items():
        if key in _NEVER_DEFAULT:
            continue
        where = f"order.defaults.{key}"
        kind, words = _SHAPES.get(key, (object, ""))
        meant = slip_of(key, HEADER)
        if meant:
            yield Problem(where, f"is an attribute that no order has; did you mean `{meant}`?")
        elif value in ("", [], {}):
            yield Problem(where, "is empty; write what is to be sent, or remove it")
        elif not isinstance(value, kind):
            yield Problem(where, f"has another shape than the order's attribute; write {words}")
        else:
            header.read_attribute(key, value, where)
    for finding in findings.all():
        what = (
            "would refuse every checkout" if finding.severity == "error" else "is sent as it stands, and is not whole"
        )
        yield Problem(finding.path, f"{what}: {finding.message} Write it as the order takes it.")


def _too_large(mapping: Mapping) -> Iterator[Problem]:
    limit = mapping.limits.bytes_max
    costs = LineCosts(Order(header=mapping.order.defaults, lines=()), mapping)
    least = max(costs.create_base_bytes, costs.add_base_bytes) + costs.own(_SMALLEST).size_bytes
    if least > limit:
        yield Problem("limits.bytes_max", f"is {limit}, but a call with one small item has {least}; use more")
    submit = len(encode_json({**patch_head(mapping), **mapping.draft.submit_attributes}))
    if submit > limit:
        yield Problem("draft.submit_attributes", f"has {submit} bytes, but limits.bytes_max is {limit}; write less")
    marker = mapping.recovery.tombstone_attributes.get(mapping.recovery.marker_slot)
    if isinstance(marker, str):
        length = len(marker.replace("{marker}", "m" * MARKER_LENGTH))
        if length > mapping.recovery.marker_length_max:
            message = f"has up to {length} characters, but recovery.marker_length_max is {mapping.recovery.marker_length_max}; write less"
            yield Problem(f"recovery.tombstone_attributes.{mapping.recovery.marker_slot}", message)
