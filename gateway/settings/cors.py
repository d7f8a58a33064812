"""Which pages in browsers may call."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from gateway.settings.base import setting


class CorsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Browser channels (CORS): pages of other origins that may call. They send a bearer token; cookies are never asked for."""

    allowed_origins: Annotated[
        tuple[str, ...],
        setting("origins such as https://shop.example.com, exactly as browsers send them; an empty list: none"),
    ] = ()
    max_age_seconds: Annotated[
        int, setting("how long a browser remembers what it was told of a method and its headers", ge=0, le=86_400)
    ] = 600
