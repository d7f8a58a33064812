"""The part of a mapping file that says where an order's attributes go, and in which words: header, items and prices.

Read through `gateway.ordering.mapping.model`, whose other parts say how the order system behaves.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

RelationshipMeaning: TypeAlias = Literal["child", "parent", "other"]
"""What the other item of a relationship is to the item that names it."""


def documented(text: str, **limits: Any) -> Meta:
    """Return msgspec metadata: the one-line documentation of a key, with its limits."""
    return Meta(description=text, **limits)


class OrderSlots(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order's header."""

    type_name: Annotated[str, documented("value of @type on the order; empty to leave it out")] = "ProductOrder"
    party_roles: Annotated[
        tuple[str, ...],
        documented("roles of related parties to send, first match first; empty sends every party"),
    ] = ()
    party_required: Annotated[bool, documented("an order without a party is refused")] = False
    party_referred_type: Annotated[
        str, documented("@referredType of a party that has none; the standard makes it mandatory", min_length=1)
    ] = "Individual"
    party_referred_type_forced: Annotated[
        str, documented("@referredType to send whatever the cart says; empty keeps the cart's")
    ] = ""
    party_role: Annotated[str, documented("role of a party that has none", min_length=1)] = "customer"
    channel_role: Annotated[
        str, documented("role of a channel that has none; only v5 makes it mandatory", min_length=1)
    ] = "order capture"
    start_date_required: Annotated[
        bool, documented("requestedStartDate is mandatory: the time of the checkout is used when none is given")
    ] = False
    attributes: Annotated[
        tuple[str, ...],
        documented("header attributes the system has a place for; others are dropped with a finding; empty keeps all"),
    ] = ()
    defaults: Annotated[
        dict[str, Any],
        documented("attributes to set when neither cart nor request has them, whole: they are sent as they stand"),
    ] = field(default_factory=dict)


