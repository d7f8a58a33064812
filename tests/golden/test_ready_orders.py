"""Golden cases of ready orders: what is sent of each by every shipped mapping, and that nothing is lost without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ready_orders import CASES, MAPPINGS, cases, outcome, written

from gateway.resources import load_mappings
from gateway.settings import MappingSettings


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_the_outcome_is_the_expected_one(case: str, mapping: str) -> None:
    mappings = load_mappings(MappingSettings())
    assert written(outcome(case, mappings[mapping])) == (CASES / case / f"{mapping}.json").read_text()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a document with its path; classes aside, which each version has of its own."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not name.startswith("@"):
                yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("case", cases())
def test_every_value_is_sent_or_told(case: str, mapping: str) -> None:
    given = json.loads((CASES / case / "order.json").read_text())
    kept = json.loads((CASES / case / f"{mapping}.json").read_text())
    sent = {json.dumps(value) for _, value in leaves(kept["order"])}
    told = [finding["path"] for finding in kept["finding"]]
    for path, value in leaves(given):
        # v5 wraps a party and a channel, which are told of as the flat objects that they are in v4.
        flat = path.replace(".partyOrPartyRole", "").replace(".channel", "")
        is_told = any(flat.startswith(each) or path.startswith(each) for each in told)
        assert json.dumps(value) in sent or is_told or path == "requestedInitialState", (path, value)
