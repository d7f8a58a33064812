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
    "state_unknown",
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
    "closed",
    "cancellation_asked",
    "cancellation_refused",
    "price_differs",
    "waiting_party",
    "waiting_order_id",
    "too_large",
    "not_configured",
    "no_progress",
    "live_after_end",
    "recovering",
    "unclaimed_order",
]

MEANING: Final[Mapping[ReasonCode, str]] = MappingProxyType(
    {
        "queued": "accepted; it is worked on as soon as there is room",
        "waiting_client": "the draft is complete and waits for the client to submit or cancel it",
        "following_order": "the order is live; its state comes by notification, or is asked for at the time given",
        "waiting_retry": "a call was not carried out, and is made again at the time given",
        "throttled": "the order system asked for fewer calls",
        "upstream_unreachable": "the order system cannot be reached, or does not answer",
        "circuit_open": "too many recent calls to the order system failed, so it is left alone for a while",
        "upstream_paused": "an operator paused the order system",
        "credentials_refused": "the order system, or its token endpoint, refuses the gateway's credentials",
        "unreadable_answer": "the order system answers reads with something that is not its answer: a page, a redirection, broken JSON",
        "not_shown_yet": "the order system does not show yet what it was sent",
        "state_unknown": "the order is in a state that the mapping does not have, so whether it delivers or has ended is not known",
        "outcome_unknown": "the answer to a call was lost, and what became of it is not known",
        "marker_changed": "the order system changed the text by which the order is known again",
        "foreign_order": "the order system named an order that is not this checkout's",
        "duplicate_orders": "more than one order carries the marker of the checkout",
        "contents_differ": "the order is not what was sent",
        "not_verifiable": "the order system gives no way to find out what became of a call, or whose an order is",
        "refused": "the order system refused the order",
        "ended_by_order_system": "the order system ended the order before it was fulfilled",
        "expired": "the draft, the cart or its prices were not valid any more",
        "cancelled": "cancelled as the client wished",
        "closed": "an operator ended the checkout, because it was settled elsewhere or is not wanted",
        "cancellation_asked": "the order system was asked to cancel the live order",
        "cancellation_refused": "the live order cannot be cancelled from here",
        "price_differs": "the order does not cost what the cart did",
        "waiting_party": "a party of the order is not known to the order system yet",
        "waiting_order_id": "the order system has not given the order an id yet",
        "too_large": "a call or an answer is too large",
        "not_configured": "the order system or its mapping is not configured here",
        "no_progress": "work on the checkout ended without a result too often",
        "live_after_end": "the checkout was told as rejected or cancelled, and its order is live",
        "recovering": "the database was restored, and orders that were made before are being looked for",
        "unclaimed_order": "orders of this gateway belong to no checkout since the database was restored, and one may be of this cart",
    }
)

ASKED: Final[Mapping[ReasonCode, str]] = MappingProxyType(
    {
        "queued": "nothing",
        "waiting_client": "nothing: the client submits it or cancels it",
        "following_order": "nothing; an order that does not move is looked at in the order system",
        "waiting_retry": "nothing while it waits; once it is held, read the step's `detail`, mend the cause, then `retry`",
        "throttled": "nothing; where it lasts, ask for a larger quota, or lower `upstreams.*.limits.rate_per_second`",
        "upstream_unreachable": "make the order system reachable; whatever waits goes on within seconds",
        "circuit_open": "the same as for `upstream_unreachable`: the calls before this one failed",
        "upstream_paused": "resume it when the maintenance is over (`gateway upstreams resume NAME`)",
        "credentials_refused": "mend `upstreams.*.auth`, or the account there; whatever waits goes on within seconds",
        "unreadable_answer": "find out what answers in the place of the order system: a page to log in, a proxy, another API root",
        "not_shown_yet": "nothing: it is waited for by time (`submission.settle_seconds`)",
        "state_unknown": "look at the order in the order system, and give `states.order` of the mapping the word that the reason names; "
        "it goes on by itself with the first state that is known",
        "outcome_unknown": "nothing while it is found out; once it is held, look there for the marker (`productOrder.externalId`): "
        "`adopt` the order, or `retry`, which looks before it sends",
        "marker_changed": "compare both spellings in the reason; set `recovery.marker_compare` or `recovery.marker_slot` of the mapping, "
        "then `retry`, or `adopt` the order",
        "foreign_order": "find out which order there has the marker: `adopt` it; `close` with `--override` where there is none and none is "
        "wanted (the order that is named is another's, and is there)",
        "duplicate_orders": "cancel all but one there, then `adopt` that one; switch off what repeats calls",
        "contents_differ": "compare the order with the cart: `adopt` it with `--override`, or cancel it there and `close`",
        "not_verifiable": "look there for the marker: `adopt` the order; where there is none, `retry` (see the limits below), or `close` "
        "with `--override`",
        "refused": "nothing: `reason.problem` says what the client has to change",
        "ended_by_order_system": "nothing: `reason.problem` says why, where the order system does",
        "expired": "nothing: the client checks out again",
        "cancelled": "nothing",
        "closed": "nothing: the message says why; a client that wants the order still checks out again",
        "cancellation_asked": "nothing; the order is followed to its end",
        "cancellation_refused": "cancel the order in the order system where it is not wanted; the checkout follows",
        "price_differs": "decide about the price: `submit` or `cancel`",
        "waiting_party": "nothing",
        "waiting_order_id": "nothing while it waits; once it is held, look there for the marker: `adopt` the order, `retry` to look again "
        "(nothing is sent), or `close` where there is none",
        "too_large": "raise the limit that the reason names, then `retry`; one that was refused for it is ordered in several carts",
        "not_configured": "configure the upstream and its mapping again: it goes on by itself",
        "no_progress": "report the log lines `checkout.crashed`; `retry` when the cause is gone",
        "live_after_end": "decide whether the order is wanted: `adopt` it, or cancel it there and `close`",
        "recovering": "nothing; where it lasts, the log line `recovery.incomplete` says why the list is not whole",
        "unclaimed_order": "look at the orders that are named: `adopt` the one of this cart, `retry` when none is",
    }
)
"""What each reason asks of those who operate the gateway."""

