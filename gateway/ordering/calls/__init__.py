"""An order as calls: planned, packed to the mapping's limits, rendered when it is sent."""

from __future__ import annotations
