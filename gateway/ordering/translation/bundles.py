"""Bundles as TMF620 catalogues tell of them: which are to be asked for, and what their answers make mandatory. Pure.

A `productOffering` lists what it bundles, each child with limits. Where the cart puts an item right beneath a bundle that
does not list it, its mandatory children are bundles themselves that may: they are followed to a bounded depth. `Bundles` tells which
items of a cart are children that the order system adds by itself, when it adds the bundle above them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.catalogue import Catalogue, bundled_offerings, mandatory_offerings, offering_code
from gateway.ordering.translation.entries import Entry
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


def wanted_bundles(cart: JsonObject, mapping: mappings.Mapping) -> dict[str, frozenset[str]]:
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


def read_offering(document: JsonObject) -> Offering | None:
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


class Bundles:
    """The bundles of one cart."""

    def __init__(self, mapping: mappings.Mapping, findings: Findings, catalogue: Catalogue | None) -> None:
        self._findings = findings
        self._catalogues = [mapping.tables.catalogue] + ([catalogue] if catalogue is not None else [])
        self._mandatory: dict[str, frozenset[str]] = {}
        self._doubted: set[str] = set()
        self._appeared: set[tuple[str, str]] = set()

    def is_mandatory(self, entry: Entry) -> bool:
        """Tell whether this child is mandatory in its bundle, by what the cart, the file and the catalogue say.

        One line of each appears by itself: the first of several items is that one, the others are added beside it.
        """
        parent = entry.parent
        if parent is None or parent.action != "add":
            return False  # beneath an installed product nothing appears by itself
        bundle = self._mandatory.get(parent.id)
        if bundle is None:
            bundle = self._mandatory[parent.id] = self._mandatory_children(parent)
        if not bundle:
            return False
        code = offering_code(entry.raw)
        if code not in bundle or (parent.id, code) in self._appeared:
            return False
        self._appeared.add((parent.id, code))
        return True

    def _mandatory_children(self, entry: Entry) -> frozenset[str]:
        """Return the codes of the mandatory children of an item: its own reference says, else the file, else TMF620."""
        offering = entry.raw.get("productOffering")
        if type(offering) is dict and type(offering.get("bundledProductOffering")) is list:
            return mandatory_offerings(entry.raw)
        code = offering_code(entry.raw)
        for catalogue in self._catalogues if code else ():
            doubt = catalogue.doubts.get(code)
            if doubt is not None and code not in self._doubted:
                self._doubted.add(code)
                self._findings.warning(doubt.code, f"{entry.path}.productOffering", doubt.message)
            children = catalogue.children(code)
            if children is not None:
                return children
        return frozenset()
