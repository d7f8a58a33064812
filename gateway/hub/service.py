"""Delivery beside the API or in a worker: the dispatcher with real senders, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import Problem, SettingsError
from gateway.hub.dispatcher import Dispatcher
from gateway.hub.envelope import Shape
from gateway.hub.sender import Sender
from gateway.security.callbacks import CallbackGuard, policy_of
from gateway.services import Services
from gateway.upstream import tls_context


@asynccontextmanager
async def delivery(services: Services, *, shape: Shape | None = None) -> AsyncIterator[Dispatcher]:
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
        owner=f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}",
        new_sender=lambda: Sender(
            guard, tls=tls, timeout_seconds=hub.timeout_seconds, connections_max=hub.concurrency_max
        ),
        shape=shape,
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
