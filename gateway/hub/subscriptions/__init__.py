"""Subscriptions to events: the hub resource, its API, its queries and its rows."""

from __future__ import annotations
