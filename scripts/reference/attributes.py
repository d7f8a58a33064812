"""The page that says, attribute by attribute, what of a cart goes where in the order, for each shipped mapping.

Nothing is written by hand: the golden carts are translated, and the trace of each tells where its values went.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.carts.dialects.forms import unmarked
from gateway.carts.dialects.recognition import version_of
from gateway.checkouts.request import whole_cart
from gateway.errors import InvalidBodyError
from gateway.ordering.calls.render import render_whole
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.tracing.explain import trace
from gateway.ordering.translation.translate import translate
from gateway.settings import CartSettings
from gateway.tmf.json import decode_json
from scripts.reference.markdown import code, page, table

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_POSITION = re.compile(r"\[[0-9]+\]")
_NESTED = re.compile(r"^((?:cartItem|cardItem|productOrderItem)\[\]\.)+")
# Attributes that a case makes up to show that extensions travel too, and shapes that every dialect refuses.
_LEFT_OUT = re.compile(r"engraving|giftWrap|loyalty|colour$|shoppingCart|@type$|@baseType$|@schemaLocation$")


def attributes_page() -> str:
    """Return the page of attributes: cart attribute to order attribute, a column for each mapping."""
    names = sorted(file.stem for file in (ROOT / "mappings").glob("*.toml") if "." not in file.stem)
    mappings = {
        name: parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml") for name in names
    }
    found: dict[str, dict[str, Counter[str]]] = {}
    for case in sorted((ROOT / "tests" / "golden" / "cases").iterdir()):
        cart = _read(decode_json((case / "cart.json").read_bytes()))
        file = case / "request.json"
        request = decode_json(file.read_bytes()) if file.exists() else {}
        for name, mapping in mappings.items():
            for source, target in _went(cart, request, mapping):
                found.setdefault(source, {}).setdefault(name, Counter())[target] += 1
    rows = [
        (code(source), *(_cell(found[source].get(name)) for name in names))
        for source in sorted(found, key=lambda path: (path.startswith("checkout."), path.startswith("cartItem"), path))
    ]
    introduction = """
Where each attribute of a cart and of the checkout request (`checkout.`) goes in the order, told by translating the golden
carts of the tests (R17, v4 and v5), read as the API reads them. Attributes go by their names in v4, the form in which carts
are stored. Nested items are written once. *Not sent* names the [finding](findings.md) or the rule; `@type` is each dialect's
own. `gateway translate CART.json` shows the same for a cart of your own. Attributes of your own (extensions) travel under
their names where the order system takes them.
"""
    return page("Attributes", introduction, table(("cart", *names), rows))


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """Return a cart as a checkout takes it; one that no client can send may be in the store, from an earlier release."""
    try:
        return whole_cart(copy.deepcopy(given), CartSettings())
    except InvalidBodyError:
        stored: dict[str, Any] = unmarked(version_of(given).to_canonical(given))
        return stored


def _went(cart: Any, request: Any, mapping: Mapping) -> list[tuple[str, str]]:
    translation = translate(cart, request, mapping, now=NOW)
    if translation.order is None:
        return []
    document = render_whole(translation.order, mapping, "gw1-reference")
    return [
        (_pattern(entry.source), _pattern(entry.target) if entry.target else f"*not sent* ({entry.why})")
        for entry in trace(cart, request, translation, document)
        if entry.source and entry.why != "rule: empty" and not _LEFT_OUT.search(entry.source)
    ]


def _pattern(path: str) -> str:
    return _NESTED.sub(r"\1", _POSITION.sub("[]", path))


def _cell(counts: Counter[str] | None) -> str:
    """Return what happens to an attribute most often; that it is sent at all counts more than that it once was not."""
    if not counts:
        return ""
    target = min(counts, key=lambda text: (text.startswith("*"), -counts[text], text))
    return target if target.startswith("*") else code(target)
