"""Delivery beside the API or in a worker: the dispatcher with real senders, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.background import process_name
from gateway.errors import Problem, SettingsError
from gateway.hub.cart_shape import cart_in_version
from gateway.hub.delivery.dispatcher import Dispatcher
from gateway.hub.delivery.sender import Sender
from gateway.security.callbacks import CallbackGuard, policy_of
from gateway.services import Services
from gateway.upstream import tls_context


@asynccontextmanager
async def delivery(services: Services) -> AsyncIterator[Dispatcher]:
    """Deliver events while this is entered; at the end let the deliveries under way come to theirs."""
    settings = services.settings
    hub = settings.hub
    try:
        tls = tls_context(ca_file=hub.ca_file or None)
    except OSError as error:
        raise SettingsError([Problem("hub.ca_file", f"cannot be read: {error.strerror}")]) from None
    guard = CallbackGuard(policy_of(hub), services.resolver)
    dispatcher = Dispatcher(
        settings=settings,
        database=services.database,
        owner=process_name(),
        new_sender=lambda: Sender(
            guard, tls=tls, timeout_seconds=hub.timeout_seconds, connections_max=hub.concurrency_max
        ),
        shape=cart_in_version,
        count=services.metrics.event_delivery,
    )
    services.events_out.listeners.append(dispatcher.wake)
    task = asyncio.create_task(dispatcher.run(), name="dispatcher")
    try:
        yield dispatcher
    finally:
        services.events_out.listeners.remove(dispatcher.wake)
        await dispatcher.stop(settings.server.drain_seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
