"""From a cart to an order: items, products, prices, parties, header, bundles."""

from __future__ import annotations
