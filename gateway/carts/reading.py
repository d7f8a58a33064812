"""From a cart that a client sends, in any version, to the stored form: the one judge of every way that a cart comes in. Pure."""

from __future__ import annotations

from typing import Any

from gateway.carts.dialects import Dialect
from gateway.carts.dialects.forms import unmarked
from gateway.carts.rules import check_cart
from gateway.documents import JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.settings import CartSettings
from gateway.tmf.shapes import check_text_lengths


def read_cart(given: JsonObject, dialect: Dialect) -> JsonObject:
    """Return a cart of a dialect in the stored form, where it has still to be checked (`check_cart`).

    What only the server writes is left out. Raises InvalidBodyError (400) with everything that is wrong in the dialect's own terms.
    """
    if problems := dialect.check(given):
        raise InvalidBodyError(problems)
    document = {name: value for name, value in given.items() if name not in dialect.read_only}
    return dialect.to_canonical(document)


def read_whole_cart(given: JsonObject, dialect: Dialect, limits: CartSettings) -> JsonObject:
    """Return a cart that is sent whole, to be checked out, in the stored form: checked as one that is created.

    It is nobody's to read back, so nothing is kept of how it was written. Raises InvalidBodyError (400) with every problem.
    """
    document: dict[str, Any] = unmarked(read_cart(given, dialect))
    check_cart(document, limits, mandatory=dialect.is_canonical)
    problems: list[Problem] = []
    check_text_lengths(document, limits.text_characters_max, problems)
    if problems:
        raise InvalidBodyError(problems)
    return document
