"""What operators do with the inbox: one notification, or all that a filter finds, bit by bit; each deed is in the audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Row

from gateway.callers import Caller
from gateway.errors import ConflictError, NotFoundError, Problem
from gateway.ordering import Mapping as OrderMapping
from gateway.services import Services
from gateway.storage import audit
from gateway.tracking import letters
from gateway.tracking.letters import Move, Wanted

Action: TypeAlias = Literal["replay", "dismiss"]
# Notifications of one transaction, and of one request.
GROUP_MAX: Final = 100
REQUEST_MAX: Final = 10_000


class ActOnOne(Struct, frozen=True, kw_only=True):
    """Replay or dismiss one notification."""

    caller: Caller
    action: Action
    notification_id: str
    reason: str


class ActOnMany(Struct, frozen=True, kw_only=True):
    """Replay or dismiss all that `wanted` finds; `dry_run`: only count them."""

    caller: Caller
    action: Action
    wanted: Wanted
    reason: str
    dry_run: bool


class Acted(Struct, frozen=True, kw_only=True):
    """What came of an action on many: how many there were, what was done, how many are left for another request."""

    matched: int
    moves: Mapping[Move, int]
    left: int


async def act_on_one(services: Services, command: ActOnOne) -> Row[Any]:
    """Replay or dismiss a notification; return it as it is then. Errors: 404, 409 when its body still names no order."""
    caller = command.caller
    mappings = _mappings(services)

    def function(connection: Connection) -> Row[Any]:
        row = letters.get(connection, caller.tenant, command.notification_id)
        if row is None:
            raise not_found()
        now = services.database.now(connection)
        if _act(connection, caller, command.action, row, mappings, command.reason, now) == "names_no_order":
            message = "The notification names no order that can be read, also by the mapping as it is now."
            raise ConflictError(message, problems=[Problem("payload", "names no order")])
        deed = caller.deed(command.action, "notification", row.id)
        audit.record(connection, replace(deed, reason=command.reason), now)
        fresh = letters.get(connection, caller.tenant, command.notification_id)
        assert fresh is not None, "it is changed by this transaction"
        return fresh

    row = await services.database.write(function)
    services.events_due.notify()
    return row


async def act_on_many(services: Services, command: ActOnMany) -> Acted:
    """Replay or dismiss what a filter finds, in the order of ids, so that each is met once whatever becomes of it."""
    caller, wanted = command.caller, command.wanted
    mappings = _mappings(services)
    _, matched = await services.database.read_list(
        caller.tenant, lambda connection: letters.find(connection, caller.tenant, wanted, offset=0, limit=0)
    )
    moves: Counter[Move] = Counter()
    if command.dry_run:
        return Acted(matched=matched, moves=moves, left=matched)
    last = ""

    def group(connection: Connection) -> list[Move]:
        nonlocal last
        ids = letters.next_ids(connection, caller.tenant, wanted, last, GROUP_MAX)
        rows = [row for each in ids if (row := letters.get(connection, caller.tenant, each)) is not None]
        now = services.database.now(connection)
        done = [_act(connection, caller, command.action, row, mappings, command.reason, now) for row in rows]
        last = ids[-1] if ids else last
        return done

    while moves.total() < REQUEST_MAX and (done := await services.database.write(group)):
        moves.update(done)
        services.events_due.notify()
    told = ", ".join(f"{count} {move}" for move, count in sorted(moves.items())) or "none"
    deed = replace(caller.deed(command.action, "notification", "*"), reason=command.reason, detail=told)
    database = services.database
    await database.write(lambda connection: audit.record(connection, deed, database.now(connection)))
    return Acted(matched=matched, moves=moves, left=max(0, matched - moves.total()))


def not_found() -> NotFoundError:
    """Return the error for a notification that this tenant does not have."""
    return NotFoundError("There is no such notification.", problems=[Problem("id", "names no notification")])


def _act(
    connection: Connection,
    caller: Caller,
    action: Action,
    row: Row[Any],
    mappings: Mapping[str, OrderMapping],
    reason: str,
    now: datetime,
) -> Move:
    if action == "replay":
        return letters.replay(connection, caller.tenant, row, mappings, now)
    return letters.dismiss(connection, caller.tenant, row, f"dismissed by {caller.client}: {reason}")


def _mappings(services: Services) -> dict[str, OrderMapping]:
    """Return the mapping of each order system that is configured now."""
    return {
        name: services.mappings[settings.mapping]
        for name, settings in services.settings.upstreams.items()
        if settings.mapping in services.mappings
    }
