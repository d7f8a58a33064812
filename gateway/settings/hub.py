"""Events out."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from gateway.settings.base import setting


class HubSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events out: who may be told, how deliveries are tried, and when a subscriber is given up."""

    subscriptions_max: Annotated[int, setting("subscriptions of one tenant", ge=0, le=10_000)] = 50
    client_subscriptions_max: Annotated[
        int, setting("subscriptions of one client, of those of its tenant", ge=0, le=10_000)
    ] = 25
    callback_characters_max: Annotated[int, setting("longest callback URL", ge=64, le=8192)] = 2_048
    query_characters_max: Annotated[int, setting("longest query of a subscription", ge=64, le=8192)] = 2_048
    allow_http: Annotated[bool, setting("callbacks may be http: for development only")] = False
    allowed_ports: Annotated[
        tuple[int, ...], setting("ports that callbacks may have; an empty list allows every port")
    ] = (443, 8443)
    allowed_networks: Annotated[
        tuple[str, ...],
        setting(
            "networks that callbacks may be in although they are not public, e.g. 10.1.0.0/16; callbacks may also name "
            "addresses in these networks, instead of hosts"
        ),
    ] = ()
    ca_file: Annotated[str, setting("certificate authorities to trust for callbacks, beside the system's")] = ""
    timeout_seconds: Annotated[
        float, setting("one delivery, from looking the host up to the end of the answer", ge=1, le=60)
    ] = 20.0
    retry_seconds: Annotated[
        tuple[float, ...],
        setting(
            "waits before each attempt to deliver an event, the first one included; an event that was refused this often "
            "is given up once its subscriber takes others",
            min_length=1,
        ),
    ] = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)
    pause_seconds: Annotated[
        tuple[float, ...],
        setting(
            "waits between attempts at a subscriber that takes nothing at all; the last one repeats. Only one event is "
            "tried each time, and the rest follows as soon as it is taken",
            min_length=1,
        ),
    ] = (5.0, 30.0, 60.0, 300.0)
    failures_before_pause: Annotated[
        int, setting("failures in a row after which a subscriber counts as one that takes nothing", ge=1, le=1_000)
    ] = 5
    disable_after_seconds: Annotated[
        float, setting("a subscriber that took nothing for this long is switched off", gt=0)
    ] = 432_000.0
    backlog_events_max: Annotated[
        int, setting("a subscriber that this many events wait for is switched off", ge=100, le=100_000_000)
    ] = 1_000_000
    kept_days: Annotated[
        float,
        setting(
            "how long events are kept once every subscriber has them, so that they can be sent again", ge=0, le=365
        ),
    ] = 3.0
    kept_events_max: Annotated[
        int, setting("most events of one kind of resource of a tenant that are kept so", ge=0, le=100_000_000)
    ] = 100_000
    blocked_resources_max: Annotated[
        int,
        setting("resources of which a subscriber refused an event, before the others wait too", ge=1, le=100_000),
    ] = 1_000
    concurrency_max: Annotated[int, setting("deliveries under way at once to one subscriber", ge=1, le=100)] = 4
    subscribers_max: Annotated[
        int, setting("subscribers served at once by this process; failing ones get at most half", ge=2, le=10_000)
    ] = 200
    page_events_max: Annotated[int, setting("events held in memory for one subscriber", ge=1, le=10_000)] = 100
    page_bytes_max: Annotated[
        int, setting("bytes of them, unless one event alone is larger", ge=1024, le=100_000_000)
    ] = 1_048_576
    lease_seconds: Annotated[float, setting("how long a subscriber is one process's", ge=5, le=3600)] = 60.0
    poll_seconds: Annotated[
        float, setting("how often events are looked for when nothing tells of them", gt=0, le=60)
    ] = 1.0
