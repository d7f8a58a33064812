"""Accepting a checkout: everything is decided and frozen first, then stored in one transaction, then answered 202."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.callers import Caller
from gateway.carts import holding
from gateway.carts.after_order import CHECKOUT_PATH, go_on, remainder_reference
from gateway.checkouts.accepting.consulting import AcceptRequest, frozen_cart
from gateway.checkouts.accepting.snapshot import Snapshot, snapshot
from gateway.checkouts.model import CheckoutRecord, Prepared, plan_hash, request_hash
from gateway.checkouts.orders.ready import READY, ReadyOrder, same_order
from gateway.checkouts.request import external_id_of, is_by_value, wanted_upstream
from gateway.checkouts.row_changes import FRESH_DRAFT, WAITS_FOR_PARTY
from gateway.checkouts.stored import recovering, store
from gateway.checkouts.stored.after_order import LIVE, REMAINDER, remainder_of
from gateway.documents import Json, JsonObject
from gateway.errors import (
    ConflictError,
    InvalidBodyError,
    Problem,
    RefusedError,
    TooManyRequestsError,
)
from gateway.logs import correlation, trace_parent
from gateway.services import Services
from gateway.storage import audit
from gateway.storage.tables import EPOCH
from gateway.threads import LARGE_TO_TRANSLATE_BYTES_MIN
from gateway.tmf.json import decode_stored, encode_json

# Times the whole is begun again because the cart changed, or an equal request was faster, while it was being prepared.
ROUNDS_MAX = 8


class Accept(Struct, frozen=True, kw_only=True):
    """Check a cart out: a checked request, the Idempotency-Key, and the versions of the cart that If-Match allows (None: any)."""

    caller: Caller
    request: dict[str, Any]
    idempotency_key: str | None
    if_match: frozenset[int] | None
    # An order that came ready, of which `request` was made.
    ready: ReadyOrder | None = None


class Accepted(NamedTuple):
    """The checkout, and whether an earlier request with the same Idempotency-Key had made it."""

    record: CheckoutRecord
    replayed: bool


def upstream_of(services: Services, tenant: str, request: Mapping[str, Any]) -> str:
    """Return the upstream that a request names, or the default; InvalidBodyError (400) when the tenant has none such."""
    upstreams = [name for name, upstream in services.settings.upstreams.items() if upstream.serves(tenant)]
    named = wanted_upstream(request, services.settings, tenant)
    if named not in upstreams:
        if not upstreams:
            raise InvalidBodyError(
                [
                    Problem(
                        "upstream",
                        "cannot be chosen: no order system is configured here ([upstreams.NAME] in the settings)",
                    )
                ]
            )
        known = ", ".join(sorted(upstreams))
        what = "is not configured" if named is not None else "must be given, there is no default"
        raise InvalidBodyError([Problem("upstream", f"{what}; there are: {known}")])
    return str(named)


async def accept(services: Services, command: Accept) -> Accepted:
    """Accept a checked request, or return the checkout that the same key made before.

    Errors: 400 unknown upstream, 404 unknown cart, 409 cart held by another checkout or other totals than expected,
    412 another version of the cart, 422 same key with another request, or a cart that cannot be ordered, 429 too many open.
    Nothing is stored unless it is accepted.
    """
    caller, request = command.caller, command.request
    key = caller.idempotency_key(command.idempotency_key)
    fingerprint = await services.heavy.run(caller.tenant, is_large(request), request_hash, request)
    for _ in range(ROUNDS_MAX):
        if (earlier := await _replay(services, command, key, fingerprint)) is not None:
            return Accepted(earlier, replayed=True)
        found = await snapshot(services, caller, request, command.if_match)
        to_order = accept_request(services, caller.tenant, request, found, command.ready)
        prepared, documents = await frozen_cart(services, to_order)
        documents["cart"] = found.document.encode()
        if command.ready is not None:
            documents[READY] = encode_json(command.ready.kept)
        documents |= await _remainder(services, caller, found, prepared)
        record = _new_record(services, command, to_order, found, plan_hash(documents))
        record = replace(record, request_hash=fingerprint, steps_total=len(prepared.plan.steps))
        if prepared.waits_for_party:
            record = replace(record, **WAITS_FOR_PARTY)
        stored = await _store(services, command, record, prepared, documents)
        if stored is not None:
            services.work_due.notify()
            return Accepted(stored, replayed=False)
    raise ConflictError(
        "The cart keeps changing while it is being checked out; try again.", headers={"Retry-After": "1"}
    )


async def _remainder(services: Services, caller: Caller, found: Snapshot, prepared: Prepared) -> dict[str, bytes]:
    """Return the document of the cart in which a stored cart's items go on that are saved for later, if there are such."""
    is_reopened = services.settings.checkout.ordered_cart == "reopen"
    if found.stored is None or not (is_reopened or any(each.code == "left_behind" for each in prepared.findings)):
        return {}
    large = len(found.stored) > LARGE_TO_TRANSLATE_BYTES_MIN
    cart, new_id, now = decode_stored(found.stored), services.new_id(), services.clock()
    made = await services.heavy.run(
        caller.tenant, large, remainder_of, cart, prepared.findings, new_id, caller.base_url, services.settings, now
    )
    return {} if made is None else {REMAINDER: made}


