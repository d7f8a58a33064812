"""The checkout request: its attributes, their types, and every mistake at once.

An attribute that nearly has the name of a known one is a mistake; others of the client's own go into the order, as those of a cart
do: dropping one silently would lose what the client meant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.carts.dialects import Dialect
from gateway.carts.dialects.forms import IDS_MARK
from gateway.carts.dialects.recognition import version_of, with_given_actions
from gateway.carts.reading import read_whole_cart
from gateway.documents import Json, JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.ordering import slip_of
from gateway.settings import CartSettings, Settings
from gateway.tmf.item_totals import with_absent_totals
from gateway.tmf.paths import path_text
from gateway.tmf.schema import Shape, is_identifier, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS
from gateway.tmf.shapes import PROBLEMS_MAX, Path, check_text_lengths, json_kind, report

_DEFINITIONS: Final = lenient_definitions("checkout")
_REQUEST_ATTRIBUTES: Final[dict[str, Any]] = _DEFINITIONS["CheckoutRequest"]["properties"]
TYPES: Final = frozenset({"@type", "@baseType", "@schemaLocation"})
# What a client may change while the checkout is a draft; everything else is fixed when it is accepted.
DRAFT_ATTRIBUTES: Final = frozenset(
    {
        *("relatedParty", "requestedStartDate", "requestedCompletionDate", "channel", "description"),
        *("notificationContact", "note", "billingAccount", "payment", "place"),
    }
)
ATTRIBUTES: Final = tuple(name for name in _REQUEST_ATTRIBUTES if name not in TYPES)
_REQUEST: Final = Shape(_DEFINITIONS, "CheckoutRequest", LENIENT_FORMATS)
# A change names the cart as little as any other attribute that it leaves alone.
_CHANGE: Final = Shape(
    {**_DEFINITIONS, "CheckoutRequest": {**_DEFINITIONS["CheckoutRequest"], "required": []}},
    "CheckoutRequest",
    LENIENT_FORMATS,
)
# A reference to a cart has nothing but these; anything else makes it a cart by value.
_REFERENCE_ATTRIBUTES: Final = frozenset({"id", "href", "name", "version", "@referredType"}) | TYPES


def check_request(document: JsonObject, settings: Settings) -> None:
    """Check a checkout request in place. Raises InvalidBodyError (400) with every problem.

    A cart by value is taken into the stored form and checked as one that is created, its problems under `shoppingCart`.
    """
    problems: list[Problem] = []
    _check_names(document, problems, only_known=False)
    cart = document.get("shoppingCart")
    # The cart is checked by itself: it comes in whatever version of TMF663 the channel speaks.
    head = {**document, "shoppingCart": {}} if isinstance(cart, dict) else document
    _REQUEST.check(head, problems)
    _remove_nulls(document, head)
    check_text_lengths(
        {key: value for key, value in document.items() if key != "shoppingCart"}, _longest(settings), problems
    )
    if isinstance(cart, dict):
        _check_cart(document, cart, settings, problems)
    if problems:
        raise InvalidBodyError(problems)


def check_ready(head: JsonObject, problems: list[Problem]) -> None:
    """Report what is wrong with the request of an order that came ready, its cart aside; known attributes that are null are removed."""
    _check_names(head, problems, only_known=False)
    whole = {**head, "shoppingCart": {}}
    _REQUEST.check(whole, problems)
    _remove_nulls(head, whole)


def whole_cart(given: JsonObject, settings: CartSettings, dialect: Dialect | None = None) -> JsonObject:
    """Return a cart that is sent whole, in whatever version, as it is checked out: in the stored form, with the totals it lacks.

    Without a `dialect` nobody has said which version it is of: that is told by its looks, and the translation is left to tell how
    its words for actions and its numbers for identifiers were read. Raises InvalidBodyError (400) with every problem.
    """
    if dialect is not None:
        return with_absent_totals(read_whole_cart(given, dialect, settings))
    told_by_looks = version_of(given)
    numbers = told_by_looks.tidy(given)
    cart = with_given_actions(read_whole_cart(given, told_by_looks, settings), given)
    if numbers:
        cart = {**cart, IDS_MARK: [path_text(path) for path in numbers]}
    return with_absent_totals(cart)


def check_draft_change(document: JsonObject, settings: Settings) -> None:
    """Check a PATCH of a draft in place (null removes an attribute). Raises InvalidBodyError (400) with every problem."""
    problems: list[Problem] = []
    for name in document:
        if name in ATTRIBUTES and name not in DRAFT_ATTRIBUTES:
            report(problems, (name,), "is fixed when a checkout is accepted; cancel it and check out again")
    _check_names(document, problems, only_known=True)
    _CHANGE.check({k: v for k, v in document.items() if k in DRAFT_ATTRIBUTES and v is not None}, problems)
    check_text_lengths(document, _longest(settings), problems)
    if problems:
        raise InvalidBodyError(problems)


def external_id_of(document: Mapping[str, Json]) -> str | None:
    """Return the id that a request is found by: the text, or the first of v5's objects."""
    given = document.get("externalId")
    if type(given) is list:
        given = next((entry.get("id") for entry in given if type(entry) is dict), None)
    return given if type(given) is str else None


