"""A draft before its customer is known: what the order system demands of the party is asked when the draft is built, not before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from gateway.documents import Json, JsonObject
from gateway.ordering import Finding
from gateway.ordering import Mapping as OrderMapping

# Findings that end with the enrolment of the customer.
_OF_THE_PARTY: Final = frozenset({"party_missing", "party_unmappable"})
_STAND_IN: Final = "not-known-yet"


def lacks_only_party(findings: Iterable[Finding]) -> bool:
    """Tell whether a cart can be ordered as soon as its party is known."""
    codes = {finding.code for finding in findings if finding.severity == "error"}
    return bool(codes) and codes <= _OF_THE_PARTY


def with_stand_in(request: Mapping[str, Json], mapping: OrderMapping) -> JsonObject:
    """Return the request with a party that stands in for the one that is not known yet, so that everything else can be prepared."""
    role = mapping.order.party_roles[0] if mapping.order.party_roles else "customer"
    return {**request, "relatedParty": [{"id": _STAND_IN, "role": role}]}


def put_off(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with what is put off as warnings: it refuses the submission, not the draft."""
    return tuple(
        replace(finding, severity="warning") if finding.code in _OF_THE_PARTY else finding for finding in findings
    )
