"""The steps of checkouts in the database, one row for each call: what was planned, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Update

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import StepChanges
from gateway.ordering import Plan
from gateway.storage.tables import checkout_step


class StepRow(NamedTuple):
    """A call of a checkout: what was planned, and what became of it; as in its table."""

    checkout_id: str
    generation: int
    sequence: int
    kind: str
    state: str
    attempts: int
    item_count: int
    byte_count: int | None
    started_at: datetime | None
    ended_at: datetime | None
    detail: str | None
    mapping_hash: str | None


def plan_steps(connection: Connection, record: CheckoutRecord, plan: Plan, item_counts: Iterable[int]) -> None:
    """Store the steps of the record's generation as planned; what was planned of earlier ones is abandoned."""
    connection.execute(
        update(checkout_step)
        .where(
            checkout_step.c.tenant == record.tenant,
            checkout_step.c.checkout_id == record.id,
            checkout_step.c.generation < record.generation,
            checkout_step.c.state == "planned",
        )
        .values(state="abandoned")
    )
    connection.execute(
        insert(checkout_step),
        [
            {
                "tenant": record.tenant,
                "checkout_id": record.id,
                "generation": record.generation,
                "sequence": step.sequence,
                "kind": step.kind,
                "state": "planned",
                "attempts": 0,
                "item_count": item_count,
            }
            for step, item_count in zip(plan.steps, item_counts, strict=True)
        ],
    )


def forget_steps(connection: Connection, record: CheckoutRecord) -> None:
    """Forget the steps of the record's generation, of which nothing was sent: they are planned again."""
    connection.execute(
        delete(checkout_step).where(
            checkout_step.c.tenant == record.tenant,
            checkout_step.c.checkout_id == record.id,
            checkout_step.c.generation == record.generation,
        )
    )


def replace_steps(connection: Connection, record: CheckoutRecord, plan: Plan, done: int) -> None:
    """Plan the steps of the record's generation after the first `done` again; none of them was ever sent."""
    connection.execute(
        delete(checkout_step).where(
            checkout_step.c.tenant == record.tenant,
            checkout_step.c.checkout_id == record.id,
            checkout_step.c.generation == record.generation,
            checkout_step.c.sequence > done,
        )
    )
    later = replace(plan, steps=plan.steps[done:])
    plan_steps(connection, record, later, [len(step.item_ids) for step in later.steps])


def steps(connection: Connection, tenant: str, checkout_id: str) -> list[Row[Any]]:
    """Return every step of every generation, in the order they were planned."""
    return steps_of(connection, tenant, [checkout_id]).get(checkout_id, [])


def steps_of(connection: Connection, tenant: str, checkout_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """Return the steps of several checkouts by checkout id, each in the order they were planned."""
    query = (
        select(checkout_step)
        .where(checkout_step.c.tenant == tenant, checkout_step.c.checkout_id.in_(list(checkout_ids)))
        .order_by(checkout_step.c.checkout_id, checkout_step.c.generation, checkout_step.c.sequence)
    )
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.checkout_id, []).append(row)
    return found


@lru_cache(maxsize=256)
def _step_change_of(names: frozenset[str]) -> Update:
    """Return the statement that changes columns of a step."""
    key = ("tenant", "checkout_id", "generation", "sequence")
    return (
        update(checkout_step)
        .where(*(checkout_step.c[name] == bindparam(f"of_{name}") for name in key))
        .values({checkout_step.c[name]: bindparam(f"new_{name}") for name in sorted(names)})
    )


def set_step(connection: Connection, record: CheckoutRecord, sequence: int, values: StepChanges) -> None:
    """Change one step row of the record's generation."""
    key = {
        "of_tenant": record.tenant,
        "of_checkout_id": record.id,
        "of_generation": record.generation,
        "of_sequence": sequence,
    }
    connection.execute(
        _step_change_of(frozenset(values)), {**key, **{f"new_{name}": value for name, value in values.items()}}
    )


def put_cancel_step(connection: Connection, record: CheckoutRecord, values: StepChanges) -> None:
    """Store or change the row of the call that asks the order system to cancel the order; it comes after the plan's steps."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {
        "tenant": record.tenant,
        "checkout_id": record.id,
        "generation": record.generation,
        "sequence": record.steps_total + 1,
        "kind": "cancel",
        "state": "planned",
        "attempts": 0,
        "item_count": 0,
        **values,
    }
    statement = dialect.insert(checkout_step).values(row)
    key = ["tenant", "checkout_id", "generation", "sequence"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=dict(values)))
