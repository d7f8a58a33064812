"""Findings: what the ordering stage tells about a cart, one code for each kind.

A finding never carries a value of the cart beyond identifiers of items and names of attributes: values may be personal data.
"""

from __future__ import annotations

from typing import Final

from gateway.ordering.model import Finding, Severity

CODES: Final[dict[str, str]] = {
    # Refusals.
    "ambiguous_children": "An item gives its children twice, as cartItem and as cardItem.",
    "bad_date": "A date-time cannot be read.",
    "bad_number": "A number is not of the kind its attribute needs, e.g. a fraction where an integer is meant.",
    "bad_quantity": "A quantity is not a positive integer.",
    "characteristic_incomplete": "A product characteristic has no name.",
    "conflicting_action": "An item's action does not go with that of the item above it: one is removed, or not there yet.",
    "does_not_fit": "The order does not fit the calls that the order system accepts.",
    "hierarchy_cycle": "Items are each other's parents.",
    "item_too_large": "One item alone exceeds what a call may carry.",
    "not_qualified": "A qualification is not evidence, or no qualification calls the item's offering qualified.",
    "qualification_missing": "An item to be added needs evidence of its qualification, and the request names none.",
    "missing_identifier": "A reference has neither an id nor an href.",
    "missing_offering": "An item to be added names neither a product offering nor a product.",
    "missing_product_reference": "An item that changes, removes or keeps a product does not say which product.",
    "not_yet_valid": "The cart is valid from a later time on.",
    "nothing_to_order": "No item of the cart is to be ordered now, or none says what changes.",
    "party_missing": "The order system needs a related party, and none was given.",
    "party_unmappable": "A related party cannot be referred to: it has neither an id nor an href.",
    "price_incomplete": "A price alteration has no price.",
    "recurring_incomplete": "A recurring price alteration lacks attributes that the order system demands.",
    "relationship_incomplete": "A relationship to another order has no kind.",
    "relationship_unknown": "A relationship's kind is not understood, and the order system has only parents and children.",
    "too_deep": "Items are nested deeper than any order system accepts.",
    "unknown_code": "A code is not in its code table, and the mapping wants every code to be known.",
    "unsupported_action": "The order system has no order that does this to an installed product.",
    "unknown_action": "An action is not one of add, modify, delete and noChange.",
    "unknown_status": "An item's status says neither that it is active nor that it is saved for later.",
    "wrong_type": "An attribute has another JSON type than the standard gives it.",
    # What changed on the way.
    "alteration_not_applied": "A price alteration is for another charge or currency than its price: it is listed, not applied.",
    "amount_unknown": "An amount of a total is left out: nothing tells it, or a tax rate that it follows from.",
    "abandoned_live": "A draft that was given up is live in the order system.",
    "ambiguous_alteration": "The order system may not know which of an item's prices an alteration is for.",
    "catalogue_stale": "The catalogue does not answer; what it said of a bundle some time ago is used.",
    "catalogue_unavailable": "What is mandatory in a bundle could not be read; its items are sent as the cart has them.",
    "catalogue_unknown": "The catalogue does not have a bundle; its items are sent as the cart has them.",
    "header_refused": "The order system refused to change the header of its draft: a new draft is made.",
    "call_too_large": "A call was too large for the order system: what was not sent yet goes in smaller calls.",
    "contents_differ": "The live order in the order system is not what was sent.",
    "converted": "A value was written differently to mean the same.",
    "date_in_the_past": "A wanted date is past already.",
    "dates_contradict": "The wanted completion lies before the wanted start.",
    "defaulted": "An attribute was set because it was absent.",
    "dropped": "An attribute has no place in the order and is not sent.",
    "expired": "The validity of a cart that is sent whole has ended.",
    "followed_by_marker": "The order is known by another id now: it was merged, renamed or superseded in the order system.",
    "hierarchy": "A relationship between items was read as parent and child.",
    "left_behind": "An item is saved for later: it is not ordered, and goes on in a cart of its own once the order is live.",
    "live_after_end": "An order was found live after its checkout had been told as rejected or cancelled.",
    "marker_unproven": "No order was seen to keep its marker and be found by it. Refused with `upstreams.*.require_proven`.",
    "marker": "The order's external id carries the gateway's own marker.",
    "moved": "An attribute is sent in another place of the order.",
    "order_not_verified": "Whose an order is, or what became of it, could not be verified in the order system.",
    "ordered_twice": "The cart was ordered by another checkout as well.",
    "overridden": "The checkout request replaces an attribute of the cart.",
    "currencies_differ": "The amounts of one price are in different currencies: it is part of no total.",
    "price_drift": "The order system's draft does not cost what the cart did.",
    "price_not_compared": "What an order costs in the order system could not be compared with the cart before it was live.",
    "price_negative": "An amount of a price is negative. Refused with `checkout.implausible_prices`.",
    "price_not_summed": "A price is part of no total: a rate of use, a tier, a percentage, or the price of what is removed or kept.",
    "price_too_large": "An amount is above `checkout.price_amount_max`. Refused with `checkout.implausible_prices`.",
    "qualification_unconfirmed": "The service that confirms qualifications did not answer a preview; a checkout would be refused.",
    "refusal_not_verified": "That a refused order is not there all the same could not be verified.",
    "regenerated_id": "An item got a new id, because its own was absent or not unique.",
    "relationship_circular": "An item is related to itself, or items need each other. A ready order is refused for it.",
    "relationship_dropped": "A relationship between items is not sent.",
    "renamed": "An attribute is sent under another name.",
    "sent_later": "Price alterations are sent in calls of their own, after the lines exist.",
    "several_customers": "Several parties are the customer: an order system may take any for the account. A ready order is refused for it.",
    "unknown_item_state": "The order system shows items in a state that its mapping does not have.",
    "unknown_state": "The order system shows an order in a state that its mapping does not have.",
    "total_negative": "A total is negative. Refused with `checkout.implausible_prices`.",
    "totals_differ": "A total that was given is not what the prices come to: their sum is sent.",
    "totals_not_sent": "Totals are not sent, because they may count items that stay behind.",
    "totals_recomputed": "Totals were added up again, because items stay behind.",
}


class Findings:
    """Collects findings in the order they are made; `codes` are those met, `refused` is set once one is an error."""

    __slots__ = ("_found", "codes", "refused")

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self.codes: set[str] = set()
        self.refused = False

    def _add(self, severity: Severity, code: str, path: str, message: str) -> None:
        assert code in CODES, code
        self.codes.add(code)
        self._found.append(Finding(severity=severity, code=code, path=path, message=message))

    def info(self, code: str, path: str, message: str) -> None:
        """Note something a reader may want to know."""
        self._add("info", code, path, message)

    def warning(self, code: str, path: str, message: str) -> None:
        """Note something that is lost or assumed."""
        self._add("warning", code, path, message)

    def error(self, code: str, path: str, message: str) -> None:
        """Note a reason to refuse the checkout."""
        self._add("error", code, path, message)
        self.refused = True

    def all(self) -> tuple[Finding, ...]:
        """Return what was found so far."""
        return tuple(self._found)

    def count(self) -> int:
        """Return how many were found so far."""
        return len(self._found)

    def since(self, count: int) -> list[Finding]:
        """Return those that were found after the first `count`."""
        return self._found[count:]


def json_type(value: object) -> str:
    """Return the JSON name of `value`'s type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    return "a number"
