from __future__ import annotations

import pytest
from checkout_work import SALESFORCE
from fake_upstream import FakeUpstream
from tracker_runs import Clock

from gateway.settings import Settings, StorageSettings, TrackingSettings, UpstreamSettings
from gateway.tracking.tracker import Tracker


@pytest.fixture
def storage(sqlite_url):
    """SQLite only: the decisions are the same, and what differs between databases is tested with the stores."""
    return StorageSettings(url=sqlite_url, readers_max=2)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fake():
    upstream = FakeUpstream(SALESFORCE)
    upstream.reads = 0
    read = upstream.get_order

    async def counted(order_id):
        upstream.reads += 1
        return await read(order_id)

    upstream.get_order = counted
    return upstream


@pytest.fixture
def tracking_settings():
    upstream = UpstreamSettings(base_url="http://127.0.0.1:1", mapping="salesforce-v4")
    return Settings(upstreams={"shop": upstream}, tracking=TrackingSettings(attempts_max=3, unmatched_hours=1.0))


@pytest.fixture
def tracker(tracking_settings, database, fake, clock):
    return Tracker(
        settings=tracking_settings,
        database=database,
        upstreams={"shop": fake},
        mappings={"salesforce-v4": SALESFORCE},
        monotonic=clock,
    )
