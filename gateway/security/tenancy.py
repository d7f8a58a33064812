"""Whose data a request may see: every handler asks here, and every query names the answer."""

from __future__ import annotations

from typing import Any

from litestar import Request

from gateway.services import services_of


def tenant_of(request: Request[Any, Any, Any]) -> str:
    """Return the tenant of `request`. While `security.mode` is `none` that is `security.tenant` for everybody."""
    return services_of(request).settings.security.tenant
