"""The running service: the worker, the clean-up and the tracker beside the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gateway.app import Background, GatewayApp, create_app
from gateway.background import ended, process_name, running
from gateway.carts.sweep import sweeping
from gateway.checkouts.accepting.proven import unproven
from gateway.checkouts.changing.draft_lifetime import DraftLifetime
from gateway.checkouts.model import CheckoutRecord
from gateway.correlation.forgetting import Forgetting
from gateway.hub.delivery.service import delivery
from gateway.logs import get_logger
from gateway.operators.audit_retention import forgetting
from gateway.ordering import Mapping as OrderMapping
from gateway.services import Services
from gateway.settings import Settings
from gateway.storage.capabilities import measurements
from gateway.submission.cleanup import Cleanup
from gateway.submission.reconcile_loop import ReconcileLoop
from gateway.submission.recovery import RecoveryLoop
from gateway.submission.worker import Worker
from gateway.tracking.registering import RegistrationLoop
from gateway.tracking.store import wake_waiting
from gateway.tracking.tracker import Tracker
from gateway.upstream import UpstreamClient
from gateway.upstream.building import build_catalogue, build_qualifications, build_upstreams
from gateway.upstream.reloading import reloading

log = get_logger(__name__)
NO_UPSTREAM: Final = (
    "no order system is configured ([upstreams.NAME] in the settings): carts are kept, checkouts are refused, and there is nothing "
    "to submit or to follow"
)


def gateway_app(settings: Settings, mappings: Mapping[str, OrderMapping]) -> GatewayApp:
    """Return the API with everything that runs along with it."""
    background: list[Background] = []
    if settings.server.worker:
        background = [submission, tracking, delivery, forgetting, sweeping, forgetting_bodies]
    return create_app(
        settings,
        mappings=mappings,
        upstreams=build_upstreams(settings, mappings),
        qualifications=build_qualifications(settings),
        catalogue=build_catalogue(settings),
        background=[_clients, reloading, *background],
    )


async def run_worker(services: Services, stop: asyncio.Event) -> None:
    """Run what `gateway worker` runs, without an API, until `stop` is set."""
    async with (
        _clients(services),
        reloading(services),
        submission(services),
        tracking(services),
        delivery(services),
        forgetting(services),
        sweeping(services),
        forgetting_bodies(services),
    ):
        await stop.wait()


@asynccontextmanager
async def _clients(services: Services) -> AsyncIterator[None]:
    try:
        await begin_with_measurements(services)
        yield
    finally:
        for upstream in services.upstreams.values():
            await upstream.close()
        if services.qualifications is not None:
            await services.qualifications.close()
        if services.catalogue is not None:
            await services.catalogue.close()


async def begin_with_measurements(services: Services) -> None:
    """Let the searches begin with what was measured; tell which order systems never found a marker, or that there is none."""
    if not services.settings.upstreams:
        log.warning("upstream.none", why=NO_UPSTREAM)
    measured = await services.database.read(measurements)
    now = services.clock()
    for name, settings in services.settings.upstreams.items():
        client, mapping, seen = (
            services.upstreams.get(name),
            services.mappings.get(settings.mapping),
            measured.get(name),
        )
        if mapping is None:
            continue
        if seen is not None and seen.finds_markers(mapping.hash) and isinstance(client, UpstreamClient):
            client.recall(found_seconds_ago=max(0.0, (now - seen.measured_at).total_seconds()))
        why = unproven(seen, mapping)
        if why is not None:
            log.warning("upstream.unproven", upstream=name, mapping=mapping.name, why=f"the order system {name} {why}")


@asynccontextmanager
async def submission(services: Services) -> AsyncIterator[None]:
    """Run the worker and the clean-up of abandoned drafts; at the end let the calls in flight come to theirs."""
    settings = services.settings
    worker = Worker(
        services,
        owner=process_name(),
        record_submitted=_wake_early_events,
        on_submitted=lambda _record: services.events_due.notify(),
    )
    cleanup = Cleanup(
        metrics=services.metrics,
        settings=settings,
        database=services.database,
        upstreams=services.upstreams,
        mappings=services.mappings,
    )
    services.work_due.listeners.append(worker.wake)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        async with running(
            cleanup.loop, DraftLifetime(services).loop, RecoveryLoop(services).loop, ReconcileLoop(services).loop
        ):
            try:
                yield
            finally:
                services.work_due.listeners.remove(worker.wake)
                cleanup.loop.stop()
                await worker.stop(settings.server.drain_seconds)
                await ended([task])
    finally:
        await cleanup.end()


def _wake_early_events(connection: Connection, record: CheckoutRecord, now: datetime) -> None:
    """Let the notifications that came before the order was known be looked at."""
    assert record.order_id is not None, "a live order has an id"
    wake_waiting(connection, record.tenant, record.upstream, record.order_id, now)


@asynccontextmanager
async def forgetting_bodies(services: Services) -> AsyncIterator[None]:
    """Forget what was sent and answered when its time is over, from start to stop of the service."""
    async with running(Forgetting(services).loop):
        yield


@asynccontextmanager
async def tracking(services: Services) -> AsyncIterator[None]:
    """Run the tracker."""
    tracker = Tracker(
        metrics=services.metrics,
        settings=services.settings,
        database=services.database,
        upstreams=services.upstreams,
        mappings=services.mappings,
        on_named=services.work_due.notify,
    )
    services.events_due.listeners.append(tracker.loop.wake)
    try:
        async with running(tracker.loop, RegistrationLoop(services).loop):
            yield
    finally:
        services.events_due.listeners.remove(tracker.loop.wake)
        await tracker.end()
