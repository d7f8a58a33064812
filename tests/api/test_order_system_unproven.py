"""What was measured of an order system is told where it matters: on checkouts, at the start, in the figures; or refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from application_runs import client_of
from checkout_gateway import CARTS, CHECKOUTS, assert_error, running, settings_of
from checkout_work import PLAIN, request
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.runtime import begin_with_measurements
from gateway.settings import CheckoutSettings, StorageSettings, UpstreamSettings
from gateway.storage.capabilities import Capability, Measurement, keep, measurements

MEASURED_AT = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def measurement(mapping_hash=PLAIN.hash, **verdicts):
    """Return a measurement of `plain` in which all works but what `verdicts` says."""
    given = {"marker_kept": "works", "marker_found": "works", **verdicts}
    return Measurement(
        upstream="plain",
        measured_at=MEASURED_AT,
        mapping="tmf622-v4",
        mapping_hash=mapping_hash,
        release="1.0",
        wrote=True,
        capabilities=tuple(
            Capability(name=name, verdict=verdict, detail=f"{name} was looked at", claim=f"claim of {name}")
            for name, verdict in given.items()
        ),
    )


def settings(tmp_path, *, require_proven=False):
    built = settings_of(StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"))
    plain = UpstreamSettings(base_url="http://127.0.0.1:1/plain", mapping="tmf622-v4", require_proven=require_proven)
    return replace(built, upstreams={**built.upstreams, "plain": plain})


def codes(checkout):
    return [finding["code"] for finding in checkout["finding"]]


async def test_what_is_kept_is_what_was_measured(tmp_path):
    async with running(settings(tmp_path)) as gateway:
        for measured in (measurement(), measurement(marker_found="fails")):
            await gateway.services.database.write(lambda c, measured=measured: keep(c, measured))
            assert await gateway.services.database.read(measurements) == {"plain": measured}


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (None, "was never measured"),
        (measurement(marker_found="fails"), "was not seen to find orders by a marker: marker_found was looked at"),
        (measurement(marker_kept="unknown"), "was not seen to keep a marker"),
        (measurement(mapping_hash="another"), "was measured by another text of its mapping"),
    ],
)
async def test_a_live_order_system_that_was_not_seen_to_find_markers_is_told_on_its_checkouts(
    tmp_path, measured, words
):
    async with running(settings(tmp_path)) as gateway:
        if measured is not None:
            await gateway.services.database.write(lambda c: keep(c, measured))
        checkout = await gateway.check_out(upstream="plain")
        (told,) = [finding for finding in checkout["finding"] if finding["code"] == "marker_unproven"]
        assert (told["severity"], told["path"]) == ("warning", "upstream")
        assert words in told["message"]
        with capture_logs() as logs:
            await begin_with_measurements(gateway.services)
        assert [(line["upstream"], words in line["why"]) for line in logs if line["event"] == "upstream.unproven"] == [
            ("plain", True)
        ]


async def test_a_start_without_any_order_system_says_so_and_so_does_a_checkout(tmp_path):
    without = replace(settings(tmp_path), upstreams={}, checkout=CheckoutSettings())
    application = create_app(without)
    async with client_of(application) as client:
        with capture_logs() as logs:
            await begin_with_measurements(application.services)
        cart = (await client.post(CARTS, json={})).json()
        answer = await client.post(CHECKOUTS, json={"shoppingCart": {"id": cart["id"]}})

    assert [line["log_level"] for line in logs if line["event"] == "upstream.none"] == ["warning"]
    assert answer.status_code == 400
    assert "no order system is configured here" in answer.json()["message"]


async def test_nothing_is_told_of_one_that_was_seen_to_find_them_nor_of_one_with_drafts(tmp_path):
    async with running(settings(tmp_path, require_proven=True)) as gateway:
        await gateway.services.database.write(lambda c: keep(c, measurement()))
        assert "marker_unproven" not in codes(await gateway.check_out(upstream="plain"))
        assert "marker_unproven" not in codes(await gateway.check_out(upstream="shop"))
        with capture_logs() as logs:
            await begin_with_measurements(gateway.services)
        assert logs == []


async def test_where_it_must_be_proven_a_checkout_is_refused_and_nothing_is_stored(tmp_path):
    async with running(settings(tmp_path, require_proven=True)) as gateway:
        before = await gateway.rows()
        cart_id = await gateway.new_cart()
        body = {**request(), "shoppingCart": {"id": cart_id}, "upstream": "plain"}
        error = assert_error(await gateway.post(body), 422, "require_proven")
        assert [finding["code"] for finding in error["finding"] if finding["severity"] == "error"] == [
            "marker_unproven"
        ]
        assert await gateway.rows() == before


async def test_a_checkout_shows_what_was_measured_and_the_figures_do(tmp_path):
    async with running(settings(tmp_path)) as gateway:
        checkout = await gateway.check_out(upstream="plain")
        assert (await gateway.get(checkout))["upstreamCapability"] is None
        await gateway.services.database.write(lambda c: keep(c, measurement(marker_found="fails", paging="unknown")))
        assert (await gateway.get(checkout))["upstreamCapability"] == {
            "measuredAt": "2026-11-30T09:00:00.000Z",
            "mappingHash": PLAIN.hash,
            "release": "1.0",
            "contradiction": [
                {"name": "marker_found", "verdict": "fails", "detail": "marker_found was looked at"},
                {"name": "paging", "verdict": "unknown", "detail": "paging was looked at"},
            ],
        }
        figures = (await gateway.client.get("/metrics")).text
        assert 'gateway_upstream_capability{capability="marker_kept",upstream="plain"} 1.0' in figures
        assert 'gateway_upstream_capability{capability="marker_found",upstream="plain"} 0.0' in figures
        assert 'capability="paging"' not in figures
        assert 'gateway_upstream_contradictions{upstream="plain"} 2.0' in figures
        assert 'gateway_upstream_measured_timestamp_seconds{upstream="plain"} 1.7960292e+09' in figures
