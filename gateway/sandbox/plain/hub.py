"""The hub: who registers a callback is told of every order's events, until the registration is deleted. No GET, as in TMF622 v4."""

from __future__ import annotations

from typing import Any, Final

from gateway.sandbox.answers import Answer, json_answer, not_found, tmf_error

HUB: Final = "hub"


def hub_call(method: str, number: str | None, body: dict[str, Any], callbacks: dict[str, str]) -> Answer:
    """Answer a call of the hub; `callbacks` are the registrations, `body` that of a POST. The same callback twice is a 409."""
    if method == "POST" and number is None:
        callback = body.get("callback")
        if not isinstance(callback, str) or not callback.startswith(("http://", "https://")):
            raise tmf_error(400, "24", "Invalid body field", "callback: must be an http or https URL")
        if callback in callbacks.values():
            raise tmf_error(409, "63", "Conflict", "this callback is registered")
        number = str(max(map(int, callbacks), default=0) + 1)
        callbacks[number] = callback
        return json_answer(201, {**body, "id": number}, (("Location", f"{HUB}/{number}"),))
    if method == "DELETE" and number is not None:
        if callbacks.pop(number, None) is None:
            raise not_found(f"there is no registration {number!r}")
        return Answer(204)
    raise tmf_error(
        405, "61", "Method not allowed", "use POST, or DELETE of a registration", (("Allow", "POST, DELETE"),)
    )
