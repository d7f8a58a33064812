"""What was measured of an order system is what its searches begin with, if it is about this text of the mapping and good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.app import create_app
from gateway.clock import utc_now
from gateway.resources import load_mappings
from gateway.runtime import begin_with_measurements
from gateway.settings import MappingSettings, Settings, StorageSettings, UpstreamSettings
from gateway.storage.capabilities import Capability, Measurement, Verdict, keep
from gateway.upstream import UpstreamClient
from gateway.upstream.building import build_upstreams


@pytest.mark.parametrize(
    ("kept", "found", "same_mapping", "recalled"),
    [
        ("works", "works", True, 1),
        ("works", "works", False, 0),
        ("works", "fails", True, 0),
        ("unknown", "works", True, 0),
    ],
)
async def test_a_measurement_of_this_mapping_that_found_markers_is_recalled_at_the_start(
    storage: StorageSettings,
    monkeypatch: pytest.MonkeyPatch,
    kept: Verdict,
    found: Verdict,
    same_mapping: bool,
    recalled: int,
) -> None:
    mappings = load_mappings(MappingSettings())
    upstreams = {"crm": UpstreamSettings(base_url="http://127.0.0.1:1", mapping="tmf622-v4")}
    settings = Settings(storage=storage, upstreams=upstreams)
    clients: Any = build_upstreams(settings, mappings)
    services = create_app(settings, mappings=mappings, upstreams=clients).services
    calls: list[float] = []
    monkeypatch.setattr(UpstreamClient, "recall", lambda _client, *, found_seconds_ago: calls.append(found_seconds_ago))
    measured = Measurement(
        upstream="crm",
        measured_at=utc_now() - timedelta(hours=2),
        mapping="tmf622-v4",
        mapping_hash=mappings["tmf622-v4"].hash if same_mapping else "another",
        release="1",
        wrote=True,
        capabilities=(
            Capability(name="marker_kept", verdict=kept, detail=""),
            Capability(name="marker_found", verdict=found, detail=""),
        ),
    )
    try:
        await services.database.write(lambda connection: keep(connection, measured))
        await begin_with_measurements(services)
    finally:
        await clients["crm"].close()
        await services.database.close()
    assert len(calls) == recalled
    assert all(7_190 < seconds < 7_400 for seconds in calls)
