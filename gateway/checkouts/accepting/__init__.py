"""From a checkout request to an accepted checkout: read, checked, translated, planned, stored in one transaction."""

from __future__ import annotations
