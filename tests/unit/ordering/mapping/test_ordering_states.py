"""Words of states are compared without regard to case, and a word that nobody knows is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.errors import MappingError
from gateway.ordering.findings import CODES
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Api, Draft, Mapping, States
from gateway.ordering.mapping.states import (
    is_draft,
    is_final,
    shows_submission,
    tmf_item_state,
    tmf_state,
    unknown_item_states,
    unknown_state,
)
from gateway.ordering.readback.reading import read_order

MAPPING = Mapping(
    name="shop",
    api=Api(resource="productOrder"),
    draft=Draft(supported=True, submit_attributes={"state": "Activated"}, states=("Draft", "Entwurf")),
    states=States(order={"Activated": "acknowledged", "Straße": "pending"}),
)


@pytest.mark.parametrize("word", ["Draft", "draft", "DRAFT", "eNTWURF"])
def test_a_draft_in_another_case_is_a_draft(word):
    assert is_draft(MAPPING, word)
    assert unknown_state(MAPPING, word) is None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Activated", "acknowledged"),
        ("ACTIVATED", "acknowledged"),
        ("STRASSE", "pending"),
        ("COMPLETED", "completed"),
        ("InProgress", "inProgress"),
        ("inprogress.ACCEPTED", "inProgress.accepted"),
    ],
)
def test_a_known_word_in_another_case_is_the_standards_word(word, state):
    assert tmf_state(MAPPING, word) == state
    assert unknown_state(MAPPING, word) is None


def test_final_states_in_another_case_are_final():
    assert is_final(MAPPING, tmf_state(MAPPING, "COMPLETED"))
    assert is_final(MAPPING, "Cancelled")
    assert not is_final(MAPPING, "acknowledged")


def test_an_unknown_word_passes_through_and_is_told():
    assert tmf_state(MAPPING, "Awaiting\x00Fitter") == "Awaiting\x00Fitter"
    assert not is_draft(MAPPING, "Awaiting Fitter")
    finding = unknown_state(MAPPING, "Awaiting\x00Fitter")
    assert (finding.severity, finding.code) == ("warning", "unknown_state")
    assert "AwaitingFitter" in finding.message
    assert finding.code in CODES


def test_no_state_shown_is_a_draft_only_where_the_mapping_says_so():
    assert not is_draft(MAPPING, "")
    shows_none = Mapping(name="shop", api=Api(resource="productOrder"), draft=Draft(supported=True, states=("",)))
    assert is_draft(shows_none, "")
    assert unknown_state(MAPPING, "") is None


def test_a_mapping_may_say_that_a_draft_shows_no_state():
    text = 'name = "shop"\n[api]\nresource = "order"\n[draft]\nsupported = true\nstates = [""]\nsubmit_attributes = { state = "Go" }\n'
    assert parse_mapping(text.encode(), "shop.toml").draft.states == ("",)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Activated", False), ("ACTIVATED", False), ("draft", False), ("", False), ("InProgress", True), ("Odd", True)],
)
def test_what_the_answer_to_a_submission_says_is_news_or_not(word, expected):
    assert shows_submission(MAPPING, word) is expected


BEGINNINGS = Mapping(
    name="shop",
    api=Api(resource="productOrder"),
    states=States(
        order={"Held.*": "held", "held.done.*": "completed", "held.lost": "failed"},
        item={"done": "completed", "wait.*": "pending"},
    ),
)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("held.assessingCharge", "held"),
        ("HELD.x.y", "held"),
        ("held.done.late", "completed"),
        ("held.lost", "failed"),
        ("held", "held"),
        ("inProgress.accepted", "inProgress.accepted"),
        ("heldup", "heldup"),
        ("pending.x", "pending.x"),
    ],
)
def test_a_word_that_begins_as_one_of_the_mapping_means_the_same_the_longest_first(word, state):
    assert tmf_state(BEGINNINGS, word) == state


@pytest.mark.parametrize(
    ("word", "state"), [("Done", "completed"), ("wait.fitter", "pending"), ("held.x", "held"), ("odd", "odd")]
)
def test_items_have_words_of_their_own_and_otherwise_those_of_orders(word, state):
    assert tmf_item_state(BEGINNINGS, word) == state


def test_unknown_words_of_items_are_told_together():
    lines = [
        {"id": str(number), "state": state} for number, state in enumerate(["odd", "done", "odd", "strange", None])
    ]
    order = read_order({"id": "1", "productOrderItem": lines}, BEGINNINGS)
    finding = unknown_item_states(BEGINNINGS, order)
    assert (finding.severity, finding.code) == ("warning", "unknown_item_state")
    assert "odd, strange" in finding.message
    assert finding.code in CODES
    assert unknown_item_states(BEGINNINGS, replace(order, lines=order.lines[1:2])) is None


@pytest.mark.parametrize(("table", "word"), [("order", "he*ld"), ("order", "*"), ("item", ".*"), ("item", "held*")])
def test_a_star_that_stands_for_nothing_is_a_mistake(table, word):
    text = f'name = "shop"\n[api]\nresource = "productOrder"\n[states.{table}]\n"{word}" = "held"\n'
    with pytest.raises(MappingError, match="stands for nothing"):
        parse_mapping(text, "shop.toml")


def test_a_word_of_an_item_that_is_no_state_is_a_mistake():
    text = 'name = "shop"\n[api]\nresource = "productOrder"\n[states.item]\n"x" = "finished"\n'
    with pytest.raises(MappingError, match=r"states\.item\.x"):
        parse_mapping(text, "shop.toml")
