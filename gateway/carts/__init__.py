"""TMF663 shopping carts: rules, store, API."""

from __future__ import annotations
