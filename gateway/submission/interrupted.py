"""Checkouts that the database's being away interrupted: they go on soon after it is back, not at the end of their leases."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.checkouts.model import CheckoutRecord
from gateway.storage import Database
from gateway.submission import claims

PUT_OFF_SECONDS: Final = 5.0
"""Not at once: a disk that is nearly full takes a claim, and then not the rest."""


class Interrupted:
    """The claims of one process that an outage interrupted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # By tenant and id, with the fence of the claim.
        self._claims: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def note(self, record: CheckoutRecord) -> None:
        """Remember a claim that came to nothing."""
        self._claims[record.tenant, record.id] = record.fence

    async def put_back(self) -> None:
        """Let the leases of those claims end in PUT_OFF_SECONDS: the database is back. Raises UnavailableError (503) when it is not."""
        if not self._claims:
            return
        interrupted = dict(self._claims)

        def put_back(connection: Connection) -> None:
            soon = self._database.now(connection) + timedelta(seconds=PUT_OFF_SECONDS)
            for (tenant, checkout_id), fence in interrupted.items():
                claims.put_back(connection, tenant, checkout_id, fence, soon)

        await self._database.write(put_back)
        for key in interrupted:
            del self._claims[key]
