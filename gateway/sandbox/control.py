"""A door for tests, outside every API root: what disturbs the calls can be changed while the sandbox runs.

GET  /_sandbox                {"orders": 3, "tokensIssued": 1, "mapping": "salesforce-v4"}
GET  /_sandbox/calls          {"total": 9, "struck": 3, "byMethod": {"GET": {"total": 9, "struck": 3}}, "byFault": {"throttle": 3}}
PUT  /_sandbox/faults         ["throttle=0.3", "latency=20ms"]     exactly these from now on; [] for none
POST /_sandbox/next-faults    ["none", "reset-after"]              one per write call, before any is drawn again
POST /_sandbox/expire-tokens  every token that was issued is invalid from now on
POST /_sandbox/state          {"order": "00000001", "state": "Rejected"}  as if somebody had changed it by hand
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from gateway.sandbox.answers import Answer, RefusedError, decode, invalid, json_answer, not_found
from gateway.sandbox.faults import Fault, parse_fault
from gateway.sandbox.intake import OrderIntake
from gateway.sandbox.ledger import CallTally
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.tokens import TokenEndpoint
from gateway.sandbox.wire import Request

CONTROL_ROOT = "/_sandbox"


class Controlled(Protocol):
    """What can be looked at and changed through the door."""

    options: SandboxOptions
    tally: CallTally
    tokens: TokenEndpoint
    intake: OrderIntake

    def replace_faults(self, faults: tuple[Fault, ...]) -> None:
        """Switch on exactly these faults from now on."""

    def queue_faults(self, names: list[str]) -> None:
        """Let the next calls that change something suffer these, one name each."""


def control(application: Controlled, request: Request) -> Answer:
    """Answer a call to the control door."""
    try:
        return _control(application, request)
    except RefusedError as refusal:
        return refusal.answer
    except (msgspec.DecodeError, ValueError) as error:
        return invalid("body", str(error)).answer


def _control(application: Controlled, request: Request) -> Answer:
    match (request.method, request.path.removeprefix(CONTROL_ROOT).strip("/")):
        case ("GET", ""):
            return json_answer(200, _summary(application))
        case ("GET", "calls"):
            return json_answer(200, application.tally.summary())
        case ("PUT", "faults"):
            application.replace_faults(tuple(parse_fault(text) for text in _strings(request)))
        case ("POST", "next-faults"):
            application.queue_faults(_strings(request))
        case ("POST", "expire-tokens"):
            application.tokens.expire_all()
        case ("POST", "state"):
            body = decode(request.body)
            if not isinstance(body, dict) or not isinstance(body.get("state"), str):
                raise invalid("body", 'must be {"order": "00000001", "state": "Rejected"}')
            application.intake.arrive_by_hand(application.intake.order(str(body.get("order"))), body["state"])
        case _:
            raise not_found(
                "the control door knows GET /_sandbox, GET calls, PUT faults, POST next-faults, expire-tokens, state"
            )
    return Answer(204)


def _strings(request: Request) -> list[str]:
    body = decode(request.body)
    if not isinstance(body, list) or not all(isinstance(entry, str) for entry in body):
        raise invalid("body", "must be an array of strings")
    return body


def _summary(application: Controlled) -> dict[str, Any]:
    return {
        "mapping": application.options.mapping,
        "orders": len(application.intake.book.orders),
        "tokensIssued": application.tokens.issued,
    }
