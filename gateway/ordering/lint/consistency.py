"""Combinations of mapping keys that contradict each other: each key is fine, together they cannot work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from gateway.errors import Problem
from gateway.ordering.lint.fixed import wrong_attributes
from gateway.ordering.lint.states import state_problems
from gateway.ordering.mapping.codes import TABLES
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.relationship_words import plain_word
from gateway.ordering.mapping.slot_rules import collisions
from gateway.ordering.mapping.vocabulary import meaningless
from gateway.ordering.mapping.words import unclean_words

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_.~-]+")
_PARAMETER: Final = re.compile(r"[^\s&=?#/%{}\"']+")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}")
# Headers that the client writes itself, or that say how a message is carried.
_OWN_HEADERS: Final = frozenset(
    {
        *(
            "accept",
            "accept-encoding",
            "authorization",
            "cache-control",
            "connection",
            "content-length",
            "content-type",
            "cookie",
        ),
        *("host", "te", "traceparent", "trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9_.-]+=[A-Za-z0-9_.-]+)*")


def inconsistencies(mapping: Mapping, source: str) -> Iterator[Problem]:
    """Yield a problem for each contradiction in `mapping`, which was read from the file named `source`."""
    yield from _identity(mapping, source)
    yield from _draft(mapping)
    yield from _recovery(mapping)
    yield from _unreadable(mapping)
    yield from _order(mapping)
    yield from _items(mapping)
    yield from _prices(mapping)
    yield from state_problems(mapping)
    yield from _codes(mapping)
    yield from _limits(mapping)
    yield from _requests(mapping)
    yield from unclean_words(mapping)
    yield from meaningless(mapping)
    yield from collisions(mapping)
    yield from wrong_attributes(mapping)


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
            ("header_attributes", draft.header_attributes),
            ("submit_attributes", draft.submit_attributes),
            ("states", draft.states),
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
    fixed = {"id", "href", "@type", "state", "productOrderItem", mapping.recovery.marker_slot}
    fixed |= draft.create_attributes.keys() | draft.submit_attributes.keys() | draft.add_attributes.keys()
    for name in draft.header_attributes:
        if not name or "." in name or name in fixed:
            yield Problem(
                "draft.header_attributes",
                f"has {name!r}, which the gateway sets itself, or which is not an attribute at the top of an order; remove it",
            )
    if draft.supported and draft.growth == "none" and draft.add_attributes:
        message = 'has no effect while draft.growth = "none": no PATCH adds items; remove it'
        yield Problem("draft.add_attributes", message)


def _recovery(mapping: Mapping) -> Iterator[Problem]:
    recovery = mapping.recovery
    if mapping.api.created_id_from == "search" and recovery.find == "none":
        message = 'is search, but recovery.find = "none": nothing can be searched; use event, or set recovery.find'
        yield Problem("api.created_id_from", message)
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
    if recovery.rejection_may_leave_draft and not mapping.draft.supported:
        message = "is true, but draft.supported = false: there is none to leave; set one of them"
        yield Problem("recovery.rejection_may_leave_draft", message)
    state = recovery.scan_parameters.get("state")
    if state and not mapping.draft.supported:
        message = f"is {state}, which a live order leaves: a scan would not find it any more; remove it"
        yield Problem("recovery.scan_parameters.state", message)
    drafts = {word.lower() for word in mapping.draft.states if word}
    if state and drafts and drafts.isdisjoint(word.strip().lower() for word in state.split(",")):
        message = f"is {state}, none of draft.states: a scan would not find a draft that is there; use {max(mapping.draft.states)}"
        yield Problem("recovery.scan_parameters.state", message)


def _unreadable(mapping: Mapping) -> Iterator[Problem]:
    if mapping.api.order_readable:
        return
    needed = {
        "draft.supported": ("false", not mapping.draft.supported),
        "api.created_id_from": ('"answer"', mapping.api.created_id_from == "answer"),
        "recovery.find": ('"none"', mapping.recovery.find == "none"),
    }
    for key, (value, holds) in needed.items():
        if not holds:
            yield Problem(
                key, f"must be {value} where api.order_readable is false: an order is looked at by reading it"
            )


def _order(mapping: Mapping) -> Iterator[Problem]:
    order = mapping.order
    if order.attributes:
        needed = [("start_date_required", "requestedStartDate")] if order.start_date_required else []
        if order.party_required:
            needed.append(("party_required", "relatedParty"))
        for key, attribute in needed:
            if attribute not in order.attributes:
                yield Problem("order.attributes", f"lacks {attribute}, which order.{key} demands; add it")


def _items(mapping: Mapping) -> Iterator[Problem]:
    item = mapping.item
    if item.asset_orders == "roots-first" and mapping.draft.growth == "none":
        yield Problem("item.asset_orders", 'is roots-first, but nothing follows while draft.growth = "none"; use mixed')
    if item.several_values == "separated" and not item.value_separator:
        yield Problem("item.value_separator", 'is needed when item.several_values = "separated": e.g. ";"')
    elif item.value_separator and item.several_values != "separated":
        yield Problem(
            "item.value_separator",
            'has no effect unless item.several_values = "separated"; set it so or remove the key',
        )
    if item.several_values == "json" and item.characteristic_values != "string":
        yield Problem(
            "item.several_values",
            'is json, which only item.characteristic_values = "string" needs; use as-is, or set that',
        )
    if item.hierarchy == "flat" and not item.bundles_relationship and not item.relies_on_relationship:
        yield Problem(
            "item.bundles_relationship",
            "and relies_on_relationship are empty: flat items would lose their parents; name one of them",
        )
    elif item.hierarchy == "flat" and not item.relies_on_relationship and mapping.draft.growth == "json-patch-append":
        yield Problem(
            "item.relies_on_relationship",
            'is empty, but with draft.growth = "json-patch-append" only a new child can name its parent; set it',
        )
    read: dict[str, str] = {}
    for word, meaning in item.relationship_words.items():
        if read.setdefault(plain_word(word), meaning) != meaning:
            message = f"is {meaning}, but another spelling of the word says {read[plain_word(word)]}; keep one of them"
            yield Problem(f"item.relationship_words.{word}", message)
    if item.relationship_types and not item.relationships:
        yield Problem("item.relationship_types", "has no effect while item.relationships = false; remove it")
    if item.hierarchy == "flat" and not item.relationships:
        yield Problem(
            "item.relationships", 'is false, but flat items are tied by relationships; use hierarchy = "nested"'
        )
    if item.bundles_relationship and item.bundles_relationship == item.relies_on_relationship:
        message = f"is {item.relies_on_relationship}, as item.bundles_relationship is: who is the parent could not be told; use another"
        yield Problem("item.relies_on_relationship", message)


def _prices(mapping: Mapping) -> Iterator[Problem]:
    item = mapping.item
    price = mapping.price
    if price.item_prices and item.attributes and "itemPrice" not in item.attributes:
        message = "lacks itemPrice, which price.item_prices = true sends; add it, or set that to false"
        yield Problem("item.attributes", message)
    if price.alterations == "inline" and not price.item_prices:
        message = (
            "is inline, inside of the itemPrice that price.item_prices = false leaves out; use patch-per-line or drop"
        )
        yield Problem("price.alterations", message)
    if price.alterations == "patch-per-line":
        if price.endless_duration and "applicationDuration" not in price.recurring_required:
            message = (
                "has no effect unless price.recurring_required has applicationDuration; add it there or remove the key"
            )
            yield Problem("price.endless_duration", message)
        return
    for key, given in (
        ("recurring_required", bool(price.recurring_required)),
        ("altered_prices", price.altered_prices != "merged"),
        ("endless_duration", bool(price.endless_duration)),
    ):
        if given:
            message = 'has no effect unless price.alterations = "patch-per-line"; set it so or remove the key'
            yield Problem(f"price.{key}", message)


def _limits(mapping: Mapping) -> Iterator[Problem]:
    limits = mapping.limits
    weights = ("item", "characteristic", "depth")
    given = {name: getattr(limits, f"budget_{name}_weight") for name in weights}
    if 0 < limits.budget < given["item"]:
        message = f"is {limits.budget}, less than one item takes (budget_item_weight); use {given['item']} or more"
        yield Problem("limits.budget", message)
    if limits.budget and not given["item"] and not given["characteristic"]:
        yield Problem(
            "limits.budget", "has no effect while items and characteristics weigh nothing; set a weight or remove it"
        )
    for name in weights if not limits.budget else ():
        if given[name] != 1:
            yield Problem(
                f"limits.budget_{name}_weight", "has no effect while limits.budget = 0; set that or remove the key"
            )
    if mapping.item.hierarchy == "nested" and mapping.draft.growth != "none" and limits.depth_max == 1:
        yield Problem("limits.depth_max", "is 1, so no call could add a child to its parent; use 2 or more")
    if mapping.draft.growth == "additive" and limits.items_max == 1:
        yield Problem("limits.items_max", "is 1, so no call could add a child with its parent; use 2 or more")


def _requests(mapping: Mapping) -> Iterator[Problem]:
    """Refuse query parameters that are there twice, and paths and media types that cannot be."""
    api, recovery = mapping.api, mapping.recovery
    used: dict[str, str] = {}
    for where, name in (
        ("api.fields_parameter", api.fields_parameter),
        ("api.paging.limit_parameter", api.paging.limit_parameter),
        ("api.paging.offset_parameter", api.paging.offset_parameter),
        ("recovery.filter_parameter", recovery.filter_parameter if recovery.find == "filter" else ""),
        *((f"recovery.scan_parameters.{name}", name) for name in recovery.scan_parameters),
    ):
        if name and not _PARAMETER.fullmatch(name):
            yield Problem(where, "is not a name of a query parameter; write it without = & ? / and the like")
        other = used.setdefault(name, where) if name else where
        if other != where:
            yield Problem(where, f"is {name}, as {other} is; use another name for one of them")
    for where, path in (("api.resource", api.resource), ("api.cancel_resource", api.cancel_resource)):
        segments = path.strip("/").split("/")
        if path and not all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments):
            message = "is not a path below the API root; write letters, digits, - _ . and /, e.g. productOrder"
            yield Problem(where, message)
    if api.cancel_resource.strip("/") == api.resource.strip("/"):
        message = "is api.resource: a cancellation would be a new order; write the cancel task, or remove it"
        yield Problem("api.cancel_resource", message)
    header = api.correlation_header
    if header and (not _HEADER.fullmatch(header) or header.lower() in _OWN_HEADERS):
        yield Problem("api.correlation_header", "is not a header that may carry an id; write e.g. X-Correlation-ID")
    media_type = api.patch_media_type
    if not _MEDIA_TYPE.fullmatch(media_type):
        yield Problem("api.patch_media_type", "is not a media type; write e.g. application/merge-patch+json")
    elif media_type.lower().startswith("application/json-patch+json"):
        message = 'is JSON Patch, which only draft.growth = "json-patch-append" sends, by itself; use application/merge-patch+json'
        yield Problem("api.patch_media_type", message)


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
