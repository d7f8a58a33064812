"""What an order system is told of the request that a call is made for, where its mapping says so."""

from __future__ import annotations

import secrets

from gateway.logs import correlation, trace_parent
from gateway.ordering import Mapping


def request_headers(mapping: Mapping) -> dict[str, str]:
    """Return the headers that name the request on whose behalf this task works; none where the mapping names none.

    The trace is the request's, the parent id that of this one call (W3C Trace Context, 3.4).
    """
    headers: dict[str, str] = {}
    asked, parent = correlation.get(), trace_parent.get()
    if mapping.api.correlation_header and asked is not None:
        headers[mapping.api.correlation_header] = asked.decode("latin-1")
    if mapping.api.trace_context and parent is not None:
        version, trace_id, _, flags = parent.split("-")
        headers["traceparent"] = f"{version}-{trace_id}-{secrets.token_hex(8)}-{flags}"
    return headers