def is_large(request: Mapping[str, Json]) -> bool:
    """Tell whether a request may take long to work on: it carries a cart."""
    cart = request.get("shoppingCart")
    items = cart.get("cartItem") if isinstance(cart, dict) else None
    return isinstance(items, list) and len(items) > 0


def accept_request(
    services: Services, tenant: str, request: JsonObject, found: Snapshot, ready: ReadyOrder | None = None
) -> AcceptRequest:
    """Return what is to be ordered, and where. Raises InvalidBodyError (400) when there is no such upstream."""
    upstream = upstream_of(services, tenant, request)
    mapping = services.mappings[services.settings.upstreams[upstream].mapping]
    large = len(found.document) > LARGE_TO_TRANSLATE_BYTES_MIN
    is_draft = not request.get("submit", services.settings.checkout.submit_default)
    told = None if ready is None else ready.findings
    return AcceptRequest(tenant, upstream, mapping, decode_stored(found.document), request, large, is_draft, told)


async def _replay(services: Services, command: Accept, key: str | None, fingerprint: str) -> CheckoutRecord | None:
    """Return the checkout that the same request made before, known by its key or by the external id of a ready order."""
    caller = command.caller
    external_id = None if command.ready is None else external_id_of(command.request)

    def function(connection: Connection) -> CheckoutRecord | None:
        found = None if key is None else store.get_by_key(connection, caller.tenant, key)
        if found is None and external_id is not None:
            return store.get_by_external_id(connection, caller.tenant, caller.client, external_id)
        return found

    if key is None and external_id is None:
        return None
    earlier = await services.database.read_brief(function)
    if earlier is not None and earlier.request_hash != fingerprint:
        if command.ready is not None:
            if await _is_same_order(services, earlier, command.ready, large=is_large(command.request)):
                return earlier
            raise _other_order(earlier, key, caller.base_url)
        raise RefusedError(
            "This Idempotency-Key was used for a different request; use a new key for a new request.",
            problems=[Problem("Idempotency-Key", "belongs to a different request")],
            extension={"referenceError": f"{caller.base_url}{CHECKOUT_PATH}/{earlier.id}"},
        )
    return earlier


async def _is_same_order(services: Services, earlier: CheckoutRecord, ready: ReadyOrder, *, large: bool) -> bool:
    """Tell whether a ready order is the earlier one in the words of another version."""
    stored = await services.database.read(
        lambda connection: store.documents(connection, earlier.tenant, earlier.id, (READY,))
    )
    if READY not in stored:
        return False
    return await services.heavy.run(earlier.tenant, large, lambda: same_order(decode_stored(stored[READY]), ready.kept))


def _other_order(earlier: CheckoutRecord, key: str | None, base_url: str) -> ConflictError:
    """Return the error for an order whose Idempotency-Key or external id belongs to another one."""
    by_key = key is not None and earlier.idempotency_key == key
    name = "Idempotency-Key" if by_key else "externalId"
    return ConflictError(
        f"The {name} was used for another order, {earlier.id}: use a new one for a new order, or repeat that order as it was.",
        problems=[Problem(name, "belongs to another order")],
        extension={"referenceError": f"{base_url}{CHECKOUT_PATH}/{earlier.id}"},
    )


