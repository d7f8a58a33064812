"""Which items of a cart are children that the order system adds by itself, when it adds the bundle above them."""

from __future__ import annotations

from gateway.ordering.findings import Findings
from gateway.ordering.mapping.catalogue import Catalogue, mandatory_offerings, offering_code
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.translation.entries import Entry


class Bundles:
    """The bundles of one cart."""

    def __init__(self, mapping: Mapping, findings: Findings, catalogue: Catalogue | None) -> None:
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
