"""Which children of a bundle are mandatory: from a file beside the mapping, or from TMF620 product offerings.

The cart's own offering reference may say so itself (`mandatory_offerings`); it comes first, then the file, then
the catalogue of TMF620. An order system that adds mandatory children by itself must not be asked to add them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from gateway.documents import Json, JsonObject
from gateway.errors import Problem
from gateway.ordering.mapping.keys import KeyReader
from gateway.ordering.mapping.mistakes import FirstProblems
from gateway.ordering.mapping.toml import TomlMistakeError, read_toml
from gateway.ordering.mapping.words import unclean
from gateway.ordering.values import is_number
from gateway.tmf.hrefs import last_segment

_MANY: Final = 2**31
_FILE_NAME: Final = "^([A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)+\\.toml)?$"


class CatalogueFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that says which children of a bundle are mandatory: [[product]] with code and child = [{code, minimum}]."""

    file: Annotated[
        str,
        Meta(
            description="a TOML file beside the mapping, with a dot in its stem: `acme.catalogue.toml`",
            pattern=_FILE_NAME,
        ),
    ] = ""


class Doubt(Struct, frozen=True):
    """Why what a catalogue says of a bundle may be wrong or is missing: the code and the message of a finding."""

    code: str
    message: str


class Catalogue(Struct, frozen=True, kw_only=True):
    """Mandatory children by the code of the bundle; a bundle that is not in it is not known.

    `doubts`, by the code of the bundle, become findings where the bundle is in a cart.
    """

    mandatory: dict[str, frozenset[str]] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)

    def children(self, code: str) -> frozenset[str] | None:
        """Return the codes of the mandatory children of `code`, None when nothing is known about it."""
        return self.mandatory.get(code)


class _Child(Struct, frozen=True, kw_only=True):
    code: Annotated[str, Meta(description="the cart's code of the child", min_length=1)]
    minimum: Annotated[int, Meta(description="how many the bundle has at least; 1 or more: mandatory", ge=0)] = 0
    maximum: Annotated[int, Meta(description="how many it has at most", ge=0)] = _MANY


class _Product(Struct, frozen=True, kw_only=True):
    code: Annotated[str, Meta(description="the cart's code of the bundle", min_length=1)]
    child: tuple[_Child, ...] = ()
    # What the sandbox reads in the same file; of no interest here.
    price_list_entry: Annotated[bool, Meta(description="the sandbox: it can be ordered")] = True
    base_charge: Annotated[bool, Meta(description="the sandbox: its price can be altered")] = True
    attribute: Annotated[dict[str, str], Meta(description="the sandbox: types of its attributes by name")] = {}
    price: Annotated[tuple[dict[str, Any], ...], Meta(description="the sandbox: what one costs")] = ()


class _File(Struct, frozen=True, kw_only=True):
    product: tuple[_Product, ...]


def parse_catalogue(file: str, raw: bytes, problems: list[Problem]) -> Catalogue:
    """Return the catalogue in the bytes of `file`; every mistake, with its place, goes to `problems`."""
    few = FirstProblems(file, problems)
    try:
        document = read_toml(raw)
    except TomlMistakeError as error:
        few.append(Problem(file, str(error)))
        return Catalogue()
    told: list[Problem] = []
    products: tuple[_Product, ...] = KeyReader(_File, FirstProblems("", told)).read(document).product
    few.extend(Problem(f"{file} {problem.path}".rstrip(), problem.message) for problem in told)
    # What is missing has no code by which it could be there twice.
    if not told:
        few.extend(_contradictions(file, products))
    return Catalogue(
        mandatory={
            product.code: frozenset(child.code for child in product.child if child.minimum >= 1) for product in products
        }
    )


def _contradictions(file: str, products: tuple[_Product, ...]) -> Iterator[Problem]:
    """Yield a problem for each code that is there twice or unclean, and for limits that nothing can keep."""
    if not products:
        yield Problem(
            f"{file} product", "must be [[product]] tables with code and child; write one, or remove the file"
        )
    bundles: set[str] = set()
    for position, product in enumerate(products):
        where = f"{file} product[{position}]"
        yield from _code(product.code, bundles, where)
        children: set[str] = set()
        for place, child in enumerate(product.child):
            inner = f"{where}.child[{place}]"
            yield from _code(child.code, children, inner)
            if child.code == product.code:
                yield Problem(f"{inner}.code", "is the bundle's own; remove it, or write another")
            if child.maximum < child.minimum:
                yield Problem(f"{inner}.maximum", f"is less than minimum; use {child.minimum} or more")


def _code(code: str, seen: set[str], where: str) -> Iterator[Problem]:
    message = unclean(code)
    if message is not None:
        yield Problem(f"{where}.code", message)
    elif code in seen:
        yield Problem(f"{where}.code", f"is {code} again; remove one")
    seen.add(code)


def catalogue_of(offerings: Iterable[Json]) -> Catalogue:
    """Return the catalogue that TMF620 `productOffering` documents make (v4 and v5).

    A child is mandatory when the option of its bundledProductOffering has a numberRelOfferLowerLimit of one or more. What is
    no offering with an id is passed over.
    """
    return Catalogue(
        mandatory={
            offering["id"]: mandatory_offerings({"productOffering": offering})
            for offering in offerings
            if isinstance(offering, dict) and isinstance(offering.get("id"), str)
        }
    )


def offering_code(item: JsonObject) -> str:
    """Return the cart's own code of the item's product offering, "" when it has none: its id, or the end of its href."""
    offering = item.get("productOffering")
    if offering is None and type(product := item.get("product")) is dict:
        offering = product.get("productOffering")
    if type(offering) is not dict:
        return ""
    code, href = offering.get("id"), offering.get("href")
    if type(code) is str and code:
        return code
    return last_segment(href)


def mandatory_offerings(item: JsonObject) -> frozenset[str]:
    """Return the ids of the offerings that the item's offering reference declares mandatory children.

    The reference may carry TMF620's bundledProductOffering, whose option has a lower limit of at least one.
    """
    offering = item.get("productOffering")
    if type(offering) is not dict:
        return frozenset()
    return frozenset(code for code, mandatory in bundled_offerings(offering) if mandatory)


def bundled_offerings(offering: JsonObject) -> list[tuple[str, bool]]:
    """Return the code of each child that an offering bundles, and whether its lower limit makes it mandatory.

    A limit is a number, which some catalogues write as text (`"1"`); a child without one is not mandatory. Only its own
    children are read, not what is nested in them: the work is bounded by the length of one list.
    """
    bundled = offering.get("bundledProductOffering")
    found = []
    for member in bundled if type(bundled) is list else ():
        if type(member) is not dict or not (code := offering_code({"productOffering": member})):
            continue
        option = member.get("bundledProductOfferingOption")
        lower = option.get("numberRelOfferLowerLimit") if type(option) is dict else None
        found.append((code, _at_least_one(lower)))
    return found


def _at_least_one(limit: Json) -> bool:
    if type(limit) is str:
        return limit.isdecimal() and limit.strip("0") != ""
    return is_number(limit) and bool(limit >= 1)
