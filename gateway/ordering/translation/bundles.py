"""Bundles as TMF620 catalogues tell of them: which are to be asked for, and what their answers make mandatory. Pure.

A `productOffering` lists what it bundles, each child with limits. Where the cart puts an item right beneath a bundle that
does not list it, its mandatory children are bundles themselves that may: they are followed to a bounded depth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from gateway.ordering.findings import Findings
from gateway.ordering.mapping.catalogue import bundled_offerings, offering_code
from gateway.ordering.translation.tree import read_tree

if TYPE_CHECKING:
    from gateway.ordering.mapping import model as mappings

CHILDREN_MAX: Final = 1_000
"""Children of one offering; a catalogue that lists more is not believed."""


class Offering(Struct, frozen=True, gc=False):
    """What a bundle holds, by the codes of its children."""

    mandatory: frozenset[str]
    optional: frozenset[str]


class Bundle(NamedTuple):
    """What became of one bundle of the cart.

    `mandatory` are the cart's children of it that the order system adds by itself, `followed` the offerings in it that were
    looked at for that, `unread` those that must be read before it is certain; `cut` tells that there are more levels than
    are followed.
    """

    mandatory: frozenset[str]
    followed: frozenset[str]
    unread: frozenset[str]
    cut: bool


def wanted_bundles(cart: dict[str, Any], mapping: mappings.Mapping) -> dict[str, frozenset[str]]:
    """Return the bundles that a catalogue must be asked for, with the codes of the items that the cart has beneath them.

    These are the ones that are to be added and of which neither the cart's own reference nor the mapping's file says what is
    mandatory; none where the order system does not care.
    """
    if mapping.item.mandatory_child_action == "add":
        return {}
    wanted: dict[str, set[str]] = {}
    for entry in read_tree(cart, Findings(), mapping.item):
        parent = entry.parent
        if parent is None or parent.action != "add":
            continue
        reference = parent.raw.get("productOffering")
        if type(reference) is dict and type(reference.get("bundledProductOffering")) is list:
            continue
        code, child = offering_code(parent.raw), offering_code(entry.raw)
        if code and child and mapping.tables.catalogue.children(code) is None:
            wanted.setdefault(code, set()).add(child)
    return {code: frozenset(children) for code, children in wanted.items()}


def read_offering(document: dict[str, Any]) -> Offering | None:
    """Return what a TMF620 `productOffering` (v4 or v5) bundles; None when it lists more than anybody bundles."""
    bundled = document.get("bundledProductOffering")
    if type(bundled) is list and len(bundled) > CHILDREN_MAX:
        return None
    children = bundled_offerings(document)
    mandatory = frozenset(code for code, needed in children if needed)
    return Offering(mandatory, frozenset(code for code, _ in children) - mandatory)


def resolve(
    code: str, children: Collection[str], known: Mapping[str, Offering | None], *, depth_max: int
) -> Bundle | None:
    """Return which of the cart's `children` are mandatory in the bundle `code`; None when that is not known.

    `known` are the offerings that were read; None stands for one that the catalogue does not have. A child that the bundle
    does not list itself is looked for in its mandatory children, `depth_max` levels deep; a circle among them ends nothing.
    """
    offering = known.get(code)
    if offering is None:
        return None
    found = offering.mandatory.intersection(children)
    missing = set(children) - offering.mandatory - offering.optional
    seen, level = {code}, set(offering.mandatory)
    for _ in range(depth_max):
        level -= seen
        if not missing or not level:
            break
        unread = level - known.keys()
        if unread:
            return Bundle(found, frozenset(seen), frozenset(unread), cut=False)
        seen |= level
        offerings = [nested for each in level if (nested := known[each]) is not None]
        for nested in offerings:
            found |= nested.mandatory & missing
        for nested in offerings:
            missing -= nested.mandatory | nested.optional
        level = {each for nested in offerings for each in nested.mandatory}
    return Bundle(found, frozenset(seen), frozenset(), cut=bool(missing and level - seen))
