"""What a checkout says while the order system gives no answer about its order. Pure."""

from __future__ import annotations

from typing import Final

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.checkouts.row_changes import CheckoutChanges, because
from gateway.upstream.causes import Cause
from gateway.upstream.port import ReadFailed

# What follows from a failure before it, and says less than that one: it does not take its place.
_SECONDARY: Final[frozenset[Cause]] = frozenset({"circuit_open", "throttled", "waiting_retry"})
_WORDS: Final[dict[Cause, str]] = {
    "throttled": "it asked for fewer calls",
    "waiting_retry": "there is no room for a call to it at this moment",
    "upstream_unreachable": "it does not answer",
    "circuit_open": "too many recent calls to it failed, so it is left alone for a while",
    "credentials_refused": "it refuses the gateway's credentials, so look at upstreams.{upstream}.auth",
    "unreadable_answer": "what answers is not it, or not as its mapping says",
}


class NotConfigured(ReadFailed):
    """The order system of a checkout, or its mapping, is not configured here (any more)."""


def says_of_failure(record: CheckoutRecord, failure: ReadFailed) -> CheckoutChanges:
    """Return what changes of what a live order's checkout says when reading the order failed; nothing where it is said already.

    What is said stays while the order system is away: neither a repeated failure nor one that follows from it takes its place.
    A worker that is about to ask for the order's cancellation says itself what it waits for.
    """
    if record.state != "submitted" or record.due_at is not None:
        return {}
    if isinstance(failure, NotConfigured):
        return because("not_configured", f"waits: {failure}") if record.reason_code != "not_configured" else {}
    cause = failure.cause
    if record.reason_code == cause or (record.reason_code in OF_THE_UPSTREAM and cause in _SECONDARY):
        return {}
    why = _WORDS[cause].format(upstream=record.upstream)
    sentence = f"waits for the order system: {why} ({failure}); order {record.order_id} is read until it can be"
    return because(cause, sentence)
