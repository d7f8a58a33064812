"""Why an order system gave no answer that counts, as a code: programs decide by it, and checkouts tell it (`reason.code`)."""

from __future__ import annotations

from typing import Literal, TypeAlias

Cause: TypeAlias = Literal[
    "throttled",
    "waiting_retry",
    "upstream_unreachable",
    "circuit_open",
    "credentials_refused",
    "unreadable_answer",
]
"""- `throttled`: it asked for fewer calls, by this answer or by one before that all calls heed
- `waiting_retry`: the gateway's own limits leave no room at this moment
- `upstream_unreachable`: no connection, no complete answer, or an error of its own (5xx)
- `circuit_open`: nothing was asked, because too many recent calls failed
- `credentials_refused`: it, or its token endpoint, refuses the gateway's credentials, by this answer or by one before
- `unreadable_answer`: something answered that is not its answer: a page, a redirection, broken JSON"""
