"""How long what is over is kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from gateway.settings.base import setting


class RetentionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what is over is kept."""

    audit_days: Annotated[
        float,
        setting("what the audit says of who did what, also as it is shown on checkouts; 0: for ever", ge=0, le=36_500),
    ] = 400.0
    inbox_days: Annotated[
        float,
        setting(
            "notifications that were dealt with, and dead ones, after they came; a repetition is known as one for as long",
            gt=0,
            le=36_500,
        ),
    ] = 14.0
    payloads_days: Annotated[
        float,
        setting(
            "bodies of calls to order systems and of their answers, without personal data, for operators; 0: none are kept",
            ge=0,
            le=36_500,
        ),
    ] = 14.0
    payload_bytes_max: Annotated[int, setting("a larger body is not kept, only its size", ge=0, le=10_000_000)] = 65_536
    payload_attributes: Annotated[
        tuple[str, ...],
        setting(
            "attributes whose values are kept in these bodies besides those that are never personal (ids, codes, states, prices, "
            "dates); by their names, e.g. `serialNumber`"
        ),
    ] = ()
