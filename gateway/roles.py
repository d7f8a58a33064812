"""Who may do what: every role there is, in one table, and the sets of them that routes declare.

Each route says in `opt={"roles": ...}` which roles may use it, `PUBLIC` where anybody may. An application whose routes do not
all say so does not start. What a role may see of the data is said here too: `TENANT_WIDE` roles see all of their tenant, a
client that has none of them sees only what it made itself.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role = Literal["channel", "partner", "support", "operator", "admin", "notifier", "privacy", "platform"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Roles: TypeAlias = frozenset[Role]

# Where the scope of a request keeps the client that sent it, once it is known (`gateway.security.tokens.Client`).
CLIENT_KEY: Final = "gateway_client"
# Where it keeps headers that whatever is answered carries.
ADDED_HEADERS_KEY: Final = "gateway_added_headers"

# What each role is for, and what it sees: the table of the reference page.
MEANINGS: Final[dict[Role, tuple[str, str]]] = {
    "channel": ("a shop or an app of the tenant: fills carts and checks them out", "the tenant"),
    "partner": (
        "a business partner: places ready orders, or fills carts and checks them out",
        "what the same client made",
    ),
    "support": ("answers customers: reads carts, checkouts and subscriptions, changes nothing", "the tenant"),
    "operator": (
        "keeps orders flowing: all that a channel may, decides about held checkouts, reads metrics and audit",
        "the tenant",
    ),
    "admin": ("all that an operator may, deletes carts, ends subscriptions of others", "the tenant"),
    "notifier": ("an order system: reports events of its orders, nothing else", "nothing"),
    "privacy": ("answers data subjects: erases what is kept of a person", "the tenant"),
    "platform": ("runs the installation: metrics of all tenants, the console", "figures of all tenants, no documents"),
}
# Who sees everything of the tenant. A client with none of these is scoped to what it made itself.
TENANT_WIDE: Final[Roles] = frozenset({"channel", "support", "operator", "admin"})

PUBLIC: Final[Roles] = frozenset()
EVERYBODY: Final[Roles] = frozenset(ROLES)
ORDERING: Final[Roles] = frozenset({"channel", "partner", "operator", "admin"})
READING: Final[Roles] = ORDERING | {"support"}
OPERATING: Final[Roles] = frozenset({"operator", "admin"})
LOOKING: Final[Roles] = OPERATING | {"support"}
ADMINISTERING: Final[Roles] = frozenset({"admin"})
NOTIFYING: Final[Roles] = frozenset({"notifier"})
MEASURING: Final[Roles] = OPERATING | {"platform"}


def owner_scope_of(client: str, roles: Roles) -> str | None:
    """Return the only client whose things a client with these roles sees: itself; None when it sees all of its tenant."""
    return None if roles & TENANT_WIDE else client
