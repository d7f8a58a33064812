"""Who asks for something, as a use case is told it."""

from __future__ import annotations

import hashlib
from typing import Any

from litestar import Request
from msgspec import Struct

from gateway.http.headers import base_url
from gateway.roles import Role, owner_scope_of
from gateway.security.guard import client_of
from gateway.services import services_of
from gateway.storage.audit import Deed


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks: the tenant, the client's name and roles; and the address that the client puts before the paths."""

    tenant: str
    client: str
    roles: frozenset[Role]
    base_url: str

    @property
    def owner_scope(self) -> str | None:
        """The client whose things alone the caller sees and changes (itself, a partner); None for all of the tenant."""
        return owner_scope_of(self.client, self.roles)

    def idempotency_key(self, key: str | None) -> str | None:
        """Return the key as it is kept: the keys of a partner are apart from those of everybody else.

        A client's own key has no quotation mark, so the two kinds never meet.
        """
        scope = self.owner_scope
        if key is None or scope is None:
            return key
        return f'"{scope}"{hashlib.sha256(key.encode()).hexdigest()}'

    def deed(
        self, action: str, resource: str, resource_id: str, *, before: int | None = None, after: int | None = None
    ) -> Deed:
        """Return what the caller does to a resource, for the audit; its versions before and after, where there are any."""
        return Deed(
            tenant=self.tenant,
            client=self.client,
            roles=tuple(sorted(self.roles)),
            action=action,
            resource=resource,
            resource_id=resource_id,
            version_before=before,
            version_after=after,
        )

    def has_role(self, *roles: Role) -> bool:
        """Tell whether the client has one of `roles`; without identities everybody has every role."""
        return not self.roles.isdisjoint(roles)


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Return who sent a request, as the stages want it.

    Args:
        request: a request that was admitted: its client, its role for the route and its Host header have been looked at.

    Raises:
        KeyError: the route is one that is open without a token: a fault of ours.

    Source: decision 14 (access tokens), decision 17 (sessions).
    """
    client = client_of(request)
    address = base_url(request, services_of(request).settings.server.public_url)
    return Caller(tenant=client.tenant, client=client.name, roles=client.roles, base_url=address)
