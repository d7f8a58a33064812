"""What was found out about order systems."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, String, Table, Text

from gateway.storage.tables.base import Moment, metadata

# What `gateway doctor` measured last, one row for each order system. `capabilities` is JSON: [{name, verdict, detail, claim}].
upstream_capability = Table(
    "upstream_capability",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("measured_at", Moment, nullable=False),
    Column("mapping", String(64), nullable=False),
    # SHA-256 of the text of the mapping that it was measured by.
    Column("mapping_hash", String(64), nullable=False),
    # The version of the gateway that measured it.
    Column("release", String(32), nullable=False),
    # Whether orders were made for it.
    Column("wrote", Boolean, nullable=False),
    Column("capabilities", Text, nullable=False),
)
