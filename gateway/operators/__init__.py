"""What people who run the gateway do: look again, read again, name an order, close a checkout, pause an order system."""

from __future__ import annotations
