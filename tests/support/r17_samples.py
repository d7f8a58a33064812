"""The samples of the TMF663 R17 specification: their shapes written anew, and a reader for the specification's own text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

SPECIFICATION: Final = Path(__file__).resolve().parents[2] / ".." / "shared" / "seeds" / "001_4d77b091745fdb47.txt"
ADDRESS: Final = "https://host:port/shoppingCart/v1/shoppingCart/1203"

_ALTERATION: Final = {
    "applicationDuration": 3,
    "description": "Half the price for three months",
    "name": "Three months for half",
    "priceCondition": "new customer",
    "priceType": "recurring",
    "recurringChargePeriod": "monthly",
    "validFor": {"startDateTime": "2017-03-26T00:00", "endDateTime": "2017-10-24T00:00"},
    "price": {"percentage": 50},
}
TOTAL: Final = {
    "description": "What is charged every month.",
    "name": "Monthly total",
    "priceType": "recurring",
    "recurringChargePeriod": "monthly",
    "price": {
        "dutyFreeAmount": {"money": {"unit": "EUR", "value": 29}},
        "taxIncludedAmount": {"money": {"unit": "EUR", "value": 31.9}, "taxRate": 10},
    },
    "priceAlteration": [_ALTERATION],
}
ITEM: Final = {
    "action": "add",
    "id": "8307",
    "quantity": 1,
    "status": "Active",
    "note": {"author": "Mr Smith", "date": "2017-03-28T00:00", "text": "In a double bag, please"},
    "product": {
        "name": "Talk 25",
        "place": [
            {"href": "https://host:port/place/7396", "id": "7396", "name": "Main Store", "role": "default delivery"}
        ],
    },
    "productOffering": {"href": "https://host:port/productOffering/14277", "id": "14277", "name": "Talk 25"},
}
MEDIUM: Final = {"type": "email", "characteristic": {"emailAddress": "smith@example.com"}}
RESOURCE: Final[dict[str, Any]] = {
    "href": ADDRESS,
    "id": "1203",
    "validFor": {"startDateTime": "2017-03-27T00:00", "endDateTime": "2017-10-24T00:00"},
    "contactMedium": [MEDIUM],
    "cartTotalPrice": [TOTAL],
    "cartItem": [ITEM],
}
CREATE: Final[dict[str, Any]] = {"cartItem": [ITEM]}
PATCH: Final[dict[str, Any]] = {
    "contactMedium": [{"type": "email", "characteristic": {"emailAddress": "new@example.com"}}]
}
# The sample of the retrieve operation has another name for the address.
RETRIEVED: Final[dict[str, Any]] = {
    **RESOURCE,
    "contactMedium": [{"type": "email", "characteristic": {"email": "smith@example.com"}}],
}


def samples_of(text: str) -> list[Any]:
    """Return every JSON object or list that stands alone in the text, in order; what is no JSON is passed over."""
    decoder = json.JSONDecoder()
    found = []
    position = 0
    start = re.compile(r"^\s*([\[{])\s*$", re.MULTILINE)
    while match := start.search(text, position):
        try:
            value, position = decoder.raw_decode(text, match.start(1))
        except ValueError:
            position = match.end()
        else:
            found.append(value)
    return found


class Exchange(NamedTuple):
    """One sample of an operation as it is written: what is sent, and what is answered; None for what is not JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int
    answered_headers: dict[str, str]
    answer: Any


def exchanges_of(text: str) -> list[Exchange]:
    """Return every `Request` with its `Response`, in order."""
    found = []
    for block in re.split(r"^\s*Request\s*$", text, flags=re.MULTILINE)[1:]:
        request, response = re.split(r"^\s*Response\s*$", block, maxsplit=1, flags=re.MULTILINE)
        line = re.search(r"^(GET|POST|PATCH|DELETE) (\S+)", request, re.MULTILINE)
        status = re.match(r"\s*(\d{3})\s*$", response, re.MULTILINE)
        assert line is not None
        assert status is not None
        found.append(
            Exchange(
                line[1],
                line[2],
                _headers_of(request),
                _json_of(request),
                int(status[1]),
                _headers_of(response),
                _json_of(response),
            )
        )
    return found


def _headers_of(text: str) -> dict[str, str]:
    head = re.split(r"^\s*[\[{]", text, maxsplit=1, flags=re.MULTILINE)[0]
    return {name: value.strip() for name, value in re.findall(r"^([A-Z][A-Za-z-]+): (.+)$", head, re.MULTILINE)}


def _json_of(text: str) -> Any:
    start = re.search(r"^\s*([\[{])", text, re.MULTILINE)
    if start is None:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, start.start(1))[0]
    except ValueError:
        return None


def notifications_of(text: str, resource: Any) -> list[Any]:
    """Return the samples of notifications, the resource's sample in the place where they refer to it."""
    filled = text.replace("{-- SEE ShoppingCart RESOURCE SAMPLE --}", json.dumps(resource))
    return [
        value for value in samples_of(filled) if isinstance(value, dict) and "eventType" in value and "eventId" in value
    ]
