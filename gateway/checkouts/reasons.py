"""Why a checkout is where it is: the code that programs decide by, beside the sentence that people read.

Nothing is ever decided by the sentence. What the process itself waits for stands in the column `awaiting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

ReasonCode: TypeAlias = Literal[
    "queued",
    "waiting_client",
    "following_order",
    "waiting_retry",
    "throttled",
    "upstream_unreachable",
    "circuit_open",
    "upstream_paused",
    "credentials_refused",
    "unreadable_answer",
    "not_shown_yet",
    "outcome_unknown",
    "marker_changed",
    "foreign_order",
    "duplicate_orders",
    "contents_differ",
    "not_verifiable",
    "refused",
    "ended_by_order_system",
    "expired",
    "cancelled",
    "cancellation_asked",
    "cancellation_refused",
    "price_differs",
    "waiting_party",
    "waiting_order_id",
    "too_large",
    "not_configured",
    "no_progress",
    "live_after_end",
]

MEANING: Final[Mapping[ReasonCode, str]] = MappingProxyType(
    {
        "queued": "accepted; it is worked on as soon as there is room",
        "waiting_client": "the draft is complete and waits for the client to submit or cancel it",
        "following_order": "the order is live; its state is asked for again at the time given",
        "waiting_retry": "a call was not carried out, and is made again at the time given",
        "throttled": "the order system asked for fewer calls",
        "upstream_unreachable": "the order system cannot be reached, or does not answer",
        "circuit_open": "too many recent calls to the order system failed, so it is left alone for a while",
        "upstream_paused": "an operator paused the order system",
        "credentials_refused": "the order system, or its token endpoint, refuses the gateway's credentials",
        "unreadable_answer": "the order system answers reads with something that is not its answer: a page, a redirection, broken JSON",
        "not_shown_yet": "the order system does not show yet what it was sent",
        "outcome_unknown": "the answer to a call was lost, and what became of it is not known",
        "marker_changed": "the order system changed the text by which the order is known again",
        "foreign_order": "the order system named an order that is not this checkout's",
        "duplicate_orders": "more than one order carries the marker of the checkout",
        "contents_differ": "the order is not what was sent",
        "not_verifiable": "the order system gives no way to find out what became of a call, or whose an order is",
        "refused": "the order system refused the order",
        "ended_by_order_system": "the order system ended the order before it was fulfilled",
        "expired": "the cart or its prices were not valid any more",
        "cancelled": "cancelled as the client wished",
        "cancellation_asked": "the order system was asked to cancel the live order",
        "cancellation_refused": "the live order cannot be cancelled from here",
        "price_differs": "the order does not cost what the cart did",
        "waiting_party": "a party of the order is not known to the order system yet",
        "waiting_order_id": "the order system has not given the order an id yet",
        "too_large": "a call or an answer is too large",
        "not_configured": "the order system or its mapping is not configured here",
        "no_progress": "work on the checkout ended without a result too often",
        "live_after_end": "the checkout was told as rejected or cancelled, and its order is live",
    }
)

# What ends by itself as soon as the order system answers again, for every checkout that waits for it.
OF_THE_UPSTREAM: Final[frozenset[ReasonCode]] = frozenset(
    {"throttled", "upstream_unreachable", "circuit_open", "credentials_refused", "unreadable_answer"}
)

Awaiting: TypeAlias = Literal[
    "accepted_order",
    "duplicate_order",
    "refused_order",
    "turned_away_order",
    "refused_submission",
    "second_submission",
    "missing_order",
    "own_order",
    "live_state",
    "same_contents",
    "confirmed_end",
]
"""What the process finds out before it goes on, where that is more than what became of a lost call:

- `accepted_order`: the order that the answer to a live POST named is read before it is told as submitted.
- `duplicate_order`: the order that the answer to a `create` said to exist is looked for.
- `refused_order`: an order is looked for before the refusal of a live POST is told.
- `turned_away_order`: an order is looked for before a live POST that was not carried out is sent again.
- `refused_submission`: the draft is looked at until it is settled that its refused submission had no effect.
- `second_submission`: the order stayed a draft after its submission was accepted, and was submitted once more.
- `missing_order`: the order system did not know the live order when it was last asked.
- `own_order`: what is read under the order's id does not show the checkout's marker; it is looked for.
- `live_state`: the order was submitted and shows as a draft.
- `same_contents`: the order does not hold what was sent; it is looked at again before that is told.
- `confirmed_end`: the order ended without being fulfilled; another one with the marker is looked for before that is told.
"""
