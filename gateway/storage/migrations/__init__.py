"""Alembic's environment and the revisions of the schema."""

from __future__ import annotations
