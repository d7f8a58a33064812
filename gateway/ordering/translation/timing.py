"""What the dates of a cart and of a checkout request say together: is the cart valid now, do the wanted dates make sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from gateway.ordering.findings import Findings
from gateway.tmf.moments import parse_moment

CLOCK_DIFFERENCE_MAX: Final = timedelta(minutes=1)
"""A cart made by another replica, whose clock is ahead, is valid all the same."""
START: Final = "requestedStartDate"
COMPLETION: Final = "requestedCompletionDate"


def check_validity(period: object, now: datetime, findings: Findings) -> None:
    """Refuse a cart that is not valid yet; tell that the validity of one has ended.

    An expired cart that is kept here is refused before it is translated; one that is sent whole is its channel's business.
    """
    if type(period) is not dict:
        return
    start, end = (_moment(period.get(name)) for name in ("startDateTime", "endDateTime"))
    if start is not None and start - CLOCK_DIFFERENCE_MAX > now:
        findings.error(
            "not_yet_valid", "validFor.startDateTime", "The cart is valid from a later time on; check it out then."
        )
    if end is not None and end <= now:
        findings.warning(
            "expired",
            "validFor.endDateTime",
            "The cart's validity has ended; a cart that is sent whole is ordered all the same, its channel decides.",
        )


def check_requested_dates(moments: Mapping[str, tuple[datetime, str]], now: datetime, findings: Findings) -> None:
    """Tell wanted dates that lie before today, and a completion before the start. `moments`: with their paths, by attribute."""
    for moment, path in moments.values():
        if moment.date() < now.astimezone(moment.tzinfo).date():
            findings.warning(
                "date_in_the_past", path, "The date is past already; the order system may refuse it or ignore it."
            )
    if START in moments and COMPLETION in moments:
        (start, _), (completion, path) = moments[START], moments[COMPLETION]
        if completion < start:
            # Not refused: the official examples of TMF622 v5 are to be completed a day before they are to be started.
            findings.warning("dates_contradict", path, "The order is to be completed before it is to be started.")


def _moment(value: object) -> datetime | None:
    return parse_moment(value) if type(value) is str else None
