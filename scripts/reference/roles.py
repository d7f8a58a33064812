"""The page of roles: what each is for, and which routes it opens, from the one table and from the routes."""

from __future__ import annotations

from litestar import Litestar
from litestar.routes import HTTPRoute

from gateway.app import ROUTES
from gateway.roles import MEANINGS, PUBLIC, ROLES
from scripts.reference.markdown import code, page, table


def roles_page() -> str:
    """Return the page."""
    introduction = """
What a client may do is said by its roles, in the file of clients or in its token. A client may have several. Without identities
(`security.mode = "none"`) everybody has every role. A resource that a client does not see answers exactly as one that does not exist.

A client without one of the roles that see the tenant is scoped: it sees and changes the carts, checkouts and subscriptions that were
made under its own name, is told of events of these alone, and its Idempotency-Keys are its own. What was made before the gateway
recorded who made it belongs to nobody, and no partner sees it.
"""
    meanings = table(("role", "for whom", "sees"), [(code(role), *MEANINGS[role]) for role in ROLES])
    return page("Roles", introduction, meanings, "## Routes\n", table(("method", "path", "roles"), _routes()))


def _routes() -> list[tuple[str, str, str]]:
    rows = []
    for route in Litestar(route_handlers=ROUTES, openapi_config=None).routes:
        assert isinstance(route, HTTPRoute), "there are no others"
        for handler in route.route_handlers:
            methods = sorted(handler.http_methods - {"OPTIONS", "HEAD"})
            if methods:
                roles = handler.opt["roles"]
                said = (
                    "anybody, without a token"
                    if roles == PUBLIC
                    else ", ".join(each for each in ROLES if each in roles)
                )
                rows.append((", ".join(methods), code(route.path_format), said))
    return sorted(rows, key=lambda row: (row[1], row[0]))
