"""Words of TMF663 and TMF622 v5 that carts and orders share: which classes are parties, which characteristic holds a value."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

ROLES: Final = frozenset({"Supplier", "BusinessPartner", "Consumer", "Producer"})
"""The classes that say which role a party plays."""
PARTIES: Final = ROLES | {"Individual", "Organization", "PartyRole"}
"""The classes for a party that is not a reference."""
_SCALARS: Final[dict[type, str]] = {
    str: "String", bool: "Boolean", int: "Integer", Decimal: "Number", float: "Number", dict: "Object",
}  # fmt: skip


def value_kind(value: object) -> str:
    """Return what the subclass of Characteristic for `value` is called; "" when no subclass holds it (a mixed array)."""
    if type(value) is not list:
        return _SCALARS.get(type(value), "")
    kinds = {_SCALARS.get(type(entry), "") for entry in value} or {"String"}
    if kinds == {"Integer", "Number"}:
        return "NumberArray"
    kind = kinds.pop() if len(kinds) == 1 else ""
    return f"{kind}Array" if kind else ""
