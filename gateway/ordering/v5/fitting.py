"""What a canonical order must be so that TMF622 v5 can hold it: checks and conversions while a cart is translated.

v5 takes references to parties only, refers to related products by id, demands a role of a channel and a price and a price
type of every price, and counts terms in whole units. What cannot be made so is a finding, here, not a surprise on the wire.
"""

from __future__ import annotations

from typing import Final

from gateway.documents import Json, JsonObject
from gateway.ordering.findings import Findings
from gateway.ordering.v5.completing import completed
from gateway.ordering.v5.product_parts import relationship_of
from gateway.ordering.v5.terms import whole_duration

_PARTY_WORDS: Final = frozenset({"Individual", "Organization", "Party"})
_OF_PARTY: Final = frozenset(
    {"id", "href", "name", "role", "partyId", "partyName", "@referredType", "@type", "@baseType", "@schemaLocation"}
)
_OF_REFERENCE: Final = frozenset({"id", "href", "name", "@type", "@referredType", "@baseType", "@schemaLocation"})
_REMADE: Final = frozenset(
    {"product", "productTerm", "agreement", "productOrderItem", "productPrice", "productRelationship"}
)
# Parts of an item with something in them that v5 may demand more of than a cart gives.
_LOOKED_INTO: Final = frozenset(
    {"appointment", "billingAccount", "payment", "qualification", "quoteItem", "productOfferingQualificationItem", "itemPrice",
     "itemTotalPrice"}
)  # fmt: skip
_PLAIN: Final = frozenset({"id", "href", "name", "description", "productCharacteristic", "status", "isBundle"})
_OTHER_NAMES: Final = {"agreement": "agreementItem", "productCharacteristic": "characteristic"}


def is_role(party: JsonObject) -> bool:
    """Tell whether a party's `@referredType` is a role (Customer, Supplier ...): then v5 refers to it by a PartyRoleRef."""
    referred = party.get("@referredType")
    return type(referred) is str and referred not in _PARTY_WORDS


def fit_party(party: JsonObject, path: str, inside: frozenset[str], findings: Findings) -> JsonObject:
    """Return the order's party as a reference: what a party by value tells beyond that is dropped.

    Attributes that are `inside` v5's wrapper are told by their path in it.
    """
    for key in party:
        if key not in _OF_PARTY:
            where = f"{path}.partyOrPartyRole.{key}" if key in inside else f"{path}.{key}"
            findings.warning("dropped", where, "An order of v5 refers to parties; it has no place for it.")
    return {key: value for key, value in party.items() if key in _OF_PARTY}


def fit_channel(channel: JsonObject, role: str, path: str, findings: Findings) -> JsonObject:
    """Return the channel with a role, which v5 demands."""
    if channel.get("role"):
        return channel
    findings.info("defaulted", f"{path}.role", f"The channel has no role; {role} is sent.")
    return {**channel, "role": role}


def fit_price(price: JsonObject, path: str, findings: Findings) -> bool:
    """Give a price the priceType that v5 demands. One that names nothing has no place there: tell so, and return False."""
    if not price.get("price"):
        findings.warning("dropped", path, "v5 demands a percentage or an amount of a price; it has neither.")
        return False
    if not price.get("priceType"):
        price["priceType"] = "recurring" if "recurringChargePeriod" in price else "oneTime"
        findings.info(
            "defaulted",
            f"{path}.priceType",
            f"The price has no type; {price['priceType']} is told from its charge period.",
        )
    return True


def fit_item(item: JsonObject, given: Json, path: str, findings: Findings) -> None:
    """Make the parts of an item fit: whole terms, and a bare reference to a product that is kept or removed.

    `given` is the cart's item, whose own names and positions of attributes the findings use.
    """
    for key in _LOOKED_INTO.intersection(item):
        part = completed({key: item[key]}, given, path, findings)
        if key in part:
            item[key] = part[key]
        else:
            del item[key]
    if "itemTerm" in item:
        terms = _members(item["itemTerm"], given.get("itemTerm"), f"{path}.itemTerm")
        item["itemTerm"] = [whole_duration(member, where, findings) for member, where in terms]
    product, given = item.get("product"), given.get("product")
    if type(product) is not dict:
        return
    if item.get("action") in ("delete", "noChange"):
        why = "The product is only referred to when it is removed or kept."
        item["product"] = _only(product, _OF_REFERENCE, f"{path}.product", why, findings, given)
    else:
        if not _PLAIN.issuperset(product) or _has_relations(product):
            product = completed(product, given, f"{path}.product", findings)
        item["product"] = fit_product(product, given, f"{path}.product", findings)


