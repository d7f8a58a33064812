"""What tests of notifications share: putting one into the inbox without a gateway around it."""

from __future__ import annotations

from gateway.settings import LimitSettings
from gateway.tracking.inbox import Arrived, Recorder


def record_event(connection, tenant, upstream, event, raw, now, limits=None):
    """Record one notification of a tenant; return what came of it: "recorded", "repeated" or "full"."""
    recorder = Recorder(connection, limits or LimitSettings(), now)
    arrived = Arrived(upstream=upstream, event=event, raw=raw, raw_bytes=len(raw.encode()))
    outcome = recorder.record(tenant, arrived)
    recorder.close()
    return outcome
