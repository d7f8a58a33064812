"""Events out: subscriptions (hub) and the delivery of events to their subscribers."""

from __future__ import annotations
