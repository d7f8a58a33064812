"""Words of states are compared without regard to case, and a word that nobody knows is told."""

from __future__ import annotations

import pytest

from gateway.ordering.findings import CODES
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Api, Draft, Mapping, States
from gateway.ordering.mapping.states import is_draft, is_final, shows_submission, tmf_state, unknown_state

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
