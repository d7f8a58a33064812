"""Durable state: SQLAlchemy Core, synchronous, one function per transaction, SQLite or PostgreSQL."""

from __future__ import annotations

from gateway.storage.database import Database
from gateway.storage.opening import open_database

__all__ = ["Database", "open_database"]
