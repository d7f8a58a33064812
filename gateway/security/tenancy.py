"""Whose data a request may see: every handler asks here, and every query names the answer."""

from __future__ import annotations

from typing import Any

from litestar import Request

from gateway.errors import ForbiddenError
from gateway.security.guard import client_of
from gateway.security.tokens import Role


def tenant_of(request: Request[Any, Any, Any]) -> str:
    """Return the tenant of `request`: that of the client whose token it carries.

    While `security.mode` is `none` that is `security.tenant` for everybody. Raises UnauthenticatedError (401) without a known
    token, ForbiddenError (403) when the client has no role for this path.
    """
    return client_of(request).tenant


def require_role(request: Request[Any, Any, Any], role: Role, message: str) -> None:
    """Raise ForbiddenError (403) with `message` unless the client has `role`; without identities everybody has every role."""
    if role not in client_of(request).roles:
        raise ForbiddenError(message)


def has_role(request: Request[Any, Any, Any], *roles: Role) -> bool:
    """Tell whether the client has one of `roles`; without identities everybody has every role."""
    return not client_of(request).roles.isdisjoint(roles)
