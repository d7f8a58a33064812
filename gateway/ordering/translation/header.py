"""The order's header: parties, contact, dates, notes, totals and references, from the checkout request and the cart.

An attribute of the request wins over the cart's. The external id is not set here: it carries the marker of one attempt and
is put in when a call is rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.mapping.dates import date_writer
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.vocabulary import HEADER
from gateway.ordering.model import OrderLine
from gateway.ordering.translation.external_ids import ExternalIds
from gateway.ordering.translation.parties import Parties, notification_contact
from gateway.ordering.translation.prices import Prices
from gateway.ordering.translation.timing import check_requested_dates, check_validity
from gateway.ordering.v5.fitting import fit_channel
from gateway.ordering.v5.standard import HEADER_PARTS, NOT_STANDARD, Standard
from gateway.ordering.values import clean_notes, date_time, objects, reference, rfc3339, says_nothing, text, wrong_type
from gateway.tmf.given_totals import CartTotals
from gateway.tmf.moments import parse_moment

_OWN_OF_REQUEST: Final = frozenset(
    {"shoppingCart", "upstream", "submit", "externalId", "expectedTotalPrice", "place", "id", "href", "state", "@type",
     "@baseType", "@schemaLocation"}
)  # fmt: skip
_OWN_OF_CART: Final = frozenset(
    {"id", "href", "cartItem", "cardItem", "cartTotalPrice", "contactMedium", "validFor", "creationDate", "lastUpdate",
     "lastUpdateDate", "externalId", "checkoutState", "checkout", "@type", "@baseType", "@schemaLocation", "@numericIds"}
)  # fmt: skip
_NOT_SENT: Final = {
    "validFor": "The order has no validity of its own.",
    "creationDate": "It is about the cart, not the order.",
    "lastUpdate": "It is about the cart, not the order.",
    "lastUpdateDate": "It is about the cart, not the order.",
    "checkoutState": "It is about the cart, not the order.",
    "checkout": "It is about the cart, not the order.",
}
# What an order system says itself, or the gateway: nobody else gives an order its state or its items.
_ORDERS_OWN: Final = (
    "id", "href", "state", "orderDate", "completionDate", "expectedCompletionDate", "cancellationDate", "cancellationReason",
    "productOrderItem", "orderTotalPrice", "requestedInitialState", "creationDate", "lastUpdate", "submitCart", "milestone",
    "productOrderMilestone", "jeopardyAlert", "productOrderJeopardyAlert", "productOrderErrorMessage",
)  # fmt: skip


class Header:
    """Translates the header of one order."""

    def __init__(self, mapping: Mapping, findings: Findings, now: datetime) -> None:
        self._mapping = mapping
        self._findings = findings
        self._now = now
        self._origins: dict[str, str] = {}
        # v5's externalId is a list, in which the marker is one of several.
        is_list = mapping.dialect == "tmf622-v5" and mapping.recovery.marker_slot == "externalId"
        self._marker_slot = "" if is_list else mapping.recovery.marker_slot
        self._prices = Prices(mapping, findings)
        self._external_ids = ExternalIds(mapping, findings)
        self._reserved = _reserved(mapping)
        self._standard = Standard(mapping, findings)
        self._parties = Parties(mapping, findings)
        self._written = date_writer(mapping.dates)
        self._moments: dict[str, tuple[datetime, str]] = {}
        texts, dates, references, single = self._text, self._date, self._references, self._reference
        self._readers: dict[str, Callable[[Any, str], Any]] = {
            "description": texts, "category": texts, "priority": texts, "notificationContact": texts,
            "requestedStartDate": dates, "requestedCompletionDate": dates, "relatedParty": self._parties.translate,
            "channel": self._channels, "billingAccount": single, "payment": references, "agreement": references,
            "quote": references, "productOfferingQualification": references,
            "orderRelationship": self._order_relationships,
            "note": lambda value, path: clean_notes(value, path, findings, self._written),
        }  # fmt: skip

    def translate(
        self,
        cart: JsonObject,
        request: JsonObject,
        item_notes: list[JsonObject],
        *,
        totals: CartTotals | None,
        stays_of: Sequence[OrderLine] | None,
    ) -> JsonObject:
        """Return the header in TMF622 v4 shape, its attributes in the standard's order.

        `totals` are the cart's, None when they cannot be told exactly; `stays_of` the lines that are ordered when something else
        stays in the cart, else None.
        """
        found: dict[str, Any] = {}
        self._read(request, "checkout.", _OWN_OF_REQUEST, found)
        self._read(cart, "", _OWN_OF_CART, found)
        found["externalId"] = self._external_ids.translate(cart, request)
        self._contact(cart, found)
        self._totals(cart, found, totals, stays_of)
        if item_notes:
            found["note"] = [*found.get("note", ()), *item_notes]
        self._tell_numeric_ids(cart)
        check_validity(cart.get("validFor"), self._now, self._findings)
        check_requested_dates(self._moments, self._now, self._findings)
        self._defaults(found)
        self._parties.check_present(found)
        allowed = frozenset(self._mapping.order.attributes)
        header = {}
        for key in (*HEADER, *(key for key in found if key not in HEADER)):
            if found.get(key) in (None, []):
                continue
            if key == self._marker_slot:
                self._findings.warning(
                    "dropped", self._origins.get(key, key), "The gateway's own marker is sent there."
                )
                continue
            if allowed and key not in allowed:
                self._findings.warning("dropped", self._origins.get(key, key), "The order system has no place for it.")
                continue
            header[key] = found[key]
        return header

    def _tell_numeric_ids(self, cart: JsonObject) -> None:
        """Tell where the sender of the cart wrote numbers for identifiers: they are texts by now."""
        places = cart.get("@numericIds")
        for path in places if type(places) is list else ():
            if type(path) is str:
                self._findings.info("converted", path, "The identifier is written as a number; it is read as a text.")

    def read_attribute(self, key: str, value: object, path: str) -> Json:
        """Return the attribute `key`, given at `path`, as the order has it; None where a cart or request gives no such one."""
        return self._readers[key](value, path) if key in self._readers else None

    def _read(self, source: JsonObject, prefix: str, own: frozenset[str], found: JsonObject) -> None:
        """Read the attributes of the request or the cart that the order has too; report the rest as dropped."""
        for key, value in source.items():
            if value is None or value == []:
                continue
            path = f"{prefix}{key}"
            if key in _NOT_SENT and not prefix:
                self._findings.info("dropped", path, _NOT_SENT[key])
            elif key in own:
                continue
            elif key.casefold() in self._reserved or key.startswith("@"):
                self._findings.warning("dropped", path, "The order's attribute of this name is not a cart's to give.")
            elif key not in self._readers and self._standard.is_strict:
                self._findings.warning("dropped", path, NOT_STANDARD)
            elif key in found:
                self._findings.info("overridden", path, "The checkout request's attribute is sent instead.")
            else:
                # An attribute of the client's own travels under its name, as those of items do.
                given = self._standard.fitted(value, HEADER_PARTS.get(key, ""), path)
                found[key] = self._readers[key](given, path) if key in self._readers else given
                self._origins[key] = path

    def _text(self, value: object, path: str) -> str | None:
        if type(value) is str:
            return value
        wrong_type(value, "a string", path, self._findings)
        return None

    def _date(self, value: object, path: str) -> str | None:
        moment = parse_moment(value) if type(value) is str else None
        if moment is not None:
            self._moments[path.rpartition(".")[2]] = moment, path
        return date_time(value, path, self._findings, self._written)

    def _reference(self, value: object, path: str) -> JsonObject | None:
        if type(value) is not dict:
            wrong_type(value, "an object", path, self._findings)
            return None
        return reference(value, path, self._findings)

    def _references(self, value: object, path: str) -> list[JsonObject]:
        return [
            node
            for member, member_path in objects(value, path, self._findings)
            if (node := reference(member, member_path, self._findings)) is not None
        ]

    def _order_relationships(self, value: object, path: str) -> list[JsonObject]:
        """Return the orders that this one is related to, as an amendment is to what it amends: only v5 has a place for them."""
        if self._standard.is_v4 and "orderRelationship" not in self._mapping.order.attributes:
            message = (
                "An order of v4 says of no other order that it is related to it; the order system gets no amendment."
            )
            self._findings.warning("dropped", path, message)
            return []
        kept = []
        for member, member_path in objects(value, path, self._findings):
            node = reference(member, member_path, self._findings)
            kind = text(member, "relationshipType", member_path, self._findings)
            if not kind:
                message = "It says nothing of how the orders are related; give a relationshipType."
                self._findings.error("relationship_incomplete", member_path, message)
            elif node is not None:
                kept.append(node)
        return kept

    def _channels(self, value: object, path: str) -> list[JsonObject]:
        """Return channels as v4 writes them: {id, role}; v5's {role, channel: {id}} is read too."""
        kept = []
        for member, member_path in objects(value, path, self._findings):
            inner = member.get("channel")
            if type(inner) is dict:
                outer = {key: value for key, value in member.items() if key not in ("channel", "@type")}
                member = {**{key: value for key, value in inner.items() if key != "@type"}, **outer}  # noqa: PLW2901 -- the flattened form replaces it
            node = reference(member, member_path, self._findings)
            if node is not None and self._mapping.dialect == "tmf622-v5":
                node = fit_channel(node, self._mapping.order.channel_role, member_path, self._findings)
            if node is not None:
                kept.append(node)
        return kept

    def _has_place(self, key: str) -> bool:
        """Tell whether the order system keeps what a cart says there; where the marker is, it does not."""
        allowed = self._mapping.order.attributes
        return key != self._marker_slot and (not allowed or key in allowed)

    def _contact(self, cart: JsonObject, found: JsonObject) -> None:
        if says_nothing(cart.get("contactMedium")):
            return
        if not self._has_place("notificationContact"):
            self._findings.warning("dropped", "contactMedium", "The order system has no place for a contact.")
            return
        contact = notification_contact(cart["contactMedium"], self._findings, taken="notificationContact" in found)
        if contact is not None:
            found.setdefault("notificationContact", contact)

    def _totals(
        self,
        cart: JsonObject,
        found: JsonObject,
        totals: CartTotals | None,
        stays_of: Sequence[OrderLine] | None,
    ) -> None:
        """Send the totals that a customer's view is compared with; tell what the cart gives instead."""
        given = cart.get("cartTotalPrice")
        path, findings = "cartTotalPrice", self._findings
        if not self._mapping.price.totals or not self._has_place("orderTotalPrice"):
            if given is not None:
                self._totals_have_no_place(has_own=totals is not None and totals.has_own)
        elif given is None:
            return
        elif totals is None:
            findings.warning("totals_not_sent", path, "The prices cannot be added up exactly.")
        elif not totals.are_sums:
            if stays_of is None:
                if not totals.agrees:
                    findings.warning("totals_differ", path, "The totals of the items come to something else.")
                found["orderTotalPrice"] = self._prices.order_prices(given, path)
            else:
                findings.warning("totals_not_sent", path, "Something stays in the cart, and no item has a price.")
        elif not totals.agrees:
            self._tell_other_totals(totals, something_stays=stays_of is not None)
            found["orderTotalPrice"] = self._own_totals(totals)
        else:
            found["orderTotalPrice"] = self._prices.order_prices(totals.prices, path)

    def _totals_have_no_place(self, *, has_own: bool) -> None:
        path, findings = "cartTotalPrice", self._findings
        if not self._mapping.price.totals:
            findings.info("dropped", path, "The order system computes totals itself.")
            if has_own:
                message = "The order system takes no price or alteration of the order as a whole; the cart has one."
                findings.warning("dropped", path, message)
        else:
            findings.warning("dropped", path, "The order system has no place for it.")

    def _own_totals(self, totals: CartTotals) -> list[JsonObject]:
        """Return totals that are not the cart's own: of what is written differently in them nothing is told, but what is lost."""
        unseen = Findings()
        prices = Prices(self._mapping, unseen).order_prices(totals.prices, "cartTotalPrice")
        if totals.has_own and "dropped" in unseen.codes:
            message = "The order system takes no alteration of the order as a whole; the cart has one."
            self._findings.warning("dropped", "cartTotalPrice", message)
        return prices

    def _tell_other_totals(self, totals: CartTotals, *, something_stays: bool) -> None:
        path, findings = "cartTotalPrice", self._findings
        if not totals.prices:
            findings.warning("totals_not_sent", path, "No total is known of the prices of what is ordered.")
        elif something_stays:
            findings.info(
                "totals_recomputed", path, "Something stays in the cart; the total is that of what is ordered."
            )
        else:
            findings.warning("totals_differ", path, "It is not what the items' prices come to; their sum is sent.")

    def _defaults(self, found: JsonObject) -> None:
        slots = self._mapping.order
        for key, value in slots.defaults.items():
            if found.get(key) in (None, []):
                found[key] = value
                self._findings.info("defaulted", key, "It is absent; the mapping's default is sent.")
        if slots.start_date_required and not found.get("requestedStartDate"):
            found["requestedStartDate"] = self._written(rfc3339(self._now))
            self._findings.info(
                "defaulted", "requestedStartDate", "The order system demands it; the time of the checkout is sent."
            )


def _reserved(mapping: Mapping) -> frozenset[str]:
    """Return the attributes, without case, that no cart or request gives an order: they would steer it, or take the marker's place."""
    draft, recovery = mapping.draft, mapping.recovery
    fixed = (draft.create_attributes, draft.add_attributes, draft.submit_attributes, recovery.tombstone_attributes)
    named = {name for table in fixed for name in table if name not in HEADER}
    slot = set() if recovery.marker_slot in HEADER else {recovery.marker_slot}
    return frozenset(name.casefold() for name in {*_ORDERS_OWN, *named, *slot} - {"externalId"})
