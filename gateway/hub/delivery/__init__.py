"""Delivering events: one dispatcher, one delivery for each subscriber, its queue, its lease, its claims."""

from __future__ import annotations
