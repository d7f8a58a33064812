"""Terms in whole units: the same length of time, or a refusal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.ordering.findings import Findings
from gateway.ordering.v5.terms import whole_duration


@pytest.mark.parametrize(
    ("amount", "units", "expected"),
    [
        (12, "month", (12, "month")),
        (Decimal("12.0"), "month", (12, "month")),
        (Decimal("1.5"), "year", (18, "month")),
        (Decimal("1.5"), "Years", (18, "months")),
        (Decimal("2.5"), "weeks", (420, "hours")),
        (Decimal("0.5"), "minute", (30, "second")),
        (Decimal("-1.5"), "year", (-18, "month")),
    ],
)
def test_an_amount_is_whole_in_its_own_or_a_smaller_unit(amount, units, expected):
    findings = Findings()
    term = whole_duration({"name": "x", "duration": {"amount": amount, "units": units}}, "t", findings)
    assert (term["duration"]["amount"], term["duration"]["units"]) == expected
    assert type(term["duration"]["amount"]) is int
    assert not findings.refused
    assert bool(findings.all()) == (type(amount) is not int)


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Decimal("1.5"), "month"),
        (Decimal("0.3"), "year"),
        (Decimal("1.5"), None),
        (Decimal("1e40"), "day"),
        ("12", "month"),
        (True, "month"),
    ],
)
def test_what_is_whole_in_no_unit_is_refused(amount, units):
    findings = Findings()
    whole_duration({"duration": {"amount": amount, "units": units}}, "t", findings)
    assert [finding.path for finding in findings.all() if finding.severity == "error"] == ["t.duration.amount"]


def test_a_term_without_an_amount_is_left_alone():
    findings = Findings()
    for term in ({}, {"duration": None}, {"duration": {"units": "month"}}):
        assert whole_duration(term, "t", findings) is term
    assert findings.all() == ()
    whole_duration({"duration": 12}, "t", findings)
    assert findings.refused
