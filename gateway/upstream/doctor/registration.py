"""Measuring the hub: an address of no use is registered, and taken back at once. What was seen comes back as plain data."""

from __future__ import annotations

from typing import Final

from gateway.upstream.doctor.seen import HubSeen
from gateway.upstream.hub import HubClient, NotRegistered

# Where nobody listens, for a gateway that has no address of its own yet (RFC 2606).
NOWHERE: Final = "https://gateway.invalid"


def trial_callback(public_url: str, upstream: str, token: str) -> str:
    """Return an address that no notification is taken at: under the gateway's own, which a hub may insist on. `token` is new each time."""
    return f"{(public_url or NOWHERE).rstrip('/')}/notifications/{upstream}/doctor-{token}"


async def measure_hub(hub: HubClient, callback: str, query: str) -> HubSeen:
    """Register `callback` as the gateway registers itself, and take it back; closes nothing."""
    outcome = await hub.register(callback, query)
    if isinstance(outcome, NotRegistered):
        return HubSeen(callback=callback, refused=outcome.detail)
    if outcome.hub_id is None:
        return HubSeen(callback=callback, left="the hub does not name the registration")
    failure = await hub.unregister(outcome.hub_id, is_new=True)
    return HubSeen(callback=callback, hub_id=outcome.hub_id, left="" if failure is None else failure.detail)
