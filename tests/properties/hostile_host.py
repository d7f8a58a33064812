"""One gateway application in memory, for one world of the adversary after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from checkout_work import PLAIN, ROOT, SPLIT
from memory_database import MemoryDatabase
from msgspec.structs import replace
from virtual_time import VirtualLoop

from gateway.app import create_app
from gateway.ordering import Mapping
from gateway.ordering.lint.loading import parse_mapping
from gateway.sandbox.options import API_ROOTS
from gateway.settings import Settings, StorageSettings, SubmissionSettings, UpstreamLimits, UpstreamSettings
from gateway.storage import tables
from gateway.upstream.building import build_upstreams

if TYPE_CHECKING:
    from hostile_world import Weather, World

POLL_SECONDS = 6 * 3600.0
_EMPTY = [f"DELETE FROM {table.name}" for table in reversed(tables.metadata.sorted_tables)]  # noqa: S608 - names of ours
PROBE_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0)


class Host:
    """One gateway application in memory, used for one world after the other."""

    def __init__(self, loop: VirtualLoop, mapping: Mapping) -> None:
        self.loop = loop
        self.mapping = mapping.name
        self.world: World | None = None
        self.settings = settings_of(mapping.name)
        self.mappings = {mapping.name: mapping}
        self.database = MemoryDatabase(loop)
        self.upstreams: dict[str, Any] = {"shop": None}
        self.application = create_app(
            self.settings,
            database=self.database,
            mappings=self.mappings,
            upstreams=self.upstreams,  # type: ignore[arg-type]
        )
        self.services = self.application.services
        transport = httpx.ASGITransport(app=self.application, raise_app_exceptions=False)  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway.test")

    def make_world(self, seed: int, weather: Weather) -> World:
        """Make a world for `play_all`."""
        from hostile_world import World

        return World(self, seed, weather)

    async def empty(self) -> None:
        for upstream in filter(None, self.upstreams.values()):
            await upstream.close()
        cursor = self.database.cursor
        for query in _EMPTY:
            cursor.execute(query)
        self.upstreams.update(build_upstreams(self.settings, self.mappings))


def settings_of(mapping: str) -> Settings:
    limits = UpstreamLimits()
    upstream = UpstreamSettings(base_url=f"http://shop.test{API_ROOTS[mapping]}", mapping=mapping, limits=limits)
    settings = Settings(
        storage=StorageSettings(url="sqlite:///unused"),
        upstreams={"shop": upstream},
        submission=SubmissionSettings(poll_seconds=POLL_SECONDS, probe_seconds=PROBE_SECONDS, generations_max=12),
    )
    return replace(settings, checkout=replace(settings.checkout, default_upstream="shop"))


DRAFTED, LIVE, DRAFTED_V5 = (
    SPLIT,
    PLAIN,
    parse_mapping((ROOT / "mappings" / "tmf622-v5.toml").read_bytes(), "tmf622-v5.toml"),
)
NAMED_BY_EVENT = replace(LIVE, api=replace(LIVE.api, created_id_from="event"))
