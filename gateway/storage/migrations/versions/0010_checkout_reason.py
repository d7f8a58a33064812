"""The code of a checkout's reason and what its process waits for as columns, where both stood in a sentence before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = {"reason_code": 32, "awaiting": 32, "answered_order": 255, "answered_marker": 255}

# The beginnings of the sentences of earlier versions, with their codes; the first that fits counts.
_CODES = (
    ("waits: the upstream %", "not_configured"),
    ("waits for the order system: %circuit open%", "circuit_open"),
    ("waits for the order system: %asked for fewer calls%", "throttled"),
    ("waits for the order system: %", "upstream_unreachable"),
    ("the order system did not know the order%", "not_shown_yet"),
    ("order % is live; the order system is asked to cancel it", "cancellation_asked"),
    ("the order system was asked to cancel%", "cancellation_asked"),
    ("the order system refused to cancel%", "cancellation_refused"),
    ("the order system could not be asked to cancel%", "cancellation_refused"),
    ("order % takes no cancellations from here%", "cancellation_refused"),
    ("cancelled by the client", "cancelled"),
    ("several live orders carry%", "duplicate_orders"),
    ("order % does not carry the marker%", "marker_changed"),
    ("order % does not cost what the cart did%", "price_differs"),
    ("% drafts in a row were not what was sent%", "contents_differ"),
    ("order % changed after its submission%", "contents_differ"),
    ("order % left its draft state%", "contents_differ"),
    ("order % was submitted by somebody else%", "contents_differ"),
    ("%too large%", "too_large"),
    ("% claims in a row ended without a result%", "no_progress"),
    ("order % does not exist (any more)%", "not_verifiable"),
    ("order % still shows it as %", "not_verifiable"),
    ("%cannot be searched completely%", "not_verifiable"),
    ("the order system ended order %", "ended_by_order_system"),
)


def upgrade() -> None:
    """Add the columns, and fill them for what is stored from the sentences of earlier versions."""
    for name, length in _COLUMNS.items():
        op.add_column("checkout", sa.Column(name, sa.String(length=length)))
    checkout = sa.table(
        "checkout",
        *(sa.column(name, sa.String()) for name in ("state", "status_reason", "step_state", "order_id", *_COLUMNS)),
        sa.column("unknowns", sa.Integer()),
    )
    reason, code = checkout.c.status_reason, checkout.c.reason_code
    for pattern, value in _CODES:
        op.execute(checkout.update().where(reason.like(pattern), code.is_(None)).values(reason_code=value))
    others = {"rejected": "refused", "held": "outcome_unknown"}
    for state, value in others.items():
        op.execute(
            checkout.update()
            .where(reason.is_not(None), code.is_(None), checkout.c.state == state)
            .values(reason_code=value)
        )
    op.execute(checkout.update().where(reason.is_not(None), code.is_(None)).values(reason_code="waiting_retry"))
    in_doubt = checkout.c.step_state == "UNKNOWN"
    submission_refused = reason.like("the order system refused the submit step%")
    op.execute(
        checkout.update()
        .where(checkout.c.state == "submitting", in_doubt, submission_refused)
        .values(awaiting="refused_submission", reason_code="refused")
    )
    op.execute(
        checkout.update()
        .where(checkout.c.state == "submitted", reason.like("the order system did not know the order%"))
        .values(awaiting="missing_order")
    )
    # Only the search for an order that the order system says it has leaves nothing in doubt.
    op.execute(
        checkout.update()
        .where(
            checkout.c.state.in_(["drafting", "submitting"]),
            in_doubt,
            checkout.c.order_id.is_(None),
            checkout.c.unknowns == 0,
        )
        .values(awaiting="duplicate_order")
    )


def downgrade() -> None:
    """Drop them: the sentences are there still."""
    for name in reversed(_COLUMNS):
        op.drop_column("checkout", name)