Way: TypeAlias = Literal["retry", "adopt", "close", "submit", "cancel"]

WAYS: Final[Mapping[ReasonCode, tuple[Way, ...]]] = MappingProxyType(
    {
        "waiting_retry": ("retry", "close"),
        "outcome_unknown": ("retry", "adopt", "close"),
        "marker_changed": ("retry", "adopt", "close"),
        "foreign_order": ("retry", "adopt", "close"),
        "duplicate_orders": ("retry", "adopt", "close"),
        "contents_differ": ("retry", "adopt", "close"),
        "not_verifiable": ("retry", "adopt", "close"),
        "price_differs": ("submit", "cancel"),
        "waiting_order_id": ("retry", "adopt", "close"),
        "too_large": ("retry", "adopt", "close"),
        "no_progress": ("retry", "close"),
        "live_after_end": ("adopt", "close"),
        "unclaimed_order": ("retry", "adopt", "close"),
    }
)
"""The reasons that a checkout is held for, and the commands by which it goes on or ends."""

# What ends by itself as soon as the order system answers again, for every checkout that waits for it.
OF_THE_UPSTREAM: Final[frozenset[ReasonCode]] = frozenset(
    {"throttled", "upstream_unreachable", "circuit_open", "credentials_refused", "unreadable_answer"}
)

Awaiting: TypeAlias = Literal[
    "accepted_order",
    "order_id",
    "duplicate_order",
    "refused_order",
    "turned_away_order",
    "turned_away_again",
    "refused_submission",
    "second_submission",
    "missing_order",
    "own_order",
    "live_state",
    "same_contents",
    "confirmed_end",
    "party",
]
"""What the process finds out before it goes on, where that is more than what became of a lost call.

It decides what comes next, and is shown to nobody. A reason (`ReasonCode`) is what people are told, and stays the same while the
process finds out one thing after the other: a checkout that says `throttled` may be awaiting nothing, a search or a read.


- `accepted_order`: the order that the answer to a live POST named is read before it is told as submitted.
- `order_id`: the order system accepted the order without an id; a notification or a search that tells it is waited for. The call
  is never sent again, also not after the checkout was held.
- `duplicate_order`: the order that the answer to a `create` said to exist is looked for.
- `refused_order`: an order is looked for before the refusal of a live POST is told.
- `turned_away_order`: an order is looked for before a `create` that was not carried out is sent again.
- `turned_away_again`: the same for a live POST that was not let in more than once: only when all of them had the time to settle.
- `refused_submission`: the draft is looked at until it is settled that its refused submission had no effect.
- `second_submission`: the order stayed a draft after its submission was accepted; it is read, and submitted once more.
- `missing_order`: the order system did not know the live order when it was last asked.
- `own_order`: what is read under the order's id does not show the checkout's marker; it is looked for.
- `live_state`: the order was submitted and shows as a draft.
- `same_contents`: the order does not hold what was sent; it is looked at again before that is told.
- `party`: the order system demands a party that is not known yet; the draft waits here, and nothing of it is sent.
- `confirmed_end`: the order ended without being fulfilled; another one with the marker is looked for before that is told.
"""
