"""The marker as order systems are known to show it, and how near that comes to ours."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.ordering.mapping.model import Api, Mapping, Recovery
from gateway.ordering.model import NO_MARKER, Marker
from gateway.ordering.readback.markers import both_spellings, carries, read_marker, spelling, spelling_of
from gateway.ordering.readback.reading import read_order

OURS = "gw1-abcdefghijklmnop-0"
PLAIN = Mapping(name="plain", api=Api(resource="productOrder"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, NO_MARKER),
        ("", NO_MARKER),
        ([], NO_MARKER),
        ({}, NO_MARKER),
        ([None, ""], NO_MARKER),
        (OURS, Marker((OURS,))),
        (4711, Marker(("4711",))),
        ([OURS], Marker((OURS,))),
        (["a", OURS, "a"], Marker(("a", OURS))),
        ({"id": OURS, "owner": "gateway"}, Marker((OURS,))),
        ({"value": OURS}, Marker((OURS,))),
        ([{"id": OURS, "externalIdentifierType": "checkout"}, {"id": 7}], Marker((OURS, "7"))),
        (True, Marker(understood=False)),
        ({"owner": "gateway"}, Marker(understood=False)),
        ([OURS, {"owner": "crm"}], Marker((OURS,), understood=False)),
        ([[OURS]], Marker(understood=False)),
    ],
)
def test_the_slot_is_read_as_texts_or_not_understood(value, expected):
    assert read_marker({"id": "1", "externalId": value}, PLAIN) == expected
    assert expected.is_shown is (expected != NO_MARKER)


def test_a_slot_that_is_not_there_shows_nothing():
    assert read_marker({"id": "1"}, PLAIN) == NO_MARKER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OURS, "exact"),
        (OURS.upper(), "case"),
        (f"WEB/{OURS}", "affixed"),
        (f"{OURS.upper()}/1", "affixed"),
        (OURS[:18], "cut"),
        (OURS[4:20].upper(), "cut"),
        (f"{OURS[:12]}...", "cut"),
        (f"{OURS[:14]} \u2026", "cut"),
        (f"{OURS[4:18]}...", "other"),
        (f"{OURS[:11]}...", "other"),
        (OURS.replace("-", ""), "respelled"),
        (OURS.replace("-", "_"), "respelled"),
        (OURS[:11], "other"),
        ("gw1-abcdefghijklmnop-1", "other"),
        ("void-gw1-abcdefghijklmnop-12", "other"),
        ("gw1-ponmlkjihgfedcba-0", "other"),
        ("ORD-2026-000117", "other"),
        ("", "other"),
    ],
)
def test_how_near_a_text_comes(text, expected):
    assert spelling_of(text, OURS) == expected


def test_a_later_generation_is_not_an_earlier_one_with_more_behind_it():
    assert spelling_of("gw1-abcdefghijklmnop-10", "gw1-abcdefghijklmnop-1") == "other"
    assert spelling_of("gw1-abcdefghijklmnop-1", "gw1-abcdefghijklmnop-10") == "other"


def test_the_nearest_of_several_texts_counts_and_what_is_not_understood_comes_before_a_stranger():
    assert spelling(Marker(("x", OURS.upper(), OURS)), OURS) == "exact"
    assert spelling(Marker(("x",), understood=False), OURS) == "unreadable"
    assert spelling(Marker((OURS[:18],), understood=False), OURS) == "cut"
    assert spelling(Marker(("x",)), OURS) == "other"
    assert spelling(NO_MARKER, OURS) == "none"


@pytest.mark.parametrize(
    ("compare", "shown", "expected"),
    [
        ("exact", OURS, True),
        ("exact", OURS.upper(), False),
        ("exact", f"WEB/{OURS}", False),
        ("case-insensitive", OURS, True),
        ("case-insensitive", OURS.upper(), True),
        ("case-insensitive", OURS[:18], False),
        ("case-insensitive", f"WEB/{OURS}", False),
        ("prefix", OURS, True),
        ("prefix", f"WEB/{OURS}", True),
        ("prefix", f"{OURS}/1", False),
        ("prefix", OURS[:18], False),
        ("prefix", "WEB/gw1-abcdefghijklmnop-1", False),
    ],
)
def test_what_counts_as_ours_is_what_the_mapping_expects(compare, shown, expected):
    mapping = replace(PLAIN, recovery=Recovery(marker_compare=compare))
    order = read_order({"id": "1", "externalId": ["other", shown]}, mapping)
    assert carries(order, OURS, mapping) is expected


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        (OURS.upper(), f"externalId {OURS} was sent, and it shows {OURS.upper()}"),
        (None, f"externalId {OURS} was sent, and it shows none"),
        (False, f"externalId {OURS} was sent, and it shows something there that is not understood"),
        ("a\nb" + "c" * 100, f"externalId {OURS} was sent, and it shows a b{'c' * 77}..."),
    ],
)
def test_both_spellings_are_said(slot, said):
    order = read_order({"id": "1", "externalId": slot}, PLAIN)
    assert both_spellings(order, OURS, PLAIN) == said
