"""A test event: a sample, signed and posted to a subscriber at once, as the real ones are; nothing of it is kept."""

from __future__ import annotations

from datetime import datetime
from time import perf_counter
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.hub.delivery.health import Gone, Outcome, Taken, Throttled
from gateway.hub.delivery.sender import Post, Signer
from gateway.hub.envelope import address
from gateway.hub.model import Subscription
from gateway.hub.query import parse_query
from gateway.hub.samples import body_of, sample_event

# What the id of a test event begins with, so that a subscriber tells it from one that happened.
TEST: Final = "test-"


class Trial(Struct, frozen=True, kw_only=True):
    """What came of a test event: `outcome` is taken, refused, throttled or gone; `detail` says how it was refused."""

    event_type: str
    event_id: str
    url: str
    outcome: str
    detail: str | None
    milliseconds: float


async def try_out(
    subscription: Subscription, event_type: str, sender: Post, *, event_id: str, correlation_id: str, now: datetime
) -> Trial:
    """Post a sample of an event (by its canonical name) to the callback, with the attributes that the subscription selects.

    Its conditions are not looked at: a sample fulfils none. `event_id` is what follows TEST.
    """
    api = subscription.api
    sample = replace(
        sample_event(api, event_type), id=f"{TEST}{event_id}", created_at=now, correlation_id=correlation_id
    )
    body = body_of(api, sample, parse_query(subscription.query, api, []))
    url = address(subscription.callback, api, event_type)
    headers = Signer(subscription.secrets).headers(sample.id, now, body)
    began = perf_counter()
    outcome = await sender.post(url, body, headers)
    word, detail = _told(outcome)
    return Trial(
        event_type=api.names[event_type],
        event_id=sample.id,
        url=url,
        outcome=word,
        detail=detail,
        milliseconds=round((perf_counter() - began) * 1000, 1),
    )


def _told(outcome: Outcome) -> tuple[str, str | None]:
    if isinstance(outcome, Taken):
        return "taken", None
    if isinstance(outcome, Throttled):
        return "throttled", outcome.detail
    return ("gone" if isinstance(outcome, Gone) else "refused"), outcome.detail
