"""What was sent and answered is forgotten when its time is over, a few bodies at a time, by any number of processes at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.background import Loop
from gateway.checkouts.stored.history import forget_payloads
from gateway.services import Services

# Between two looks; and how many bodies are deleted in one transaction: other writes wait for no more.
FORGET_SECONDS: Final = 600.0
BATCH_MAX: Final = 200


class Forgetting:
    """Looks from time to time for bodies of calls and answers whose `retention.payloads_days` are over."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._kept = timedelta(days=services.settings.retention.payloads_days)
        self.loop = Loop("forgetting", self.once, seconds=FORGET_SECONDS)

    async def once(self) -> bool:
        """Forget some; tell whether there may be more."""

        def function(connection: Connection) -> int:
            return forget_payloads(connection, self._database.now(connection) - self._kept, BATCH_MAX)

        return await self._database.write(function) >= BATCH_MAX