class ItemSlots(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One productOrderItem."""

    type_name: Annotated[str, documented("value of @type on an item; empty to leave it out")] = "ProductOrderItem"
    product_code: Annotated[
        tuple[str, ...],
        documented("dotted slots the product code is written to, e.g. `productOffering.id`", min_length=1),
    ] = ("productOffering.id",)
    hierarchy: Annotated[
        Literal["nested", "flat"], documented("`nested` productOrderItem, or `flat` items tied by relationships")
    ] = "nested"
    bundles_relationship: Annotated[str, documented("relationshipType from a parent to its children when flat")] = (
        "bundles"
    )
    relies_on_relationship: Annotated[
        str, documented("relationshipType from a child to its parent when flat; empty to leave it out")
    ] = "reliesOn"
    relationships: Annotated[
        bool,
        documented(
            "productOrderItemRelationship is understood; where it is not, a word between two items that says neither parent, "
            "child nor `other` refuses the cart: its structure would be lost"
        ),
    ] = True
    relationship_words: Annotated[
        dict[str, RelationshipMeaning],
        documented(
            "what a cart's word for a relationship says of the other item (`child`, `parent`, or `other`: no hierarchy); adds to "
            "the usual words (`bundles`, `hasChild`, `isPartOf`, `reliesOn` ...) and wins over them; case and separators do not count"
        ),
    ] = field(default_factory=dict)
    relationship_types: Annotated[
        dict[str, str],
        documented("relationshipType of the cart to the order system's word; others are sent in lower camel case"),
    ] = field(default_factory=dict)
    action_case: Annotated[Literal["lower", "capitalised"], documented("spelling of actions")] = "lower"
    actions: Annotated[dict[str, str], documented("cart action to order action, where the words differ")] = field(
        default_factory=dict
    )
    drop_no_change: Annotated[
        bool, documented("items with noChange are not sent (a parent of a sent item still is)")
    ] = False
    mandatory_child_action: Annotated[
        str,
        documented(
            "action for a child that the system adds by itself: the standard's, or a word of `actions`", min_length=1
        ),
    ] = "modify"
    existing_parent_action: Annotated[
        str,
        documented(
            "action of a root that is already on the order and only carries new children: the standard's, or a word of `actions`",
            min_length=1,
        ),
    ] = "modify"
    asset_orders: Annotated[
        Literal["mixed", "roots-first"],
        documented(
            "`roots-first`: the POST of an order about installed products holds their roots alone, the rest follows"
        ),
    ] = "mixed"
    characteristics_slot: Annotated[str, documented("name of the characteristics list in `product`", min_length=1)] = (
        "productCharacteristic"
    )
    characteristic_values: Annotated[
        Literal["as-is", "string"], documented("send values as they are, or all as strings")
    ] = "as-is"
    several_values: Annotated[
        Literal["as-is", "separated", "repeated", "json"],
        documented(
            "a list of several values: as it is (where values are strings the characteristic is not sent, with a warning), one text "
            "with `value_separator` between them, the characteristic once for each, or JSON text (which goes for objects too); but "
            "for `json`, a list of one value is sent as that value wherever lists are not sent as they are"
        ),
    ] = "as-is"
    value_separator: Annotated[str, documented("what stands between values that are `separated`")] = ""
    boolean_characteristics: Annotated[
        Literal["boolean", "string"],
        documented("v5: a BooleanCharacteristic, or a StringCharacteristic for servers that hold to the official list"),
    ] = "boolean"
    attributes: Annotated[
        tuple[str, ...],
        documented("item attributes the system has a place for; others are dropped with a finding; empty keeps all"),
    ] = ()
    product_attributes: Annotated[
        tuple[str, ...],
        documented("product attributes the system has a place for; others are dropped with a finding; empty keeps all"),
    ] = ()
    place_role: Annotated[
        str, documented("role of a place that has none; the standard makes it mandatory", min_length=1)
    ] = "installation address"
    notes: Annotated[
        Literal["item", "order", "drop"],
        documented("where an item's note goes; `order` prefixes the text with the item"),
    ] = "order"


class DateForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How date-times of the order, its notes and its products are written; without these keys as RFC 3339 and the cart have them."""

    zone: Annotated[
        Literal["as-is", "utc"], documented("with the offset that the cart or request gives, or converted to UTC")
    ] = "as-is"
    second_digits: Annotated[
        int,
        documented(
            "digits of seconds after the point, what is beyond them is cut; -1: as many as are given", ge=-1, le=9
        ),
    ] = -1
    utc_offset: Annotated[
        Literal["z", "extended", "basic"],
        documented("how the offset of UTC is written: `Z`, `+00:00` or `+0000`; with `basic` no offset has a colon"),
    ] = "z"
    day_only: Annotated[bool, documented("the day without a time, `2026-12-01`")] = False


class PriceRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices and priceAlterations."""

    item_prices: Annotated[bool, documented("itemPrice is sent with the item")] = True
    totals: Annotated[bool, documented("itemTotalPrice and orderTotalPrice are sent")] = True
    alterations: Annotated[
        Literal["inline", "patch-per-line", "drop"],
        documented("`inline` with itemPrice; `patch-per-line`: one PATCH for each priced line after the lines exist"),
    ] = "inline"
    altered_prices: Annotated[
        Literal["merged", "separate"],
        documented(
            "with `patch-per-line`; `merged`: one itemPrice with all alterations of a line, whose priceType and "
            "recurringChargePeriod say which charge each is for; `separate`: an itemPrice for each altered price, which it "
            "names by name, priceType, recurringChargePeriod and unitOfMeasure"
        ),
    ] = "merged"
    recurring_required: Annotated[
        tuple[str, ...], documented("attributes a recurring priceAlteration must have, else the checkout is refused")
    ] = ()
    endless_duration: Annotated[
        int,
        documented(
            "applicationDuration of a recurring priceAlteration that holds for good, where `recurring_required` demands one; 0: the "
            "checkout is refused",
            ge=0,
            le=1_000_000,
        ),
    ] = 0
    charge_periods: Annotated[
        dict[str, str],
        documented(
            "recurringChargePeriod of the cart to the order system's word; `monthly` stands for every spelling of the period "
            "(`Month`, `P1M`) that has no word of its own"
        ),
    ] = field(default_factory=dict)
