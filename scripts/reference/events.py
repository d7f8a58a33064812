"""The page of events: every event of every hub, with a sample as a subscriber gets it, written by what writes the real ones."""

from __future__ import annotations

import json
from typing import Final

from gateway.hub.envelope import DESCRIPTIONS, address
from gateway.hub.model import APIS, Api
from gateway.hub.samples import sample
from scripts.reference.markdown import code, page, table

_CALLBACK: Final = "https://listener.example.com/tmf"


def events_page() -> str:
    """Return the page."""
    introduction = """
Every event that a subscriber may be sent, by the API at whose hub it subscribes. [Receive events](../how-to/receive-events.md) says how,
and what is promised. The samples show all that is sent; a cart is sent whole, however large. The OpenAPI document has the same events, with
schemas and these samples, under `webhooks`.

`eventId` stays the same when an event is sent again, and is its `webhook-id`. `correlationId` is the `X-Correlation-ID` of the request that
caused it. `fieldPath` names what changed, or what is asked for.
"""
    parts: list[str] = []
    for api in APIS:
        parts.append(f"## {_title(api)}\n")
        parts.append(f"Hub: {code(api.path)}\n")
        parts.append(
            table(
                ("event", "tells", "posted to"),
                [
                    (
                        code(name),
                        DESCRIPTIONS[event],
                        code(address(_CALLBACK, api, event).replace(_CALLBACK, "{callback}")),
                    )
                    for event, name in api.names.items()
                ],
            )
        )
        for event, name in api.names.items():
            text = json.dumps(sample(api, event), indent=2, ensure_ascii=False, default=str)
            parts.append(f"### {name} ({api.version})\n\n```json\n{text}\n```\n")
    return page("Events", introduction, *parts)


def _title(api: Api) -> str:
    kind = {"shoppingCart": "Carts", "checkout": "Checkouts", "productOrder": "Product orders"}[api.resource]
    return f"{kind}, {'R17' if api.version == 'v1' and api.resource == 'shoppingCart' else api.version}"
