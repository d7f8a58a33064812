"""The client side of TMF622: sending orders to an order system, and reading them back.

What others need is here; httpx and its exceptions stay inside.
"""

from __future__ import annotations

from gateway.upstream.auth import BearerAuth, ClientCredentialsAuth, TokenRequest, UpstreamAuth
from gateway.upstream.client import UpstreamClient
from gateway.upstream.evidence import (
    Absence,
    CallInDoubt,
    FindResult,
    Hint,
    KnownOrder,
    incomplete,
    proven,
    uncontrolled,
)
from gateway.upstream.options import UpstreamOptions
from gateway.upstream.outcome import (
    Accepted,
    Duplicate,
    NotExecuted,
    NotSent,
    Outcome,
    Rejected,
    Unknown,
    classify,
    created_order_id,
)
from gateway.upstream.port import ReadFailed, Upstream
from gateway.upstream.transport import tls_context

__all__ = [
    "Absence",
    "Accepted",
    "BearerAuth",
    "CallInDoubt",
    "ClientCredentialsAuth",
    "Duplicate",
    "FindResult",
    "Hint",
    "KnownOrder",
    "NotExecuted",
    "NotSent",
    "Outcome",
    "ReadFailed",
    "Rejected",
    "TokenRequest",
    "Unknown",
    "Upstream",
    "UpstreamAuth",
    "UpstreamClient",
    "UpstreamOptions",
    "classify",
    "created_order_id",
    "incomplete",
    "proven",
    "tls_context",
    "uncontrolled",
]
