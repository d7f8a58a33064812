"""Builders of the generated pages: each reads what the code says of itself and returns text."""

from __future__ import annotations
