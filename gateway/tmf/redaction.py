"""A document of an order or of its answer without personal data: what is kept is listed, the rest is replaced. Pure.

Kept are the values of attributes that describe the order and not a person: ids, codes, states, actions, quantities, prices, dates,
markers, and what an error says. Of parties, places, contact media, payments and accounts only ids, roles and types are kept, and of a
characteristic its name. A value that is not kept stands as `[redacted]`, so that a reader sees that it was there; where an error
repeats one, it is replaced there as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from gateway.documents import Json
from gateway.errors import MalformedBodyError
from gateway.tmf.json import decode_json, encode_json

REDACTED: Final = "[redacted]"
DEPTH_MAX: Final = 100
# Shorter values are words like "1" or "add", which stand in every sentence.
ECHO_CHARACTERS_MIN: Final = 4
_KEPT: Final = frozenset(
    {
        *(
            "id",
            "href",
            "externalId",
            "externalIdentifier",
            "owner",
            "state",
            "status",
            "action",
            "quantity",
            "version",
            "sequence",
        ),
        *(
            "@type",
            "@baseType",
            "@schemaLocation",
            "@referredType",
            "role",
            "relationshipType",
            "valueType",
            "mediumType",
        ),
        *(
            "category",
            "priority",
            "submitCart",
            "requestedStartDate",
            "requestedCompletionDate",
            "expectedCompletionDate",
        ),
        *(
            "completionDate",
            "orderDate",
            "creationDate",
            "lastUpdate",
            "cancellationDate",
            "startDateTime",
            "endDateTime",
            "date",
        ),
        *(
            "priceType",
            "recurringChargePeriod",
            "recurringChargePeriodType",
            "recurringChargePeriodLength",
            "unitOfMeasure",
        ),
        *(
            "unit",
            "value",
            "taxRate",
            "taxCategory",
            "percentage",
            "amount",
            "units",
            "applicationDuration",
            "isBundle",
        ),
        *(
            "code",
            "errorCode",
            "reason",
            "message",
            "referenceError",
            "path",
            "upstreamCode",
            "fields",
            "error",
            "error_description",
        ),
    }
)
# Only ids, roles and types of these are kept; `value` and `name` of a characteristic are what somebody typed.
_PERSONAL: Final = frozenset(
    {
        *(
            "relatedParty",
            "relatedPlace",
            "place",
            "contactMedium",
            "notificationContact",
            "payment",
            "paymentMethod",
            "billingAccount",
        ),
        *(
            "account",
            "note",
            "agreement",
            "appointment",
            "channel",
            "attachment",
            "party",
            "partyOrPartyRole",
            "contact",
            "customer",
        ),
    }
)
_IDENTIFYING: Final = frozenset({"id", "role", "@type", "@baseType", "@referredType", "mediumType", "state", "status"})
# What an error says in sentences, which may repeat what was sent.
_SENTENCES: Final = frozenset({"message", "reason", "error_description", "referenceError"})
# Names are those of products and offerings here.
_NAMED: Final = frozenset(
    {"productOffering", "productSpecification", "productOfferingPrice", "product", "priceAlteration"}
)


class _Place(NamedTuple):
    """Where a value stands: beneath a person's data, in a characteristic, in what has a name of its own."""

    personal: bool = False
    characteristic: bool = False
    named: bool = False


def redacted_body(
    body: bytes, *, bytes_max: int, kept: Collection[str] = (), said: Iterable[str] = ()
) -> tuple[bytes, frozenset[str]]:
    """Return a body without personal data as JSON, and the values that were replaced.

    `kept` are further attributes whose values stay; `said` are values that are replaced wherever they are repeated. Of what is larger
    than `bytes_max`, or not JSON, only the size is told.
    """
    if len(body) > bytes_max:
        return encode_json(
            {"@type": "Omitted", "reason": "larger than retention.payload_bytes_max", "byteCount": len(body)}
        ), frozenset()
    if not body.strip():
        return b"null", frozenset()
    try:
        document = decode_json(body, depth_max=DEPTH_MAX)
    except MalformedBodyError:
        return encode_json({"@type": "Omitted", "reason": "not acceptable JSON", "byteCount": len(body)}), frozenset()
    replaced: set[str] = set()
    shown = _redacted(document, "", _Place(), frozenset(kept) | _KEPT, replaced)
    echoes = {value for value in (*said, *replaced) if len(value) >= ECHO_CHARACTERS_MIN}
    if echoes:
        # The longest first: one may be a part of another.
        shown = _without_echoes(shown, "", sorted(echoes, key=len, reverse=True))
    return encode_json(shown), frozenset(replaced)


def _redacted(value: object, name: str, place: _Place, kept: Collection[str], replaced: set[str]) -> Json:
    if isinstance(value, dict):
        return {key: _redacted(child, key, _beneath(key, place), kept, replaced) for key, child in value.items()}
    if isinstance(value, list):
        return [_redacted(child, name, place, kept, replaced) for child in value]
    if value is None or isinstance(value, bool) or _is_kept(name, place, kept):
        return value
    if isinstance(value, str):
        replaced.add(value)
    return REDACTED


def _beneath(name: str, place: _Place) -> _Place:
    return _Place(
        personal=place.personal or name in _PERSONAL,
        characteristic=place.characteristic or name.lower().endswith("characteristic"),
        named=name in _NAMED or (place.named and name == "name"),
    )


def _is_kept(name: str, place: _Place, kept: Collection[str]) -> bool:
    if place.personal:
        return name in _IDENTIFYING
    if place.characteristic:
        return name in {"name", "id", "valueType", "@type"}
    return name in kept or (name == "name" and place.named)


def _without_echoes(value: object, name: str, echoes: Sequence[str]) -> Json:
    if isinstance(value, dict):
        return {key: _without_echoes(child, key, echoes) for key, child in value.items()}
    if isinstance(value, list):
        return [_without_echoes(child, name, echoes) for child in value]
    if isinstance(value, str) and name in _SENTENCES:
        for echo in echoes:
            value = value.replace(echo, REDACTED)
    return value
