"""The states of a checkout: what each means, and which may follow which."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, cast

from gateway.storage.tables import ORDERED_STATES, RELEASED_STATES

CheckoutState: TypeAlias = Literal[
    "accepted",
    "drafting",
    "draft",
    "submitting",
    "submitted",
    "completed",
    "partial",
    "failed",
    "rejected",
    "cancelled",
    "held",
]

MEANING: Final[dict[CheckoutState, str]] = {
    "accepted": "stored; nothing has been sent yet",
    "drafting": "calls that build the draft order are under way",
    "draft": "the draft is complete and waits for the client to submit or cancel it",
    "submitting": "the order is being submitted",
    "submitted": "the order is live; its own state is in productOrder.state",
    "completed": "the order was fulfilled",
    "partial": "the order was fulfilled in part",
    "failed": "the order could not be fulfilled",
    "rejected": "refused: no order is live, the cart is free again, statusReason says why",
    "cancelled": "cancelled: no order is live, the cart is free again",
    "held": "a person must decide; statusReason says what is known and what is not",
}

_BEFORE_SUBMISSION: Final[set[CheckoutState]] = {
    "draft",
    "drafting",
    "submitting",
    "submitted",
    "rejected",
    "cancelled",
    "held",
}
_AFTER_SUBMISSION: Final[set[CheckoutState]] = {"completed", "partial", "failed", "rejected", "cancelled", "held"}

FOLLOWERS: Final[dict[CheckoutState, frozenset[CheckoutState]]] = {
    "accepted": frozenset(_BEFORE_SUBMISSION | _AFTER_SUBMISSION),
    # A client may change the request of a draft: it is drafted again.
    "drafting": frozenset(_BEFORE_SUBMISSION | _AFTER_SUBMISSION),
    "draft": frozenset(_BEFORE_SUBMISSION | _AFTER_SUBMISSION),
    "submitting": frozenset[CheckoutState]({"submitted", "drafting", *_AFTER_SUBMISSION}),
    # An order that stays a draft although its submission was answered is submitted once more.
    "submitted": frozenset[CheckoutState]({"submitting", *_AFTER_SUBMISSION}),
    # A person resolves what was held: events and polling leave it alone.
    "held": frozenset(_BEFORE_SUBMISSION | _AFTER_SUBMISSION),
    **{cast("CheckoutState", state): frozenset[CheckoutState]() for state in sorted(ORDERED_STATES)},
    # Nobody goes on from here but for one case: the order is found to be live all the same (see found_live.py).
    **{cast("CheckoutState", state): frozenset[CheckoutState]({"held"}) for state in sorted(RELEASED_STATES)},
}

FINAL: Final[frozenset[str]] = ORDERED_STATES | RELEASED_STATES
# States in which the order was placed and has come to its end.
ORDERED: Final[frozenset[str]] = ORDERED_STATES
# States that give the cart back to its owner.
CART_RELEASED: Final[frozenset[str]] = RELEASED_STATES
# States in which the worker may still have something to do.
OPEN: Final[frozenset[CheckoutState]] = frozenset({"accepted", "drafting", "draft", "submitting"})

# The final TM Forum order states and what they make of the checkout.
OUTCOME_OF_ORDER: Final[dict[str, CheckoutState]] = {
    "completed": "completed",
    "partial": "partial",
    "failed": "failed",
    "rejected": "rejected",
    "cancelled": "cancelled",
}


def may_follow(state: CheckoutState, following: CheckoutState) -> bool:
    """Tell whether a checkout in `state` may become `following` (staying as it is is always allowed)."""
    return state == following or following in FOLLOWERS[state]
