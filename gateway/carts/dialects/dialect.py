"""What a version of TMF663 is to the rest of the gateway: paths, status codes, and the way to and from the stored form.

Carts are stored in the canonical form, TMF663 v4. A dialect turns a document of its version into that form and back, pure and
without loss: what v4 has no word for stays in the document as an attribute of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Protocol

from gateway.carts.after_order import SHOWN
from gateway.documents import JsonObject
from gateway.errors import Problem
from gateway.tmf.shapes import Path

CANONICAL_CARTS_PATH: Final = "/tmf-api/shoppingCart/v4/shoppingCart"


class FromCanonical(Protocol):
    """Return a stored document as the version writes it; the document itself is not changed."""

    def __call__(
        self, document: JsonObject, *, created: datetime | None = None, updated: datetime | None = None
    ) -> JsonObject:
        """Return it; `created` and `updated` are when the cart was made and last changed, for versions that tell it."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One version of TMF663."""

    # v1, v4 or v5.
    version: str
    base_path: str
    to_canonical: Callable[[dict[str, Any]], dict[str, Any]]
    from_canonical: FromCanonical
    # Every problem of a document in the version's own terms: what it makes mandatory, and types under its own names.
    check: Callable[[dict[str, Any]], list[Problem]]
    # Removes known attributes that are null, writes identifiers that are whole numbers as texts (both in place), returns where these were.
    tidy: Callable[[dict[str, Any]], list[Path]]
    # First-level attributes that a PATCH must not change (400); the same value may be sent again.
    not_patchable: tuple[str, ...]
    # First-level attributes that only the server writes: dropped from a POST and a PATCH, without an error.
    read_only: frozenset[str] = frozenset(SHOWN)

    @cached_property
    def is_canonical(self) -> bool:
        """Whether carts are stored just so: then the bytes of one that lacks nothing pass through as they are."""
        return self.version == "v4"

    @cached_property
    def carts_path(self) -> str:
        """The path of the collection."""
        return f"{self.base_path}/shoppingCart"

    @cached_property
    def cart_path(self) -> str:
        """The path template of one cart."""
        return f"{self.carts_path}/{{cart_id:str}}"

    @cached_property
    def merge_path(self) -> str:
        """The path template of merging another cart into one."""
        return f"{self.cart_path}/merge"


def same_document(document: JsonObject) -> JsonObject:
    """Return `document`: what v4 sends is stored as it was sent."""
    return document


def no_problems(_document: JsonObject) -> list[Problem]:
    """Return nothing: the canonical form is checked by the rules of carts."""
    return []


def at_path(document: JsonObject, source: str, target: str) -> JsonObject:
    """Return the cart with its `href` moved from one collection's path to another's; any other href stays as it is."""
    href = document.get("href")
    if not isinstance(href, str):
        return document
    head, found, identifier = href.rpartition(f"{source}/")
    return {**document, "href": f"{head}{target}/{identifier}"} if found and "/" not in identifier else document
