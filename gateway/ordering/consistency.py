"""Combinations of mapping keys that contradict each other: each key is fine, together they cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from gateway.errors import Problem
from gateway.ordering.codes import TABLES
from gateway.ordering.mapping import Mapping
from gateway.ordering.vocabulary import meaningless, nearest

TMF_ORDER_STATES: Final = (
    "acknowledged", "rejected", "pending", "held", "inProgress", "inProgress.accepted", "cancelled", "completed", "failed",
    "partial", "assessingCancellation", "pendingCancellation", "draft",
)  # fmt: skip
_CART_ACTIONS: Final = ("add", "modify", "delete", "noChange")
_NO_MARKER: Final = frozenset(
    {"id", "href", "state", "productOrderItem", "relatedParty", "note", "channel", "billingAccount", "payment", "agreement",
     "quote", "productOfferingQualification", "orderTotalPrice", "orderDate", "creationDate", "requestedStartDate",
     "requestedCompletionDate", "@type", "@baseType", "@schemaLocation"}
)  # fmt: skip


def inconsistencies(mapping: Mapping, source: str) -> Iterator[Problem]:
    """Yield a problem for each contradiction in `mapping`, which was read from the file named `source`."""
    yield from _identity(mapping, source)
    yield from _draft(mapping)
    yield from _recovery(mapping)
    yield from _order(mapping)
    yield from _items(mapping)
    yield from _prices(mapping)
    yield from _states(mapping)
    yield from _codes(mapping)
    yield from meaningless(mapping)


def _identity(mapping: Mapping, source: str) -> Iterator[Problem]:
    file = PurePath(source)
    if file.suffix == ".toml" and file.stem != mapping.name:
        yield Problem(
            "name", f'is {mapping.name}, but the file is {file.name}; write name = "{file.stem}" or rename the file'
        )


def _draft(mapping: Mapping) -> Iterator[Problem]:
    draft = mapping.draft
    if draft.supported:
        if not draft.submit_attributes:
            yield Problem(
                "draft.submit_attributes", "is needed when draft.supported = true: the body of the PATCH that submits"
            )
        if not draft.states:
            yield Problem(
                "draft.states", 'is needed when draft.supported = true: the states that mean draft, e.g. ["Draft"]'
            )
    else:
        for key, given in (
            ("create_attributes", draft.create_attributes),
            ("add_attributes", draft.add_attributes),
            ("submit_attributes", draft.submit_attributes),
        ):
            if given:
                yield Problem(
                    f"draft.{key}", "has no effect while draft.supported = false; set it to true or remove the key"
                )
        if draft.growth != "none":
            yield Problem(
                "draft.growth",
                f'is {draft.growth}, but only a draft grows; set draft.supported = true or growth = "none"',
            )
        if mapping.price.alterations == "patch-per-line":
            yield Problem(
                "price.alterations",
                "is patch-per-line, but only the lines of a draft can be priced; set draft.supported = true or use inline",
            )
    if mapping.price.alterations == "patch-per-line" and draft.growth in ("cumulative-merge", "json-patch-append"):
        yield Problem(
            "price.alterations",
            f'is patch-per-line, but with draft.growth = "{draft.growth}" a PATCH of one line would replace the others; use inline',
        )
    yield from _never_ours(mapping)


def _never_ours(mapping: Mapping) -> Iterator[Problem]:
    """Refuse fixed attributes that would overwrite the items or the marker."""
    draft = mapping.draft
    for table in ("create_attributes", "add_attributes", "submit_attributes"):
        for key in getattr(draft, table):
            if key == "productOrderItem" or (table != "add_attributes" and key == mapping.recovery.marker_slot):
                yield Problem(f"draft.{table}", f"sets {key}, which the gateway fills itself; remove it")


def _recovery(mapping: Mapping) -> Iterator[Problem]:
    recovery = mapping.recovery
    if recovery.marker_slot in _NO_MARKER:
        yield Problem(
            "recovery.marker_slot",
            f"is {recovery.marker_slot}, which holds something else; use an attribute of text that is free, e.g. externalId",
        )
    if recovery.find == "filter" and not recovery.filter_parameter:
        yield Problem("recovery.filter_parameter", 'is needed when recovery.find = "filter": the query parameter')
    if recovery.scan_parameters and recovery.find != "scan":
        yield Problem(
            "recovery.scan_parameters", 'has no effect unless recovery.find = "scan"; set it so or remove the key'
        )
    if recovery.abandon == "tombstone" and not recovery.tombstone_attributes:
        yield Problem(
            "recovery.tombstone_attributes", 'is needed when recovery.abandon = "tombstone": the body of the PATCH'
        )
    submit = mapping.draft.submit_attributes
    if submit and submit.items() <= recovery.tombstone_attributes.items():
        yield Problem(
            "recovery.tombstone_attributes",
            "has all of draft.submit_attributes: it would submit what is abandoned; remove them from it",
        )
    if recovery.tombstone_attributes and recovery.abandon != "tombstone":
        yield Problem(
            "recovery.tombstone_attributes",
            'has no effect unless recovery.abandon = "tombstone"; set it so or remove the key',
        )
    if recovery.abandon == "delete" and not mapping.api.delete_allowed:
        yield Problem(
            "recovery.abandon", "is delete, but api.delete_allowed = false; allow it or use tombstone or leave"
        )
    if recovery.abandon != "leave" and not mapping.draft.supported:
        yield Problem("recovery.abandon", f"is {recovery.abandon}, but without a draft nothing is abandoned; use leave")


def _order(mapping: Mapping) -> Iterator[Problem]:
    order = mapping.order
    if order.attributes:
        needed = [("start_date_required", "requestedStartDate")] if order.start_date_required else []
        if order.party_required:
            needed.append(("party_required", "relatedParty"))
        for key, attribute in needed:
            if attribute not in order.attributes:
                yield Problem("order.attributes", f"lacks {attribute}, which order.{key} demands; add it")
        for attribute in order.defaults:
            if attribute not in order.attributes:
                yield Problem("order.defaults", f"sets {attribute}, which order.attributes does not send; add it there")
    if mapping.recovery.marker_slot in order.defaults:
        yield Problem("order.defaults", f"sets {mapping.recovery.marker_slot}, which carries the marker; remove it")


def _items(mapping: Mapping) -> Iterator[Problem]:
    item = mapping.item
    for action in item.actions:
        if action not in _CART_ACTIONS:
            yield Problem(f"item.actions.{action}", f"is no cart action; {nearest(action, _CART_ACTIONS)}")
    if item.asset_orders == "roots-first" and mapping.draft.growth == "none":
        yield Problem("item.asset_orders", 'is roots-first, but nothing follows while draft.growth = "none"; use mixed')
    if item.hierarchy == "flat" and not item.bundles_relationship and not item.relies_on_relationship:
        yield Problem(
            "item.bundles_relationship",
            "and relies_on_relationship are empty: flat items would lose their parents; name one of them",
        )
    if item.hierarchy == "flat" and not item.relationships:
        yield Problem(
            "item.relationships", 'is false, but flat items are tied by relationships; use hierarchy = "nested"'
        )
    for table, slots in (("item.product_code", item.product_code), ("lines.offering", mapping.lines.offering)):
        for slot in slots:
            if not all(slot.split(".")):
                yield Problem(table, f"has the slot `{slot}`; a slot is names joined by dots, e.g. productOffering.id")
    if mapping.draft.growth != "none" and mapping.limits.depth_max == 1 and item.hierarchy == "nested":
        yield Problem("limits.depth_max", "is 1, so no call could add a child to its parent; use 2 or more")


def _prices(mapping: Mapping) -> Iterator[Problem]:
    price = mapping.price
    if price.alterations == "patch-per-line":
        return
    for key, given in (
        ("recurring_required", bool(price.recurring_required)),
        ("altered_prices", price.altered_prices != "merged"),
    ):
        if given:
            message = 'has no effect unless price.alterations = "patch-per-line"; set it so or remove the key'
            yield Problem(f"price.{key}", message)


def _codes(mapping: Mapping) -> Iterator[Problem]:
    for name in TABLES:
        declared = getattr(mapping.codes, name)
        where = f"codes.{name}"
        if not declared.file and (declared.unknown != "pass" or declared.default):
            yield Problem(
                where, f'has no file, so its other keys have no effect; write file = "{mapping.name}-{name}.csv"'
            )
        elif declared.unknown == "default" and not declared.default:
            yield Problem(f"{where}.default", 'is needed when unknown = "default": the code to send')
        elif declared.default and declared.unknown != "default":
            yield Problem(f"{where}.default", 'has no effect unless unknown = "default"; set it so or remove the key')


def _states(mapping: Mapping) -> Iterator[Problem]:
    for word, state in mapping.states.order.items():
        if state not in TMF_ORDER_STATES:
            yield Problem(f"states.order.{word}", f"is no TM Forum order state; {nearest(state, TMF_ORDER_STATES)}")
    for state in mapping.states.final:
        if state not in TMF_ORDER_STATES:
            yield Problem(
                "states.final", f"names {state}, which is no TM Forum order state; {nearest(state, TMF_ORDER_STATES)}"
            )
