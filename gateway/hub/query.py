"""The `query` of a subscription: which events, which attributes, under which conditions (TMF630, as in lists).

    eventType=ShoppingCartCreateEvent,ShoppingCartDeleteEvent&shoppingCart.relatedParty.id=42&fields=eventType,shoppingCart.id

A path is that of the event as it is sent; `shoppingCart...` is short for `event.shoppingCart...`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from gateway.errors import Problem
from gateway.filters.match import Matcher
from gateway.filters.parse import Filter, parse_filter
from gateway.filters.projection import Selection, parse_fields
from gateway.hub.model import Api

PARAMETERS_MAX: Final = 50
# What is looked at of one event: entries of lists times comparisons with each (a fifth of a second at the worst). An event that
# takes more is sent unjudged: one too many does less harm than one too few.
JUDGED_MAX: Final = 50_000
# What an event always carries, whatever `fields` selects: without these it cannot be told from another.
ALWAYS: Final = ("eventId", "eventTime", "eventType", "@type")
ATTRIBUTES: Final = frozenset(
    {
        *ALWAYS,
        "@baseType",
        "correlationId",
        "description",
        "domain",
        "event",
        "fieldPath",
        "priority",
        "timeOcurred",
        "timeOccurred",
        "title",
    }
)


class Query(NamedTuple):
    """A query in its parts: names of events (canonical), condition and selection on the event as it is sent."""

    events: frozenset[str]
    condition: Filter
    selection: Selection | None


def parse_query(text: str | None, api: Api, problems: list[Problem]) -> Query:
    """Return the parts of a query; no query is every event, whole. What is wrong is added to `problems`."""
    pairs = _pairs((text or "").removeprefix("?"), problems)
    conditions: list[tuple[str, str]] = []
    names: list[str] = []
    fields: list[str] = []
    for name, value in pairs:
        key, value = name.strip(), value.strip()  # noqa: PLW2901 - the seed's samples write blanks around the equals sign
        if key in {"eventType", "eventType.eq"}:
            names += [part.strip() for part in value.split(",")]
        elif key == "fields":
            fields += [_rooted(part.strip(), api, problems) for part in value.split(",") if part.strip()]
        else:
            conditions.append((key, value))
    events = _events(names, api, problems)
    condition = parse_filter(
        conditions,
        problems,
        translate=lambda path: tuple(_rooted(".".join(path), api, problems).split(".")),
        prefix="query.",
    )
    selection = parse_fields(fields, problems)
    if selection is not None:
        selection |= dict.fromkeys(ALWAYS)
        _keep_identity(selection, api)
    return Query(events, condition, selection)


def _pairs(text: str, problems: list[Problem]) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError:
        problems.append(
            Problem(
                "query",
                f"must be name=value pairs joined by &, percent-encoded UTF-8, {PARAMETERS_MAX} at most, "
                "e.g. eventType=NAME&fields=eventType,event",
            )
        )
        return []


def _rooted(name: str, api: Api, problems: list[Problem]) -> str:
    """Return the path of an attribute in the event as it is sent."""
    root = name.partition(".")[0]
    if root in api.subjects:
        return f"event.{name}"
    if root not in ATTRIBUTES and name != "none":
        problems.append(
            Problem(
                f"query.{name[:100]}",
                f"is not an attribute of an event; a path begins with {' or '.join(api.subjects)} (short for event.{api.resource}) "
                f"or is one of {', '.join(sorted(ATTRIBUTES))}",
            )
        )
    return name


def _events(names: list[str], api: Api, problems: list[Problem]) -> frozenset[str]:
    """Return the canonical events of these names; every event when none is named."""
    canonical = {sent: event for event, sent in api.names.items()}
    unknown = [name for name in names if name not in canonical]
    if unknown:
        problems.append(
            Problem("query.eventType", f"is not an event of this API; there are: {', '.join(canonical)}"),
        )
    return frozenset(canonical[name] for name in names if name in canonical) or frozenset(api.names)


def _keep_identity(selection: Selection, api: Api) -> None:
    """Keep id, href and @type of the resource when only some of its attributes are selected."""
    inside = selection.get("event")
    for subject in api.subjects:
        resource = inside.get(subject) if inside else None
        if resource:
            resource |= dict.fromkeys(("id", "href", "@type"))


class _TooMuchToJudgeError(Exception):
    """An event is too large for the conditions of a subscription."""


class Interest:
    """What a subscriber asked for, made ready for many events: its conditions are read once."""

    def __init__(self, query: Query) -> None:
        self._events = query.events
        self._matcher = Matcher(query.condition) if query.condition else None

    @property
    def cost(self) -> int:
        """Comparisons that each value of an event takes; 0 when no event is looked into."""
        return 0 if self._matcher is None else 1 + self._matcher.cost

    def is_in(self, event_type: str, sent: Callable[[], Any]) -> bool:
        """Return whether an event was asked for; `sent` makes it as it is sent, when it must be looked at.

        An event of which more than JUDGED_MAX entries times comparisons would be looked at was asked for.
        """
        if event_type not in self._events:
            return False
        if self._matcher is None:
            return True
        left = JUDGED_MAX

        def charge(amount: int) -> None:
            nonlocal left
            left -= amount
            if left < 0:
                raise _TooMuchToJudgeError

        try:
            return self._matcher.charged(charge).fits(sent())
        except _TooMuchToJudgeError:
            return True
