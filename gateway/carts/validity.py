"""How long a cart is valid: `validFor`, set by the server unless a client says otherwise, and moved on by every change.

TMF663 names the periods as examples: 90 days without activity, 7 days when the cart is empty. A client's own end stays as it
is, whatever happens to the cart, and may be in the past: then the cart is there to be read, and nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.errors import ConflictError
from gateway.settings import CartSettings
from gateway.tmf.moments import parse_date_time

# The last moment that can be stored and told.
_END_OF_TIME = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)


class Validity(NamedTuple):
    """When a cart expires, and whether its client said so (then activity does not move it)."""

    expires_at: datetime
    given: bool


def set_validity(
    document: JsonObject,
    settings: CartSettings,
    *,
    created: datetime,
    now: datetime,
    before: JsonObject | None = None,
    was_given: bool = False,
) -> Validity:
    """Write `validFor` into a checked cart, in place, and return when it expires.

    `before` is the cart as it was when this is a change, `was_given` whether its end was a client's.
    """
    period = document.get("validFor")
    end = _end(document)
    given = end is not None and (before is None or was_given or end != _end(before))
    if given and end is not None:
        return Validity(end, given=True)
    lasting = timedelta(days=settings.valid_days if document.get("cartItem") else settings.valid_empty_days)
    end = min(now, _END_OF_TIME - lasting) + lasting
    document["validFor"] = {
        "startDateTime": timestamp_text(created),
        **(period if type(period) is dict else {}),
        "endDateTime": timestamp_text(end),
    }
    return Validity(end, given=False)


def moved_to(document: JsonObject, now: datetime, lasting: timedelta) -> datetime:
    """Make a cart valid from `now` on, in place, for as long as `lasting`; return when it expires."""
    end = min(now, _END_OF_TIME - lasting) + lasting
    document["validFor"] = {"startDateTime": timestamp_text(now), "endDateTime": timestamp_text(end)}
    return end


def _end(document: dict[str, Any]) -> datetime | None:
    """Return the end of a cart's validity, None when there is none."""
    period = document.get("validFor")
    text = period.get("endDateTime") if type(period) is dict else None
    return parse_date_time(text) if type(text) is str else None


def require_valid(expires_at: datetime | None, now: datetime) -> None:
    """Raise ConflictError (409) when a cart has expired."""
    if expires_at is not None and expires_at <= now:
        raise ConflictError(
            f"The shopping cart expired at {timestamp_text(expires_at)}: it can still be read, but neither changed nor checked "
            "out. Create a new cart from it."
        )
