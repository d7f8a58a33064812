"""When a cart expires: what its client says, or else so many days after its last change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.carts.validity import Validity, require_valid, set_validity
from gateway.errors import ConflictError
from gateway.settings import CartSettings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
SETTINGS = CartSettings()
ITEMS = [{"id": "1"}]


def test_a_new_cart_is_valid_for_90_days_and_an_empty_one_for_7() -> None:
    full: dict[str, Any] = {"cartItem": ITEMS}
    empty: dict[str, Any] = {"cartItem": []}

    assert set_validity(full, SETTINGS, created=NOW, now=NOW) == Validity(NOW + timedelta(days=90), given=False)
    assert set_validity(empty, SETTINGS, created=NOW, now=NOW) == Validity(NOW + timedelta(days=7), given=False)
    assert full["validFor"] == {"startDateTime": "2026-11-22T12:00:00.000Z", "endDateTime": "2027-02-20T12:00:00.000Z"}
    assert empty["validFor"]["endDateTime"] == "2026-11-29T12:00:00.000Z"


def test_a_change_moves_the_end_and_not_the_start() -> None:
    before: dict[str, Any] = {}
    set_validity(before, SETTINGS, created=NOW, now=NOW)
    after = {**before, "cartItem": ITEMS}

    validity = set_validity(after, SETTINGS, created=NOW, now=LATER, before=before)

    assert validity == Validity(LATER + timedelta(days=90), given=False)
    assert after["validFor"]["startDateTime"] == before["validFor"]["startDateTime"]


@pytest.mark.parametrize("end", ["2017-10-24T00:00", "2026-12-24T00:00:00+01:00", "2999-01-01T00:00:00Z"])
def test_what_the_client_says_stays_to_the_letter(end: str) -> None:
    document = {"validFor": {"endDateTime": end, "vendor": 1}}

    validity = set_validity(document, SETTINGS, created=NOW, now=NOW)
    again = set_validity(document, SETTINGS, created=NOW, now=LATER, before=dict(document), was_given=True)

    assert validity.given
    assert again == validity
    assert document == {"validFor": {"endDateTime": end, "vendor": 1}}


def test_a_text_without_a_zone_is_utc() -> None:
    document = {"validFor": {"endDateTime": "2017-10-24T00:00"}}

    assert set_validity(document, SETTINGS, created=NOW, now=NOW).expires_at == datetime(2017, 10, 24, tzinfo=UTC)


def test_a_period_without_an_end_gets_one() -> None:
    document = {"validFor": {"startDateTime": "2026-01-01T00:00:00Z"}, "cartItem": ITEMS}

    assert not set_validity(document, SETTINGS, created=NOW, now=NOW).given
    assert document["validFor"] == {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2027-02-20T12:00:00.000Z"}


def test_a_client_may_take_the_end_over_and_give_it_back() -> None:
    before: dict[str, Any] = {"cartItem": ITEMS}
    set_validity(before, SETTINGS, created=NOW, now=NOW)
    after = {**before, "validFor": {"endDateTime": "2026-12-01T00:00:00Z"}}

    assert set_validity(after, SETTINGS, created=NOW, now=LATER, before=before).given
    back = {**after, "validFor": None}
    assert set_validity(back, SETTINGS, created=NOW, now=LATER, before=after, was_given=True) == Validity(
        LATER + timedelta(days=90), given=False
    )


def test_the_end_of_time_is_not_passed() -> None:
    settings = CartSettings(valid_days=36_500)
    late = datetime(9999, 6, 1, tzinfo=UTC)

    assert set_validity({"cartItem": ITEMS}, settings, created=late, now=late).expires_at.year == 9999


def test_an_expired_cart_is_a_conflict_that_says_what_to_do() -> None:
    require_valid(None, NOW)
    require_valid(NOW + timedelta(microseconds=1), NOW)
    with pytest.raises(ConflictError, match=r"expired at 2026-11-22T12:00:00.000Z.*Create a new cart"):
        require_valid(NOW, NOW)
