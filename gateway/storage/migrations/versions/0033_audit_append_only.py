"""A row of the audit cannot be changed once it is there, whatever asks for it; only the end of its retention removes it."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_WHAT = "the audit is append-only: its rows are not changed"
_SQLITE = f"CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{_WHAT}'); END"
_POSTGRESQL = (
    f"CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_WHAT}'; END $$",
    "CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit()",
)


def upgrade() -> None:
    """Have the database refuse changes."""
    for statement in (_SQLITE,) if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Let them through again."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_is_append_only")
    else:
        op.execute("DROP TRIGGER audit_is_append_only ON audit")
        op.execute("DROP FUNCTION refuse_change_of_audit()")
