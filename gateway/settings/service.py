"""What the process is: where it listens, where it keeps everything, what it logs, where its mapping files are."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from gateway.settings.base import setting


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens and what it accepts."""

    public_url: Annotated[
        str, setting("what clients put before the paths, for `href`; empty: as the request came in")
    ] = ""
    host: Annotated[str, setting("address to listen on", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("port to listen on; 0 picks a free one", ge=0, le=65535)] = 8663
    body_bytes_max: Annotated[int, setting("largest request body", ge=1024, le=1_000_000_000)] = 1_048_576
    head_bytes_max: Annotated[int, setting("request line and headers together, at most", ge=8_192, le=1_048_576)] = (
        65_536
    )
    depth_max: Annotated[int, setting("deepest nesting of a JSON body", ge=8, le=200)] = 32
    page_items_default: Annotated[int, setting("items of a list when no limit is asked for", ge=1, le=10_000)] = 100
    page_items_max: Annotated[int, setting("largest limit of a list", ge=1, le=10_000)] = 1_000
    keep_alive_seconds: Annotated[
        int,
        setting(
            "how long an idle connection of a client stays open; longer than a proxy in front keeps it", ge=1, le=3_600
        ),
    ] = 75
    receive_seconds: Annotated[
        float,
        setting(
            "how long a request may take to come, head and body; then it is answered 408 and its connection closed, as is one on which "
            "nothing ever came",
            ge=0.1,
            le=3_600,
        ),
    ] = 30.0
    drain_seconds: Annotated[float, setting("how long a stop waits for calls in flight", ge=0, le=600)] = 40.0
    worker: Annotated[bool, setting("run the submission worker in the server's process")] = True


class StorageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything is kept."""

    url: Annotated[
        str, setting("`sqlite:///PATH` (embedded, one host) or `postgresql://...` (many replicas)", min_length=1)
    ] = "sqlite:///var/gateway.db"
    busy_timeout_seconds: Annotated[float, setting("how long a write waits for another process's", ge=0.1, le=60)] = 5.0
    read_seconds_max: Annotated[
        float, setting("longest read of a request; a list filter that takes longer is answered 503", ge=0.1, le=600)
    ] = 5.0
    readers_max: Annotated[
        int, setting("reads under way at once; lists leave one of them, those of one tenant two", ge=1, le=64)
    ] = 4
    connections_max: Annotated[int, setting("PostgreSQL connections of this process", ge=2, le=200)] = 16
    write_queue_max: Annotated[int, setting("writes waiting before requests are turned away", ge=1, le=100_000)] = 2_000


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: ids and attribute paths, never values of documents."""

    level: Annotated[Literal["debug", "info", "warning", "error"], setting("least level written")] = "info"
    format: Annotated[
        Literal["auto", "json", "console"], setting("`auto`: console on a terminal, JSON lines otherwise")
    ] = "auto"
    access: Annotated[bool, setting("one line for each request")] = False


class MappingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where mapping files are."""

    folder: Annotated[
        str, setting("folder of further mapping files; one of the same name replaces the shipped one")
    ] = ""
    file_bytes_max: Annotated[int, setting("largest mapping file", ge=1024, le=100_000_000)] = 1_048_576
    table_bytes_max: Annotated[
        int, setting("largest file beside a mapping: a code table, a catalogue of bundles", ge=1024, le=1_000_000_000)
    ] = 16_777_216
    check_seconds: Annotated[
        float,
        setting(
            "how often to look whether mapping files changed, and read them again; 0: only on SIGHUP", ge=0, le=86_400
        ),
    ] = 0.0
