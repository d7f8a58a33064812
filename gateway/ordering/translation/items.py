"""Cart items as order lines: action, quantity, references, prices, notes, relationships."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.catalogue import Catalogue
from gateway.ordering.mapping.dates import date_writer
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import OrderLine
from gateway.ordering.translation.altered_prices import Altered
from gateway.ordering.translation.bundles import Bundles
from gateway.ordering.translation.changes import check_references, is_emptied, refuse_emptied
from gateway.ordering.translation.entries import Entry, check_action
from gateway.ordering.translation.prices import Prices
from gateway.ordering.translation.products import Products
from gateway.ordering.translation.relations import sent_relations
from gateway.ordering.v5.fitting import fit_item
from gateway.ordering.v5.standard import ITEM_PARTS, NOT_STANDARD, Standard
from gateway.ordering.v5.terms import check_duration
from gateway.ordering.values import clean_notes, integer, objects, says_nothing, without_nulls
from gateway.tmf.amounts import has_amounts

_TOTALS: Final = ("itemTotalPrice", "ItemTotalPrice", "totalItemPrice")
_READ_ELSEWHERE: Final = frozenset(
    {"id", "action", "quantity", "status", "cartItem", "cardItem", "cartItemRelationship", "note",
     "@type", "@baseType", "@schemaLocation", "productOrderItem", "productOrderItemRelationship"}
)  # fmt: skip


class Items:
    """Translates the entries of one cart; item notes that belong on the order gather in `order_notes`."""

    def __init__(self, mapping: Mapping, findings: Findings, catalogue: Catalogue | None = None) -> None:
        self._mapping = mapping
        self._findings = findings
        self._prices = Prices(mapping, findings)
        self._standard = Standard(mapping, findings)
        self._written = date_writer(mapping.dates)
        self.products = Products(mapping, findings)
        self._kept = frozenset(mapping.item.attributes)
        self._reads_totals = not (mapping.price.totals and self._kept and "itemTotalPrice" not in self._kept)
        self._is_plain: dict[str, Callable[[Any], bool]] = {
            "productOffering": self.products.is_plain_offering,
            "product": self.products.is_plain,
            "itemPrice": self._prices.are_plain,
        }
        self._sends_prices = mapping.price.item_prices
        self._actions = mapping.item.actions
        self._named_by_code = not any(map(self.products.keeps, ("productOffering", "productSpecification")))
        self._roots_only = mapping.item.asset_orders == "roots-first"
        self._is_v5 = mapping.dialect == "tmf622-v5"
        self._bundles = Bundles(mapping, findings, catalogue)
        self._sent: frozenset[str] = frozenset()
        self.order_notes: list[dict[str, Any]] = []
        # Items with something beneath them that stays in the cart, and the path of their total.
        self.incomplete_totals: dict[str, str] = {}
        # The paths of totals that are not the cart's own: of what is written differently in them nothing is told.
        self.totals_replaced: set[str] = set()
        self._unseen = Prices(mapping, Findings())

    def lines(self, entries: list[Entry]) -> tuple[OrderLine, ...]:
        """Return the order's lines for `entries`, which come parents first."""
        if self._mapping.item.drop_no_change:
            entries = self._without_unchanged(entries)
        if any(entry.relations for entry in entries):
            self._sent = frozenset(entry.id for entry in entries)
        lines: list[OrderLine] = []
        emptied: list[OrderLine] = []
        for entry in entries:
            may_be_emptied = entry.action == "modify"
            told = self._findings.count() if may_be_emptied else 0
            line = self._line(entry)
            lines.append(line)
            if may_be_emptied and is_emptied(line, self._findings.since(told)):
                emptied.append(line)
        refuse_emptied(emptied, lines, self._findings)
        return tuple(lines)

    def _without_unchanged(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries without those that keep a product as it is, unless something beneath them is sent."""
        if all(entry.action != "noChange" for entry in entries):
            return entries
        needed: set[Entry] = set()
        for entry in reversed(entries):
            if entry.action != "noChange" or entry in needed:
                needed.add(entry)
                if entry.parent is not None:
                    needed.add(entry.parent)
        for entry in entries:
            if entry not in needed:
                check_action(entry, self._findings, roots_only=self._roots_only)
                self._findings.info("dropped", entry.path, "The item changes nothing; the order system needs no line.")
        return [entry for entry in entries if entry in needed]

    def _line(self, entry: Entry) -> OrderLine:
        raw, action = entry.raw, entry.action
        parent_id = entry.parent.id if entry.parent is not None else None
        item: dict[str, Any] = {"id": entry.id, "action": action}
        quantity = raw.get("quantity")
        if quantity is not None:
            if type(quantity) is not int or quantity <= 0:
                quantity = self._quantity(quantity, f"{entry.path}.quantity")
            item["quantity"] = quantity
        if parent_id is None and action == "delete" and self._roots_only:
            self._findings.error(
                "unsupported_action",
                f"{entry.path}.action",
                "The order system removes only what is beneath an installed product that is modified; order it elsewhere.",
            )
        if action == "add" and self._named_by_code and raw.get("productOffering") is None:
            raw = self._with_offering(raw, item, entry.path)
        altered = self._attributes(
            raw, item, entry.path, incomplete=entry.incomplete and not has_amounts(raw.get("itemPrice"))
        )
        if self._is_v5:
            fit_item(item, raw, entry.path, self._findings)
        mandatory = self._bundles.is_mandatory(entry)
        # A child that comes with the new bundle above it is not installed yet: a modify of it configures what is new.
        configured = mandatory and action == "modify" == self._mapping.item.mandatory_child_action
        check_action(entry, self._findings, roots_only=self._roots_only, appears=configured)
        if not configured:
            check_references(raw, action, entry.path, self._findings)
        alterations, prices = (altered.alterations(), altered.prices()) if altered is not None else ((), ())
        if alterations:
            if action in ("delete", "noChange"):
                self._findings.warning("dropped", f"{entry.path}.itemPrice", f"An item with {action} is not priced.")
                alterations, prices = (), ()
            else:
                self._findings.info(
                    "sent_later", f"{entry.path}.itemPrice", "Its price alterations are sent in a call of their own."
                )
        if raw.get("note") is not None:
            self._notes(entry, item)
        if entry.relations and (kept := sent_relations(entry, self._sent, self._mapping.item, self._findings)):
            item["productOrderItemRelationship"] = kept
        if action in self._actions or (mandatory and action == "add"):
            self._own_word(action, entry.path, mandatory=mandatory)
        return OrderLine(
            id=entry.id,
            cart_item_id=entry.cart_id,
            parent_id=parent_id,
            root_id=entry.root_id,
            depth=entry.depth,
            item=item,
            mandatory=mandatory,
            alterations=alterations,
            altered_prices=prices,
            path=entry.path,
        )

    def _with_offering(self, raw: JsonObject, item: JsonObject, path: str) -> JsonObject:
        """Take the offering that only the product names, where the order system has no place for it there; refuse without."""
        product = raw.get("product")
        given = product.get("productOffering") if type(product) is dict else None
        if given is not None:
            where = f"{path}.product.productOffering"
            offering = self.products.offering(without_nulls(given), where)
            if offering is not None:
                item["productOffering"] = offering
                self._findings.info("moved", where, "It is sent as the item's productOffering.")
            return {**raw, "product": {key: value for key, value in raw["product"].items() if key != "productOffering"}}
        if product is not None:
            message = (
                "The order system knows what to add by its product offering alone; give the item a productOffering."
            )
            self._findings.error("missing_offering", path, message)
        return raw

    def _own_word(self, action: str, path: str, *, mandatory: bool) -> None:
        """Tell that the order system gets another action than the cart's."""
        slots = self._mapping.item
        if mandatory and action == "add":
            if slots.mandatory_child_action != "add":
                message = (
                    f"The order system adds this child by itself; the item is sent with {slots.mandatory_child_action}."
                )
                self._findings.info("converted", f"{path}.action", message)
        elif slots.actions[action] != action:
            message = f"The order system's action for {action} is {slots.actions[action]}."
            self._findings.info("converted", f"{path}.action", message)

    def _quantity(self, value: object, path: str) -> int | None:
        number = integer(value, path, self._findings)
        if number is not None and number <= 0:
            self._findings.error("bad_quantity", path, "It must be a positive integer.")
        return number

    def _attributes(
        self,
        raw: JsonObject,
        item: JsonObject,
        path: str,
        *,
        incomplete: bool,
    ) -> Altered | None:
        """Put every attribute but those read elsewhere into `item`, translated, or report it as dropped; no empty list.

        Return the altered prices, where something may be altered.
        """
        altered = None
        for key, value in raw.items():
            if key in _READ_ELSEWHERE or value is None:
                continue
            is_plain = self._is_plain.get(key)
            # What needs no change, the usual case, is shared with the cart: nothing is made for it, not even its path.
            if is_plain is not None and is_plain(value):
                if key == "itemPrice" and not self._sends_prices:
                    self._prices_stay(f"{path}.{key}")
                    continue
                translated = value or None
            elif key == "itemPrice":
                altered = self._prices.altered()
                given = self._standard.fitted(without_nulls(value), key, f"{path}.{key}")
                translated = self._item_prices(given, f"{path}.{key}", altered)
            elif key in _TOTALS and self._reads_totals and self._prices.are_plain(value):
                self._totals(value, key, f"{path}.{key}", item, incomplete=incomplete, is_plain=True)
                continue
            else:
                translated = self._translated(key, without_nulls(value), f"{path}.{key}", item, incomplete=incomplete)
            if translated is not None and translated != []:
                item[key] = translated
        return altered

    def _translated(self, key: str, value: object, path: str, item: JsonObject, *, incomplete: bool) -> Json:
        """Return an attribute as the order has it; None when it is not sent, or put into `item` under another name."""
        value = self._standard.fitted(value, ITEM_PARTS.get(key, ""), path)
        if key == "productOffering":
            return self.products.offering(value, path)
        if key == "product":
            # A product of which nothing is left is not sent.
            return self.products.translate(value, path) or None
        if self._reads_totals and key in _TOTALS:
            self._totals(value, key, path, item, incomplete=incomplete)
            return None
        if self._kept and key not in self._kept:
            if not says_nothing(value):
                self._findings.warning("dropped", path, "The order system has no place for it.")
            return None
        if key not in ITEM_PARTS and self._standard.is_strict:
            if not says_nothing(value):
                self._findings.warning("dropped", path, NOT_STANDARD)
            return None
        return self._checked(value, key, path)

    def _checked(self, value: object, key: str, path: str) -> Json:
        """Return an attribute that is sent as it is; itemTerm has to be an array of objects, OrderTerm in the order."""
        if key == "state":
            self._findings.warning("dropped", path, "The order system says itself in which state its items are.")
            return None
        if key != "itemTerm":
            return value
        terms = []
        for member, member_path in objects(value, path, self._findings):
            if not self._is_v5:
                check_duration(member, member_path, self._findings)
            if member.get("@type") == "CartTerm":
                self._findings.info("converted", f"{member_path}.@type", "A CartTerm is an OrderTerm in the order.")
                terms.append({**member, "@type": "OrderTerm"})
            else:
                terms.append(member)
        return terms

    def _item_prices(self, value: object, path: str, altered: Altered) -> list[JsonObject] | None:
        prices = self._prices.item_prices(value, path, altered)
        if self._sends_prices:
            return prices
        if prices:
            self._prices_stay(path)
        return None

    def _prices_stay(self, path: str) -> None:
        self._findings.warning("dropped", path, "The order system sets prices itself; only alterations are sent.")

    def _totals(
        self, value: object, key: str, path: str, item: JsonObject, *, incomplete: bool, is_plain: bool = False
    ) -> None:
        findings = self._findings
        if not self._mapping.price.totals:
            findings.info("dropped", path, "The order system computes totals itself.")
        elif incomplete and item["id"] not in self.incomplete_totals:
            self.incomplete_totals[item["id"]] = path
        elif "itemTotalPrice" in item or incomplete:
            findings.warning("dropped", path, "The item has its total under another name already.")
        else:
            if key != "itemTotalPrice":
                findings.info("renamed", path, "It is sent as itemTotalPrice.")
            prices = self._unseen if path in self.totals_replaced else self._prices
            if totals := value if is_plain else prices.order_prices(value, path):
                item["itemTotalPrice"] = totals
            elif path in self.totals_replaced:
                findings.warning(
                    "dropped", path, "It is not a list of prices; the total of the item's own prices counts."
                )

    def _notes(self, entry: Entry, item: JsonObject) -> None:
        path = f"{entry.path}.note"
        where, attributes = self._mapping.item.notes, self._mapping.order.attributes
        if where == "order" and attributes and "note" not in attributes:
            where = "drop"
        notes = clean_notes(without_nulls(entry.raw["note"]), path, self._findings, self._written)
        if not notes:
            return
        if where == "drop":
            self._findings.warning("dropped", path, "The order system has no place for an item's note.")
        elif where == "item":
            item["note"] = notes
        else:
            self._findings.info("moved", path, "It is sent as a note of the order, which names the item.")
            self.order_notes += [{**note, "text": f"[item {entry.id}] {note['text']}"} for note in notes]
