"""A subscription as clients see it, and as they ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.clock import timestamp_text
from gateway.documents import Json, JsonObject
from gateway.errors import InvalidBodyError, Problem
from gateway.hub.model import Api, Subscription
from gateway.hub.query import parse_query
from gateway.security.callbacks import CallbackPolicy, callback_problems
from gateway.settings import HubSettings
from gateway.tmf.shapes import json_kind

# What a client may send beside callback and query without being refused: it is the server's, or a type.
_IGNORED: Final = frozenset({"id", "href", "@type", "@baseType", "@schemaLocation"})


def resource(subscription: Subscription, base_url: str, waiting: int, *, secret: str | None = None) -> JsonObject:
    """Return the hub resource: the standard's attributes first, ours after them. `secret` is shown once, when it is made."""
    document: dict[str, Any] = {
        "id": subscription.id,
        "href": f"{base_url}{subscription.api.path}/{subscription.id}",
        "callback": subscription.callback,
        "query": subscription.query,
    }
    if subscription.api.typed:
        document["@type"] = "Hub"
    if secret is not None:
        document["secret"] = secret
    document |= {
        "state": subscription.state,
        "statusReason": subscription.state_reason,
        "creationDate": timestamp_text(subscription.created_at),
        "eventsWaiting": waiting,
        "eventsDropped": subscription.events_dropped,
        "failingSince": _text(subscription.failing_since),
        "lastSuccess": _text(subscription.last_success_at),
        "lastFailure": _text(subscription.last_failure_at),
        "lastFailureReason": subscription.last_failure,
    }
    # The official files know no null: what is not there is left out, but for `query`, which R17 shows as null.
    keep_query = subscription.api.version == "v1"
    return {name: value for name, value in document.items() if value is not None or (name == "query" and keep_query)}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp_text(moment)


def check_request(
    document: Mapping[str, Json], api: Api, settings: HubSettings, policy: CallbackPolicy
) -> tuple[str, str | None]:
    """Return callback and query of a request. Raises InvalidBodyError (400) with every problem; nothing is looked up."""
    problems: list[Problem] = []
    callback = _text_of(document, "callback", settings.callback_characters_max, problems)
    query = _text_of(document, "query", settings.query_characters_max, problems)
    if callback is None and not problems:
        problems.append(Problem("callback", "is missing; give the URL that events are posted to"))
    if callback is not None:
        problems += [Problem("callback", problem) for problem in callback_problems(callback, policy)]
    if query is not None:
        parse_query(query, api, problems)
    problems += [
        Problem(str(name)[:100], "is not known here; a subscription has callback and query")
        for name in document
        if name not in _IGNORED and name not in {"callback", "query"}
    ]
    if problems:
        raise InvalidBodyError(problems)
    assert callback is not None, "a missing callback is a problem"
    return callback, query or None


def _text_of(document: Mapping[str, Any], name: str, characters_max: int, problems: list[Problem]) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        problems.append(Problem(name, f"must be a text, not {json_kind(value)}"))
        return None
    if len(value) > characters_max:
        problems.append(Problem(name, f"has more than {characters_max} characters"))
        return None
    return value
