"""Date-times in the order system's form, and what the dates of a cart and a request say together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.dates import date_writer
from gateway.ordering.mapping.slots import DateForm
from gateway.ordering.translation.translate import translate
from gateway.tmf.moments import parse_moment

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = ["salesforce-v4", "tmf622-v4", "tmf622-v5"]


def told(name: str, request: dict[str, Any] | None = None, **cart: Any) -> dict[str, str]:
    mapping = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    document = {
        "relatedParty": [{"id": "C1", "role": "customer"}],
        "cartItem": [{"id": "1", "action": "add", "quantity": 1, "productOffering": {"id": "A"}}],
        **cart,
    }
    translation = translate(document, request or {}, mapping, now=NOW)
    found = {finding.path: f"{finding.severity} {finding.code}" for finding in translation.findings}
    return found | ({"order": str(translation.order.header.get("requestedStartDate"))} if translation.order else {})


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ({}, "2026-12-01T08:30:00+02:00", "2026-12-01T08:30:00+02:00"),
        ({"zone": "utc"}, "2026-12-01T00:30:00+02:00", "2026-11-30T22:30:00Z"),
        ({"zone": "utc", "second_digits": 3}, "2026-12-01T08:30:00Z", "2026-12-01T08:30:00.000Z"),
        ({"zone": "utc", "second_digits": 3}, "2026-12-01T08:30:00.1234567+02:00", "2026-12-01T06:30:00.123Z"),
        ({"second_digits": 0}, "2026-12-01T08:30:00.9+02:00", "2026-12-01T08:30:00+02:00"),
        ({"utc_offset": "basic"}, "2026-12-01T08:30:00Z", "2026-12-01T08:30:00+0000"),
        ({"utc_offset": "basic"}, "2026-12-01T08:30:00+02:00", "2026-12-01T08:30:00+0200"),
        ({"utc_offset": "extended"}, "2026-12-01T08:30:00Z", "2026-12-01T08:30:00+00:00"),
        ({"zone": "utc", "day_only": True}, "2026-12-01T00:30:00+02:00", "2026-11-30"),
        ({"zone": "utc"}, "0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
    ],
)
def test_a_date_time_is_written_in_the_order_systems_form(form, value, expected):
    assert date_writer(DateForm(**form))(value) == expected


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 -- the zones are drawn
    st.sampled_from(["as-is", "utc"]),
    st.integers(6, 9),
    st.sampled_from(["z", "extended", "basic"]),
)
def test_the_moment_stays_the_same(moment, zone, digits, offset):
    text = moment.isoformat()
    if parse_moment(text) is None:  # an offset with seconds, of old local times
        return
    form = DateForm(zone=zone, second_digits=digits, utc_offset=offset)
    assert parse_moment(date_writer(form)(text)) == moment.astimezone(UTC)


def test_salesforce_gets_milliseconds_and_utc_everywhere():
    start = told("salesforce-v4", {"requestedStartDate": "2026-12-01T01:00:00+01:00"})
    assert start["order"] == "2026-12-01T00:00:00.000Z"
    assert start["checkout.requestedStartDate"] == "info converted"
    assert told("salesforce-v4")["order"] == "2026-11-21T12:00:00.000Z"


@pytest.mark.parametrize("name", NAMES)
def test_weeks_are_refused_by_the_translation_too(name):
    assert told(name, {"requestedStartDate": "2026-W49"})["checkout.requestedStartDate"] == "error bad_date"


@pytest.mark.parametrize("name", NAMES)
def test_a_completion_before_the_start_is_told(name):
    dates = {"requestedStartDate": "2026-12-02T00:00:00Z", "requestedCompletionDate": "2026-12-01T23:00:00-05:00"}
    assert "dates_contradict" not in str(told(name, dates))
    dates["requestedCompletionDate"] = "2026-12-01T23:00:00Z"
    assert told(name, dates)["checkout.requestedCompletionDate"] == "warning dates_contradict"


@pytest.mark.parametrize("name", NAMES)
def test_a_date_before_today_is_told_and_today_is_not(name):
    past = told(name, {"requestedStartDate": "2026-11-20T23:59:59Z"})
    assert past["checkout.requestedStartDate"] == "warning date_in_the_past"
    assert "date_in_the_past" not in str(told(name, {"requestedStartDate": "2026-11-21T00:00:00Z"}))


@pytest.mark.parametrize("name", NAMES)
def test_a_cart_that_is_not_valid_yet_is_refused(name):
    period = {"startDateTime": "2026-11-21T12:02:00Z", "endDateTime": "2027-01-01T00:00:00Z"}
    found = told(name, validFor=period)
    assert found["validFor.startDateTime"] == "error not_yet_valid"
    assert "order" not in found
    # The clock of another replica may be a little ahead.
    assert "order" in told(name, validFor={**period, "startDateTime": "2026-11-21T12:00:30Z"})


@pytest.mark.parametrize("name", NAMES)
def test_an_expired_cart_that_comes_by_value_has_a_finding_that_is_true(name):
    found = told(name, validFor={"endDateTime": "2020-02-01T00:00:00Z"})
    assert found["validFor.endDateTime"] == "warning expired"
    assert "order" in found


@pytest.mark.parametrize("name", NAMES)
def test_two_customers_are_told_and_one_twice_is_not(name):
    def parties(*ids: str) -> list[dict[str, str]]:
        return [
            {"id": each, "role": role} for each, role in zip(ids, ("customer", "Customer", "customer"), strict=False)
        ]

    assert told(name, relatedParty=parties("C1", "C2", "C1"))["relatedParty[1]"] == "warning several_customers"
    assert "several_customers" not in str(told(name, relatedParty=parties("C1", "C1")))
    both = [{"id": "C1", "role": "customer"}, {"id": "C2", "role": "owner"}]
    assert "several_customers" not in str(told(name, relatedParty=both))