def _check_names(document: Collection[str], problems: list[Problem], *, only_known: bool) -> None:
    """Report names that are slips of known ones, and (`only_known`) all others that are not among them.

    An attribute of the client's own goes into the order, where that has a place for it.
    """
    for name in document:
        if len(problems) >= PROBLEMS_MAX:
            return  # the rest is not worth listing, and a near name is not found for nothing
        if name in ATTRIBUTES or name in TYPES:
            continue
        meant = slip_of(name, ATTRIBUTES)
        if meant:
            report(problems, (name,), f"is not an attribute of a checkout; did you mean {meant}?")
        elif only_known or name.startswith("@"):
            report(problems, (name,), f"is not an attribute of a checkout; there are: {', '.join(ATTRIBUTES)}")


def _longest(settings: Settings) -> int:
    return settings.cart.text_characters_max


def _remove_nulls(document: dict[str, Any], head: Mapping[str, Any]) -> None:
    """Remove from the request the attributes that the check removed from its head."""
    for name in [name for name in document if name not in head]:
        del document[name]


def _check_cart(document: dict[str, Any], cart: dict[str, Any], settings: Settings, problems: list[Problem]) -> None:
    path: Path = ("shoppingCart",)
    if is_by_value(cart):
        try:
            document["shoppingCart"] = whole_cart(cart, settings.cart)
        except InvalidBodyError as error:
            problems.extend(Problem(f"shoppingCart.{problem.path}", problem.message) for problem in error.problems)
            del problems[PROBLEMS_MAX:]
    if cart.get("id") is not None:
        if not is_identifier(cart["id"]):
            report(problems, (*path, "id"), "must be 1 to 255 printable characters")
    elif not is_by_value(cart):
        found = f"not {json_kind(cart['id'])}" if "id" in cart else "which is missing"
        report(problems, (*path, "id"), f"must be the id of a stored cart, {found}")


def is_by_value(cart: Mapping[str, Json]) -> bool:
    """Tell whether `shoppingCart` is a whole cart rather than a reference to a stored one."""
    return not _REFERENCE_ATTRIBUTES.issuperset(cart)


def wanted_upstream(request: Mapping[str, Json], settings: Settings, tenant: str | None = None) -> Json:
    """Return what a request names as its upstream, whether there is one or not; without a name the default; None without that.

    Where the default does not serve the tenant (None: any), it is the only one that does.
    """
    named = request.get("upstream")
    if named is not None:
        return named
    serving = [name for name, upstream in settings.upstreams.items() if tenant is None or upstream.serves(tenant)]
    default = settings.checkout.default_upstream
    if default in serving:
        return default
    return serving[0] if len(serving) == 1 else None
