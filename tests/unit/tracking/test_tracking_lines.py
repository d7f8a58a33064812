from __future__ import annotations

import pytest
from checkout_work import PLAIN, SALESFORCE, drafted, work_of
from msgspec.structs import replace

from gateway.checkouts.model import LineState
from gateway.ordering import read_order
from gateway.ordering.mapping.model import States
from gateway.tracking.seen_lines import line_states


def test_lines_get_their_states_by_what_was_learnt_then_by_what_they_echo():
    observed = drafted(work_of(SALESFORCE), 1)
    lines = tuple(replace(line, state="In Progress") for line in observed.lines)
    known = {"1": LineState(line_id=lines[0].line_id), "2": LineState(line_id="802-gone", state="completed")}
    fresh = line_states(["1", "2", "3", "99"], known, replace(observed, lines=lines), SALESFORCE)
    assert fresh["1"] == LineState(line_id=lines[0].line_id, state="inProgress")
    assert fresh["2"] == LineState(line_id="802-gone", state="completed")
    assert fresh["3"] == LineState(line_id=lines[2].line_id, state="inProgress")
    assert fresh["99"] == LineState()


def test_a_line_without_a_state_keeps_the_one_it_had():
    observed = drafted(work_of(PLAIN), 1)
    known = {"1": LineState(line_id="1", state="inProgress")}
    assert line_states(["1"], known, observed, PLAIN)["1"].state == "inProgress"


def test_what_comparing_the_whole_order_found_out_comes_before_what_was_learnt():
    observed = drafted(work_of(SALESFORCE), 1)
    first, second = observed.lines[:2]
    known = {"1": LineState(line_id=first.line_id, state="acknowledged")}
    fresh = line_states(["1", "2"], known, observed, SALESFORCE, {"1": second.line_id})
    assert fresh["1"].line_id == second.line_id
    assert fresh["2"] == LineState()


@pytest.mark.parametrize(
    ("before", "shown", "after"),
    [
        (LineState(line_id="1", state="completed"), "inProgress", "completed"),
        (LineState(line_id="1", state="Cancelled"), "inProgress", "Cancelled"),
        (LineState(line_id="other", state="completed"), "inProgress", "inProgress"),
        (LineState(line_id="1", state="held"), "inProgress", "inProgress"),
        (LineState(line_id="1", state="held"), "held.charge", "held"),
        (LineState(line_id="1", state="held"), "odd", "odd"),
    ],
)
def test_a_line_never_leaves_a_final_state_and_its_words_are_the_mappings(before, shown, after):
    plain = replace(PLAIN, states=States(order={"held.*": "held"}))
    observed = read_order({"id": "1", "productOrderItem": [{"id": "1", "state": shown}]}, plain)
    assert line_states(["1"], {"1": before}, observed, plain, {"1": "1"})["1"].state == after
