"""What the OpenAPI document says of process flows and their tasks (TMF701)."""

from __future__ import annotations

from typing import Any, Final

from gateway.http.reference.components import ref
from gateway.http.reference.parts import FIELDS, PAGE

_TEXT: Final = {"type": "string"}
_ENTITY: Final = {
    "type": "object",
    "properties": {"@type": _TEXT, "id": _TEXT, "href": _TEXT, "role": _TEXT, "@referredType": _TEXT},
}
_CHARACTERISTIC: Final = {
    "type": "object",
    "properties": {"name": _TEXT, "value": {"type": ["string", "integer"]}, "valueType": _TEXT},
}
_TASK_REFERENCE: Final = {
    "type": "object",
    "properties": {"@type": _TEXT, "id": _TEXT, "href": _TEXT, "@referredType": _TEXT},
}
_FLOW_ATTRIBUTES: Final = {
    "@type": _TEXT,
    "id": _TEXT,
    "href": _TEXT,
    "relatedEntity": {"type": "array", "items": _ENTITY},
    "characteristic": {"type": "array", "items": _CHARACTERISTIC},
}
SCHEMAS: Final[dict[str, Any]] = {
    "ProcessFlow": {
        "description": "A checkout as TMF701 tells it; its own words stand in characteristics.",
        "type": "object",
        "required": ["@type"],
        "properties": {
            **_FLOW_ATTRIBUTES,
            "state": {"type": "string", "enum": ["active", "hold", "cancelled", "completed"]},
            "processFlowDate": {"type": "string", "format": "date-time"},
            "processFlowSpecification": _TEXT,
            "channel": {"type": "array", "items": ref("CheckoutChannel")},
            "relatedParty": {"type": "array", "items": ref("CheckoutParty")},
            "taskFlow": {"type": "array", "items": _TASK_REFERENCE},
        },
    },
    "TaskFlow": {
        "description": "A call of a checkout as TMF701 tells it.",
        "type": "object",
        "required": ["@type"],
        "properties": {
            **_FLOW_ATTRIBUTES,
            "state": {"type": "string", "enum": ["new", "active", "hold", "cancelled", "completed"]},
            "taskFlowSpecification": _TEXT,
            "priority": {"type": "integer"},
            "isMandatory": {"type": "boolean"},
            "completionMethod": _TEXT,
            "startDate": {"type": ["string", "null"], "format": "date-time"},
            "completionDate": {"type": ["string", "null"], "format": "date-time"},
        },
    },
}


def _flow_answer(schema: dict[str, Any], example: Any, *statuses: str) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {status: {"description": "As it is now", "content": content} for status in ("200", *statuses)}


_A_FLOW: Final = {"@type": "ProcessFlow", "id": "0f3c", "state": "active", "processFlowSpecification": "checkout"}
_A_TASK: Final = {"@type": "TaskFlow", "id": "1-1", "state": "completed", "taskFlowSpecification": "create"}
FLOWS: Final[dict[str, Any]] = {
    "tags": ["processFlow"],
    "parameters": [
        FIELDS,
        *PAGE,
        *({"name": name, "in": "query", "schema": _TEXT} for name in ("id", "state", "relatedEntity.id")),
    ],
    "responses": _flow_answer({"type": "array", "items": ref("ProcessFlow")}, [_A_FLOW], "206"),
}
FLOW: Final[dict[str, Any]] = {
    "tags": ["processFlow"],
    "parameters": [FIELDS],
    "responses": _flow_answer(ref("ProcessFlow"), _A_FLOW),
}
TASKS: Final[dict[str, Any]] = {
    "tags": ["processFlow"],
    "parameters": [FIELDS],
    "responses": _flow_answer({"type": "array", "items": ref("TaskFlow")}, [_A_TASK]),
}
TASK: Final[dict[str, Any]] = {
    "tags": ["processFlow"],
    "parameters": [FIELDS],
    "responses": _flow_answer(ref("TaskFlow"), _A_TASK),
}
