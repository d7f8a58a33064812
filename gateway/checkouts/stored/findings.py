"""The findings of a checkout in the database: what was told when it was accepted, and what was found out later."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord, findings_decoder
from gateway.checkouts.stored import store
from gateway.ordering import Finding
from gateway.tmf.json import encode_json


def add_findings(connection: Connection, record: CheckoutRecord, findings: Iterable[Finding]) -> bool:
    """Keep findings with those of the checkout; one that is there already is not repeated. Return whether any was new."""
    new = list(findings)
    if not new:
        return False
    stored = store.documents(connection, record.tenant, record.id, ("findings",))
    kept = findings_decoder.decode(stored.get("findings", "[]"))
    added = tuple(dict.fromkeys(finding for finding in new if finding not in kept))
    if added:
        store.put_documents(connection, record.tenant, record.id, {"findings": encode_json((*kept, *added))})
    return bool(added)
