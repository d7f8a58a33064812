"""What a checkout says while it waits for the order system: a code and one steady sentence, without figures that pass. Pure."""

from __future__ import annotations

from typing import Final

from gateway.checkouts.row_changes import CheckoutChanges, because
from gateway.submission.decisions.actions import Work
from gateway.upstream.causes import Cause

_WHY: Final[dict[Cause, str]] = {  # but for what cannot be reached, of which the detail tells
    "throttled": "it asked for fewer calls",
    "waiting_retry": "there is no room for the call now",
    "circuit_open": "too many recent calls failed, so it is left alone for a while",
    "credentials_refused": "it refuses the gateway's credentials",
    "unreadable_answer": "what answers is not its answer: a page, a redirection or broken JSON",
}


def waits_for_call(work: Work, cause: Cause, detail: str) -> CheckoutChanges:
    """Return the reason of a checkout whose current call was not made, or not carried out."""
    return _waits(work, cause, f"the {work.current.kind} step could not be sent", detail, "it is tried until it can")


def waits_for_read(work: Work, cause: Cause, detail: str) -> CheckoutChanges:
    """Return the reason of a checkout whose order could not be read."""
    return _waits(work, cause, "the order could not be read", detail, "it is read until it can")


def _waits(work: Work, cause: Cause, what: str, detail: str, then: str) -> CheckoutChanges:
    # What exactly went wrong; most causes speak of calls before this one, with figures of that moment.
    why = detail if cause == "upstream_unreachable" else _WHY[cause]
    if cause == "unreadable_answer":
        why += f" ({detail})"
    if cause == "credentials_refused":
        why += f": look at upstreams.{work.record.upstream}.auth"
    return because(cause, f"waits for the order system: {what} ({why}); {then}")
