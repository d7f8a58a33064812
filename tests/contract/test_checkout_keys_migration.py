"""Checkouts that an earlier version stored are found by every id that is known of them."""

from __future__ import annotations

from alembic import command
from checkout_work import MARKER_ROOT, record_of
from sqlalchemy import insert, inspect, select

from gateway.storage.schema import _config, migrate
from gateway.storage.tables import abandoned_draft, audit, checkout, checkout_document, checkout_key
from gateway.submission.decisions.records import CANCEL_REASON

LONG = "L" * 300
DOCUMENTS = {
    "request": '{"relatedParty":[{"partyOrPartyRole":{"id":"P1"}}]}',
    "cart": '{"relatedParty":[{"id":"P2"},{"id":"' + LONG + '"}],"cartItem":[]}',
    "lines": '{"1":{"line_id":"802-1"},"2":{}}',
    "lines.00000002": '{"3":{"line_id":"802-3","state":"inProgress"}}',
    "order": '{"relatedParty":[{"id":"not looked at"}]}',
}


async def test_checkouts_of_an_earlier_version_are_found_by_their_ids(database):
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0021")
        names = [column["name"] for column in inspect(connection).get_columns("checkout")]
        record = record_of(external_id="WEB-1", order_id="7", answered_order="8", generation=1)
        row = {name: getattr(record, name) for name in names if hasattr(record, name)}
        connection.execute(insert(checkout).values(row))
        # One more than is filled at once, so that the next ones are not forgotten.
        more = [{**row, "id": f"m{n:04}", "tenant": "other", "cart_live": False} for n in range(1001)]
        connection.execute(insert(checkout), more)
        of_it = {"tenant": "default", "checkout_id": record.id}
        documents = [{**of_it, "kind": kind, "document": text} for kind, text in DOCUMENTS.items()]
        connection.execute(insert(checkout_document), documents)
        given_up = {"upstream": "shop", "since": record.created_at, "attempt": 0}
        connection.execute(
            insert(abandoned_draft).values(**of_it, **given_up, marker=f"gw1-{MARKER_ROOT}-0", order_id="6")
        )
        deed = {"tenant": "default", "at": record.created_at, "client": "shop", "roles": "channel", "outcome": "done"}
        of_checkout = {"resource": "checkout", "resource_id": record.id}
        for action, asked in (("create", "asked-1"), ("cancel", "asked-2")):
            asked_for = {"id": action, "action": action, "correlation_id": asked, "reason": CANCEL_REASON}
            connection.execute(insert(audit).values(**deed, **of_checkout, **asked_for))
        connection.commit()
    migrate(database.engine)
    with database.engine.connect() as connection:
        keys = select(checkout_key.c.kind, checkout_key.c.value).where(checkout_key.c.checkout_id == record.id)
        found = {(row.kind, row.value) for row in connection.execute(keys)}
        hashed = {value for kind, value in found if kind == "party" and value.startswith("sha256-")}
        assert len(hashed) == 1
        assert found == {
            ("shoppingCart", "c1"),
            ("externalId", "WEB-1"),
            *(("productOrder", order) for order in ("6", "7", "8")),
            *(("marker", f"gw1-{MARKER_ROOT}-{generation}") for generation in (0, 1)),
            *(("orderLine", line) for line in ("802-1", "802-3")),
            *(("party", party) for party in ("P1", "P2", *hashed)),
            ("correlationId", "asked-1"),
            ("correlationId", "asked-2"),
        }
        made_by = select(checkout.c.correlation_id).where(checkout.c.id == record.id)
        assert connection.execute(made_by).scalar_one() == "asked-1"
        others = select(checkout_key.c.checkout_id).where(checkout_key.c.tenant == "other").distinct()
        assert len(connection.execute(others).all()) == 1001