def _has_relations(product: JsonObject) -> bool:
    listed = product.get("productCharacteristic")
    return type(listed) is list and any("characteristicRelationship" in one for one in listed if type(one) is dict)


def fit_product(product: JsonObject, given: object, path: str, findings: Findings) -> JsonObject:
    """Return the product with whole terms, complete agreement items and related products that have an id."""
    if _REMADE.isdisjoint(product):
        return product
    product = {**product}
    if type(product.get("productTerm")) is list:
        product["productTerm"] = [
            whole_duration(member, f"{path}.productTerm[{position}]", findings) if type(member) is dict else member
            for position, member in enumerate(product["productTerm"])
        ]
    if "product" in product:
        listed = given.get("product") if type(given) is dict else None
        sources = _members(listed if type(listed) is list else [listed], listed, f"{path}.product")
        product["product"] = [
            fit_product(member, source, where, findings)
            for member, (source, where) in zip(product["product"], sources, strict=False)
        ]
    for key, needed in (
        ("agreement", ("id", "agreementItemId")),
        ("productOrderItem", ("role", "productOrderId", "orderItemId")),
        ("productPrice", ("priceType", "price")),
    ):
        if key in product:
            name = _own_name(key, given)
            own = given.get(name) if type(given) is dict else None
            product[key] = _complete(product[key], own, needed, f"{path}.{name}", findings)
    if "productRelationship" in product:
        product["productRelationship"] = _relationships(product, given, path, findings)
    return {key: value for key, value in product.items() if value != []}


def _complete(value: object, given: object, needed: tuple[str, ...], path: str, findings: Findings) -> list[Json]:
    """Return the members of the list at `path` that have what v5 demands of them."""
    kept = []
    for member, where in _members(value, given, path):
        missing = [name for name in needed if not member.get(name)]
        if missing:
            findings.warning("dropped", where, f"v5 demands {', '.join(missing)} here; without it it is not sent.")
        else:
            kept.append(member)
    return kept


def _own_name(key: str, given: object) -> str:
    """Return the name that the cart's product has for the canonical attribute `key`."""
    other = _OTHER_NAMES.get(key)
    if other is None or type(given) is not dict or given.get(key) is not None or given.get(other) is None:
        return key
    return other


def _relationships(product: JsonObject, given: object, path: str, findings: Findings) -> list[Json]:
    kept = []
    listed = given.get("productRelationship") if type(given) is dict else None
    # Some of the cart's were dropped already: those that are left keep the places they have in the cart.
    sources = [
        source
        for source in _members(listed if type(listed) is list else [listed], listed, f"{path}.productRelationship")
        if None not in relationship_of(source[0])
    ]
    for member, (own, where) in zip(product["productRelationship"], sources, strict=False):
        inner = member.get("product")
        if type(inner) is not dict or type(inner.get("id")) is not str or not inner["id"]:
            findings.warning("relationship_dropped", where, "v5 refers to the related product by its id; it has none.")
            continue
        why = "v5 only refers to the related product."
        related = _only(inner, _OF_REFERENCE, f"{where}.product", why, findings, own.get("product"))
        kept.append({**member, "product": related})
    return kept


def _members(value: object, given: object, path: str) -> list[tuple[JsonObject, str]]:
    """Return the objects of the list `value` with their paths in the cart, which may have `given` one object for a list of one."""
    if type(value) is not list:
        return []
    single = type(given) is dict
    return [
        (member, path if single else f"{path}[{position}]")
        for position, member in enumerate(value)
        if type(member) is dict
    ]


def _only(
    node: JsonObject, kept: frozenset[str], path: str, why: str, findings: Findings, given: object = None
) -> JsonObject:
    """Return the attributes of `node` that are in `kept`; the others are told as dropped, by the names in `given`."""
    if kept.issuperset(node):
        return node
    for key in node:
        if key not in kept:
            findings.warning("dropped", f"{path}.{_own_name(key, given)}", why)
    return {key: value for key, value in node.items() if key in kept}
