"""A checkout orders a stored cart, which is in one form whatever version it came in: the order is the golden one all the same."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from ordering_outcome import (
    CASES,
    MAPPINGS,
    MARKER,
    NOW,
    case_settings,
    cases,
    load_mapping,
    translation_of,
    with_settings,
)

from gateway.carts.dialects import V4
from gateway.carts.dialects.forms import unmarked
from gateway.carts.dialects.recognition import version_of
from gateway.checkouts.request import check_request
from gateway.errors import InvalidBodyError
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render_whole
from gateway.ordering.model import Translation
from gateway.ordering.tracing.explain import trace
from gateway.ordering.translation.translate import translate
from gateway.settings import Settings
from gateway.tmf.json import decode_json

# What these findings are about may be what the cart lacks: then it has the object that lacks it.
_OF_WHAT_IS_ABSENT = frozenset({"defaulted", "missing_product_reference", "party_missing", "regenerated_id"})
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_WITHOUT_ZONE = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(?=\.\.|\])")


@cache
def stored_cart(case: str) -> dict[str, Any]:
    """The cart of a case as a checkout takes it."""
    cart = decode_json((CASES / case / "cart.json").read_bytes())
    stored: dict[str, Any] = unmarked(version_of(cart).to_canonical(cart))
    return stored


@cache
def from_the_store(case: str, mapping_name: str) -> Translation:
    mapping = with_settings(load_mapping(mapping_name), case_settings(case))
    return translate(stored_cart(case), given_request(case), mapping, now=NOW)


def given_request(case: str) -> Any:
    request = CASES / case / "request.json"
    return decode_json(request.read_bytes()) if request.exists() else {}


def comparable(node: Any, *, is_v4: bool) -> Any:
    """The order without what the stored form may say otherwise.

    Towards v4 the names of v5's classes, which v4 does not ask for; and the seconds and zone of R17's dates, where they are in a
    description.
    """
    if isinstance(node, dict):
        dropped = {"@type"} if is_v4 else set()
        return {key: comparable(inner, is_v4=is_v4) for key, inner in node.items() if key not in dropped}
    if isinstance(node, list):
        return [comparable(inner, is_v4=is_v4) for inner in node]
    return _WITHOUT_ZONE.sub(r"\1:00Z", node) if isinstance(node, str) else node


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_a_stored_cart_is_ordered_as_the_cart_that_was_sent(case, mapping):
    used, as_sent = translation_of(case, mapping)
    stored = from_the_store(case, mapping)
    refusals = [{f.code for f in one.findings if f.severity == "error"} for one in (as_sent, stored)]
    assert refusals[0] == refusals[1]
    if as_sent.order is None or stored.order is None:
        assert as_sent.order is stored.order
        return
    is_v4 = used.dialect == "tmf622-v4"
    wholes = [render_whole(one, used, MARKER) for one in (as_sent.order, stored.order)]
    assert comparable(wholes[1], is_v4=is_v4) == comparable(wholes[0], is_v4=is_v4)


def is_in(document: Any, path: str) -> bool:
    """Tell whether a document has what a path names."""
    for step in _STEP.findall(path):
        key = int(step[1:-1]) if step.startswith("[") else step
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def told_paths(case: str, mapping_name: str, cart: Any, translation: Translation) -> list[tuple[str, str]]:
    """The paths in the cart that findings and the explanation name, each with what names it."""
    mapping = with_settings(load_mapping(mapping_name), case_settings(case))
    findings, order = list(translation.findings), translation.order
    told: list[tuple[str, str]] = []
    if order is not None:
        findings += plan(order, mapping)[1]
        entries = trace(cart, given_request(case), translation, render_whole(order, mapping, MARKER))
        # v4 does not show what is null.
        told = [("explanation", entry.source) for entry in entries if entry.source and entry.why != "rule: empty"]
    told += [(finding.code, finding.path) for finding in findings]
    return [(by, path) for by, path in told if path.partition(".")[0] != "checkout"]


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_a_checkout_names_the_cart_as_v4_shows_it(case, mapping):
    shown = V4.from_canonical(stored_cart(case))
    for by, path in told_paths(case, mapping, stored_cart(case), from_the_store(case, mapping)):
        holder = path[: max(path.rfind("."), 0)]
        assert is_in(shown, path) or (by in _OF_WHAT_IS_ABSENT and is_in(shown, holder)), (by, path)


def test_a_translation_of_a_file_names_the_cart_as_the_file_has_it():
    cart = decode_json((CASES / "r17-full" / "cart.json").read_bytes())
    shown = V4.from_canonical(stored_cart("r17-full"))
    translation = translation_of("r17-full", "tmf622-v4")[1]
    paths = [path for by, path in told_paths("r17-full", "tmf622-v4", cart, translation) if by == "explanation"]
    assert all(is_in(cart, path) for path in paths)
    assert "cartItem[0].product.characteristic[0].name" in paths
    assert not is_in(shown, "cartItem[0].product.characteristic[0].name")


@pytest.mark.parametrize("case", [case for case in cases() if (CASES / case / "request.json").exists()])
def test_the_request_of_a_case_is_one_that_a_checkout_takes(case):
    request = decode_json((CASES / case / "request.json").read_bytes())
    refused = bool(case_settings(case).get("refused"))
    told: set[str] = set()
    try:
        check_request({**request, "shoppingCart": {"id": "c-1"}}, Settings())
    except InvalidBodyError as error:
        told = {problem.path for problem in error.problems}
    assert refused or told == set()


@pytest.mark.parametrize(
    ("kind", "referred", "reference"),
    [
        ("Organization", "Organization", "PartyRef"),
        ("Individual", "Individual", "PartyRef"),
        ("PartyRoleRef", "PartyRole", "PartyRoleRef"),
        ("Supplier", "Supplier", "PartyRoleRef"),
    ],
)
def test_the_class_of_a_party_is_not_lost_in_the_store(kind, referred, reference):
    party = {"@type": kind, "id": "P-1", "tradingName": "Sunrise"}
    cart = {
        "relatedParty": [{"@type": "RelatedPartyOrPartyRole", "role": "customer", "partyOrPartyRole": party}],
        "cartItem": [{"id": "1", "action": "add", "productOffering": {"id": "A"}}],
    }
    stored = unmarked(version_of(cart).to_canonical(cart))
    for form in (cart, stored):
        for name in ("tmf622-v4", "tmf622-v5"):
            mapping = load_mapping(name)
            translation = translate(form, {}, mapping, now=NOW)
            assert translation.order is not None
            (sent,) = render_whole(translation.order, mapping, MARKER)["relatedParty"]
            inner = {"@type": reference, "id": "P-1", "@referredType": referred}
            if name == "tmf622-v5":
                assert sent["partyOrPartyRole"] == inner
            else:
                assert sent == {"id": "P-1", "role": "customer", "@referredType": referred}
            assert [f.path.rpartition(".")[2] for f in translation.findings if f.code == "dropped"] == ["tradingName"]
