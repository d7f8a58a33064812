"""Whose data a request may see: every handler asks here, and every query names the answer."""

from __future__ import annotations

from typing import Any

from litestar import Request

from gateway.security.guard import client_of


def tenant_of(request: Request[Any, Any, Any]) -> str:
    """Return the tenant of `request`: that of the client whose token it carries.

    While `security.mode` is `none` that is `security.tenant` for everybody. Raises UnauthenticatedError (401) without a known
    token.
    """
    return client_of(request).tenant
