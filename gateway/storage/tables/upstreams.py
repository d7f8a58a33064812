"""What was found out about order systems."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

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

# Order systems of which this database may know less than they do: it was restored, or an operator says so. What was done there since
# `since` may be missing here. `listed_at` is when the orders there were listed completely; until then `detail` says what stands in the way.
recovery = Table(
    "recovery",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("listed_at", Moment),
    Column("detail", Text),
)

# Orders with a gateway's marker that belong to no checkout as far as is known here. `is_live`: no draft, and not ended without effect.
found_order = Table(
    "found_order",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("order_id", String(255), primary_key=True),
    Column("marker", String(255), nullable=False),
    Column("state", String(255), nullable=False),
    Column("is_live", Boolean, nullable=False),
    Column("found_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("settled_as", Text),
)

# The last comparison of each order system's orders with the checkouts. `claimed_at` is when a process began it. `found` is JSON:
# [{kind, orderId, checkoutId, detail}].
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("claimed_at", Moment, nullable=False),
    Column("ran_at", Moment),
    Column("since", Moment),
    Column("is_complete", Boolean),
    Column("detail", Text),
    Column("orders", Integer),
    Column("checkouts", Integer),
    Column("found", Text),
)

# Where the gateway is registered for notifications. `hub_id` is the id of that there; `detail` says what went wrong when it was asked for.
hub_registration = Table(
    "hub_registration",
    metadata,
    Column("upstream", String(64), primary_key=True),
    Column("callback", Text, nullable=False),
    Column("hub_id", String(255)),
    Column("registered_at", Moment),
    Column("checked_at", Moment, nullable=False),
    Column("detail", Text),
)

# What order systems taught about the size of their calls, where their mapping says more: the most new items of one call.
upstream_limit = Table(
    "upstream_limit",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("upstream", String(64), primary_key=True),
    Column("mapping", String(64), primary_key=True),
    Column("items_max", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
