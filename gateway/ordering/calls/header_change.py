"""A change of nothing but the header of an order: told from other changes, and made a step of the plan of the draft that is there. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.documents import JsonObject
from gateway.ordering.calls.costs import patch_head
from gateway.ordering.calls.writer import Writer
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Order, Plan, Step


def changes_header_only(before: Order, after: Order, mapping: Mapping) -> bool:
    """Tell whether two orders differ in nothing but what a PATCH of the draft may set (`draft.header_attributes`).

    An attribute that is gone cannot be set: then it is another order.
    """
    if not mapping.draft.header_attributes or before.lines != after.lines:
        return False
    writer = Writer(mapping)
    old, new = (writer.head(order.header, "") for order in (before, after))
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return changed <= set(mapping.draft.header_attributes) and changed <= new.keys()


def header_body(order: Order, mapping: Mapping) -> JsonObject:
    """Return the body of the PATCH that sets the header of a draft: all of it that may be set, so that sending it again does no harm."""
    head = Writer(mapping).head(order.header, "")
    wanted = {name: head[name] for name in mapping.draft.header_attributes if name in head}
    return {**patch_head(mapping), **mapping.draft.add_attributes, **wanted}


def with_header_step(plan: Plan, done: int) -> Plan:
    """Return the plan of a draft of which `done` steps were made: its header is set next, and then it is submitted."""
    steps = (*plan.steps[:done], Step(sequence=done + 1, kind="header"), Step(sequence=done + 2, kind="submit"))
    return replace(plan, steps=steps)


def without_header_steps(plan: Plan) -> Plan:
    """Return the plan for a draft that is begun again: its first call has the whole header."""
    kept = [step for step in plan.steps if step.kind != "header"]
    return replace(plan, steps=tuple(replace(step, sequence=number) for number, step in enumerate(kept, 1)))