def _new_record(
    services: Services, command: Accept, to_order: AcceptRequest, found: Snapshot, hash_of_plan: str
) -> CheckoutRecord:
    """Return the record; its times are set by the database's clock when it is stored."""
    request, mapping = command.request, to_order.mapping
    return CheckoutRecord(
        tenant=command.caller.tenant,
        id=services.new_id(),
        state="accepted",
        status_reason=None,
        external_id=external_id_of(request),
        upstream=to_order.upstream,
        mapping=mapping.name,
        mapping_hash=mapping.hash or None,
        cart_id=found.cart_id,
        cart_version=found.version,
        cart_live=found.cart_id is not None,
        cart_scope=found.scope,
        owner=command.caller.client,
        correlation_id=asked.decode("latin-1") if (asked := correlation.get()) is not None else None,
        trace_parent=trace_parent.get(),
        source="shoppingCart" if command.ready is None else READY,
        idempotency_key=command.caller.idempotency_key(command.idempotency_key),
        request_hash="",
        submit=request.get("submit", services.settings.checkout.submit_default),
        cancel_requested=False,
        marker_root=new_marker_root(),
        generation=0,
        plan_hash=hash_of_plan,
        steps_total=0,
        **FRESH_DRAFT,
        mismatches=0,
        submit_intent_order=None,
        fence=0,
        lease_owner=None,
        lease_until=EPOCH,
        due_at=EPOCH,
        claims_without_progress=0,
        track_due_at=None,
        track_attempt=0,
        version=1,
        created_at=EPOCH,
        updated_at=EPOCH,
    )


def new_marker_root() -> str:
    """Return 16 characters that nobody can guess: the part of the marker that all drafts of a checkout share."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


async def _store(
    services: Services, command: Accept, record: CheckoutRecord, prepared: Prepared, documents: dict[str, bytes]
) -> CheckoutRecord | None:
    """Store it all in one transaction; None when something changed meanwhile and the whole must be looked at again."""
    caller, by_value = command.caller, is_by_value(command.request["shoppingCart"])
    item_counts = [len(step.item_ids) for step in prepared.plan.steps]
    open_max = services.settings.checkout.open_max

    def function(connection: Connection) -> CheckoutRecord | None:
        if record.idempotency_key is not None and store.get_by_key(connection, record.tenant, record.idempotency_key):
            return None
        if record.source == READY and record.external_id is not None and _is_taken(connection, record):
            return None
        if store.open_count(connection, record.tenant, open_max) >= open_max:
            raise TooManyRequestsError(
                f"{open_max} checkouts are waiting or under way; try again later.", headers={"Retry-After": "30"}
            )
        now = services.database.now(connection)
        if record.cart_id is not None:
            if not _is_free(connection, record, record.cart_id, caller):
                return None
            # A cart by value may be a copy of a stored one, which is then held as well, in whatever version it is.
            locked = not record.cart_scope and holding.lock(
                connection, record.tenant, record.cart_id, record.id, record.cart_version, now=now
            )
            if not locked and not by_value:
                return None
        due_at = None if prepared.waits_for_party else now
        recover_since = recovering.is_open(connection, record.upstream)
        timed = replace(record, due_at=due_at, created_at=now, updated_at=now, recover_since=recover_since)
        store.insert_checkout(connection, timed, prepared.plan, documents, item_counts)
        audit.record(connection, caller.deed("create", "checkout", record.id, after=timed.version), now)
        return timed

    try:
        return await services.database.write(function)
    except IntegrityError:
        # Another replica was faster with the same key or the same cart: the next round finds what it stored.
        return None


def _is_taken(connection: Connection, record: CheckoutRecord) -> bool:
    """Tell whether the client has given another ready order the same external id."""
    taken = store.get_by_external_id(connection, record.tenant, record.owner or "", record.external_id or "")
    return taken is not None


def _is_free(connection: Connection, record: CheckoutRecord, cart_id: str, caller: Caller) -> bool:
    """Tell whether nobody checks the cart out; False when the very same request was faster just now.

    Raises ConflictError (409) when another checkout holds it.
    """
    live = store.live_of_cart(connection, record.tenant, cart_id, record.cart_scope)
    if live is None:
        return True
    if record.idempotency_key is None or live.idempotency_key != record.idempotency_key:
        problems = [Problem("shoppingCart.id", "is held by another checkout")]
        if caller.owner_scope not in {None, live.owner}:
            raise ConflictError("The cart is checked out already, by another client.", problems=problems)
        href = f"{caller.base_url}{CHECKOUT_PATH}/{live.id}"
        why = (
            f"The cart has been ordered, by checkout {live.id} ({live.state}): see {href}. {go_on(live.remainder_cart_id)}"
            if live.state in LIVE
            else f"The cart is checked out already, by checkout {live.id} ({live.state}): see {href}."
        )
        raise ConflictError(
            why,
            problems=problems,
            extension={"referenceError": href, **remainder_reference(live.remainder_cart_id, caller.base_url)},
        )
    return False
