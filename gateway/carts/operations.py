"""What is done with carts: made, changed, merged, deleted. Each is a command, handled by one function.

What a change makes of a cart is worked out first; one transaction then looks whether the cart is still the same, and writes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.carts import store
from gateway.carts.changing import changed_cart
from gateway.carts.completion import Earlier, complete_cart
from gateway.carts.dialects import Dialect
from gateway.carts.dialects.dialect import CANONICAL_CARTS_PATH
from gateway.carts.holding import held_by_checkout
from gateway.carts.merging import merged_carts
from gateway.carts.reading import read_cart
from gateway.carts.validity import require_valid
from gateway.errors import (
    BodyTooLargeError,
    InvalidBodyError,
    NotFoundError,
    PreconditionError,
    Problem,
    RefusedError,
    TooManyRequestsError,
    UnavailableError,
)
from gateway.http.bodies import decode_object
from gateway.services import Services
from gateway.settings import Settings
from gateway.storage import audit
from gateway.tmf.json import decode_stored

RESOURCE: Final = "shoppingCart"
GUEST_PATH: Final = "shoppingCart.id"
# The row is locked while it is changed; where another process, or an engine without row locks, was first the decision is taken again.
ATTEMPTS_MAX: Final = 20
# Between two attempts the others go on for a moment, which is drawn so that two do not meet again.
PAUSE_SECONDS_MAX: Final = 0.02
# A change of a cart with more characters is worked out in a thread, by turns.
LARGE_CHARACTERS_MIN: Final = 16 * 1024


def not_found() -> NotFoundError:
    """Return the error for a cart that this tenant does not have."""
    return NotFoundError("There is no such shopping cart.", problems=[Problem("id", "names no shopping cart")])


class CreateCart(Struct, frozen=True, kw_only=True):
    """Make a cart of the text of a body, in the form of `dialect`."""

    caller: Caller
    body: bytes
    dialect: Dialect


class ChangeCart(Struct, frozen=True, kw_only=True):
    """Change a cart: `change` takes the document as the dialect writes it and returns a new one.

    `wanted_versions`, here and below, are those that If-Match allows; None for any.
    """

    caller: Caller
    cart_id: str
    change: Callable[[dict[str, Any]], Any]
    dialect: Dialect
    wanted_versions: Collection[int] | None


class MergeCarts(Struct, frozen=True, kw_only=True):
    """Take everything of the cart `guest_id` into the cart `cart_id`, and remove the former."""

    caller: Caller
    cart_id: str
    guest_id: str
    wanted_versions: Collection[int] | None


class DeleteCart(Struct, frozen=True, kw_only=True):
    """Remove a cart."""

    caller: Caller
    cart_id: str
    wanted_versions: Collection[int] | None


async def create_cart(services: Services, command: CreateCart) -> store.CartRow:
    """Make a cart and return it.

    Raises InvalidBodyError (400) with every problem, BodyTooLargeError (413), TooManyRequestsError (429) when the tenant has too many.
    """
    cart_id, now = services.new_id(), services.clock()
    tenant, body = command.caller.tenant, command.body
    await _require_room(services, tenant)
    href = f"{command.caller.base_url}{CANONICAL_CARTS_PATH}/{cart_id}"
    # Of the document only its text is left while it is written: many requests wait for the disk at once.
    is_large = len(body) > LARGE_CHARACTERS_MIN
    content = await services.heavy.run(
        tenant, is_large, _new_cart, body, command.dialect, cart_id, href, services.settings, now
    )

    def insert(connection: Connection) -> None:
        store.insert(connection, tenant, cart_id, content, now, owner=command.caller.client)
        audit.record(connection, command.caller.deed("create", RESOURCE, cart_id, after=1), now)

    await services.database.write(insert)
    return store.CartRow(
        cart_id, 1, content.text, None, now, now, expires_at=content.expires_at, v4_complete=content.v4_complete
    )


async def _require_room(services: Services, tenant: str) -> None:
    carts_max = services.settings.limits.carts_max
    if not carts_max:
        return

    async def count() -> int:
        return await services.database.read(lambda connection: store.free_count(connection, tenant, carts_max))

    if not await services.carts_quota.is_free(tenant, carts_max, count, time.monotonic()):
        raise TooManyRequestsError(
            f"There are {carts_max} open carts already (limits.carts_max): delete or check out some, or wait until some expire.",
            headers={"Retry-After": "60"},
        )


def _new_cart(
    raw: bytes, dialect: Dialect, cart_id: str, href: str, settings: Settings, now: datetime
) -> store.CartContent:
    given = decode_object(raw, depth_max=settings.server.depth_max)
    document = {"id": cart_id, "href": href, **read_cart(given, dialect)}
    # What the client sent as id and href is ignored: the standard's own examples send them.
    document["id"], document["href"] = cart_id, href
    return complete_cart(document, settings, now=now, mandatory=dialect.is_canonical)


async def change_cart(services: Services, command: ChangeCart) -> store.CartRow:
    """Change the cart and return it as it is stored now.

    The change is worked out before the writer has its turn, which only looks whether the cart still is what it was made of: how
    long that takes is the client's choice, and nobody else waits for it. Changes of one cart take turns in this process.

    Raises NotFoundError (404), ConflictError (409) while a checkout holds the cart and when it has
    expired, PreconditionError (412), InvalidBodyError (400) when the result is not a cart or has another id.
    """
    caller, now = command.caller, services.clock()

    async def attempt() -> store.CartRow | None:
        row = await services.database.read_brief(lambda connection: _changeable(connection, command, lock=False))
        require_valid(row.expires_at, now)
        is_large = len(row.document) > LARGE_CHARACTERS_MIN
        done = await services.heavy.run(caller.tenant, is_large, _changed, row, command, services.settings, now)

        def store_if_same(connection: Connection) -> store.CartRow | None:
            current = _changeable(connection, command)
            if current.version != row.version:
                return None
            stored = _stored(connection, caller.tenant, row, done, now)
            if stored is not None:
                _audited(connection, command, "change", row.version, now)
            return stored

        return await services.database.write(store_if_same)

    return await _in_turn(services, command, attempt)


async def _in_turn(
    services: Services, command: ChangeCart | MergeCarts, attempt: Callable[[], Awaitable[store.CartRow | None]]
) -> store.CartRow:
    """Return what was stored when it was the cart's turn. An attempt returns None when another process was first: it is made again.

    Raises UnavailableError (503) when another one was first each time.
    """
    async with services.one_by_one.slot((command.caller.tenant, command.cart_id)):
        for _ in range(ATTEMPTS_MAX):
            if (stored := await attempt()) is not None:
                return stored
            await asyncio.sleep(random.uniform(0, PAUSE_SECONDS_MAX))  # noqa: S311 - jitter, no secret
    raise _contended()


def _changed(row: store.CartRow, command: ChangeCart, settings: Settings, now: datetime) -> store.CartContent:
    """Return what a change makes of a cart as it is stored."""
    dialect = command.dialect
    before = decode_stored(row.document)
    is_shown_as_stored = dialect.is_canonical and row.v4_complete
    shown = before if is_shown_as_stored else dialect.from_canonical(before)
    after = changed_cart(before, shown, command.change, dialect)
    earlier = Earlier(before, row.created_at, row.expiry_given)
    return complete_cart(after, settings, now=now, earlier=earlier, mandatory=dialect.is_canonical)


def _stored(
    connection: Connection, tenant: str, row: store.CartRow, content: store.CartContent, now: datetime
) -> store.CartRow | None:
    """Store the next version of a cart and return it; None when somebody else was first."""
    if not store.update(connection, tenant, row.id, row.version, content, now, before=row.document):
        return None
    return row._replace(
        version=row.version + 1,
        document=content.text,
        updated_at=now,
        expires_at=content.expires_at,
        expiry_given=content.expiry_given,
        v4_complete=content.v4_complete,
    )


def _audited(connection: Connection, command: ChangeCart | MergeCarts, action: str, before: int, now: datetime) -> None:
    deed = command.caller.deed(action, RESOURCE, command.cart_id, before=before, after=before + 1)
    audit.record(connection, deed, now)


def delete_cart(connection: Connection, command: DeleteCart, now: datetime) -> None:
    """Remove the cart; errors as `change_cart`."""
    for _ in range(ATTEMPTS_MAX):
        row = _changeable(connection, command)
        if store.delete(connection, command.caller.tenant, command.cart_id, row.version, now):
            audit.record(connection, command.caller.deed("delete", RESOURCE, row.id, before=row.version), now)
            return
    raise _contended()


async def merge_carts(services: Services, command: MergeCarts) -> store.CartRow:
    """Merge the carts and return the one that is left; worked out before the writer has its turn, as by `change_cart`.

    Raises RefusedError (422) when there is no such guest cart (any more), or both together are more than a cart may hold;
    for either cart ConflictError (409) while a checkout holds it and when it has expired; otherwise as `change_cart`.
    """
    tenant, now = command.caller.tenant, services.clock()
    if command.cart_id == command.guest_id:
        raise RefusedError(
            "A shopping cart cannot be merged into itself.", problems=[Problem(GUEST_PATH, "is the cart itself")]
        )

    async def attempt() -> store.CartRow | None:
        pair = await services.database.read_brief(lambda connection: _mergeable(connection, command, lock=False))
        for each in pair:
            require_valid(each.expires_at, now)
        is_large = sum(len(each.document) for each in pair) > LARGE_CHARACTERS_MIN
        done = await services.heavy.run(tenant, is_large, _merged, pair, services.settings, now)

        def store_if_same(connection: Connection) -> store.CartRow | None:
            row, guest = _mergeable(connection, command)
            if (row.version, guest.version) != (pair[0].version, pair[1].version):
                return None
            stored = _stored(connection, tenant, row, done, now)
            if stored is None or not store.delete(connection, tenant, guest.id, guest.version, now):
                # Raising takes back what the first of the two did.
                raise _contended()
            _audited(connection, command, "merge", row.version, now)
            merged_away = command.caller.deed("merge", RESOURCE, guest.id, before=guest.version)
            audit.record(connection, merged_away, now)
            return stored

        return await services.database.write(store_if_same)

    return await _in_turn(services, command, attempt)


def _mergeable(
    connection: Connection, command: MergeCarts, *, lock: bool = True
) -> tuple[store.CartRow, store.CartRow]:
    """Return the cart and the guest. Two merges at once take the carts in the same order, no matter which of them is the guest."""
    caller, cart_id, guest_id = command.caller, command.cart_id, command.guest_id
    found = {
        key: store.get(connection, caller.tenant, key, for_change=lock, owner=caller.owner_scope)
        for key in sorted((cart_id, guest_id))
    }
    row = _changeable(connection, command, lock=lock)
    guest = found[guest_id]
    if guest is None:
        raise RefusedError(
            "There is no such shopping cart to merge (any more).",
            problems=[Problem(GUEST_PATH, "is not a shopping cart; it may have been merged already")],
        )
    if guest.checkout_id is not None:
        raise held_by_checkout(connection, caller, guest.checkout_id)
    return row, guest


def _merged(pair: tuple[store.CartRow, store.CartRow], settings: Settings, now: datetime) -> store.CartContent:
    row, guest = pair
    before, taken_in = decode_stored(row.document), decode_stored(guest.document)
    try:
        return complete_cart(
            merged_carts(before, taken_in),
            settings,
            now=now,
            earlier=Earlier(before, row.created_at, row.expiry_given, (taken_in,)),
        )
    except (InvalidBodyError, BodyTooLargeError) as error:
        message = f"The two carts together are more than a cart may hold; nothing was changed. {error.message}"
        raise RefusedError(message, problems=error.problems) from None


def _changeable(
    connection: Connection, command: ChangeCart | DeleteCart | MergeCarts, *, lock: bool = True
) -> store.CartRow:
    tenant, wanted_versions = command.caller.tenant, command.wanted_versions
    row = store.get(connection, tenant, command.cart_id, for_change=lock, owner=command.caller.owner_scope)
    if row is None:
        raise not_found()
    if row.checkout_id is not None:
        raise held_by_checkout(connection, command.caller, row.checkout_id)
    if wanted_versions is not None and row.version not in wanted_versions:
        raise PreconditionError(
            "If-Match does not name the cart's current version: somebody changed it. Read it again and repeat.",
            problems=[Problem("If-Match", f'the current version is "{row.version}"')],
            headers={"ETag": f'"{row.version}"'},
        )
    return row


def _contended() -> UnavailableError:
    return UnavailableError(
        "The shopping cart is being changed by many at once; try again.", headers={"Retry-After": "1"}
    )
