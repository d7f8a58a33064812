"""Accepting a checkout: everything is decided and frozen first, then stored in one transaction, then answered 202."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.carts import store as carts
from gateway.carts.dialects.forms import unmarked_text
from gateway.carts.validity import require_valid
from gateway.checkouts import store
from gateway.checkouts.accepting.preparing import Wish, frozen_cart
from gateway.checkouts.model import CheckoutRecord, Prepared, plan_hash, request_hash
from gateway.checkouts.request import is_by_value, wanted_upstream
from gateway.checkouts.row_changes import FRESH_DRAFT
from gateway.errors import (
    ConflictError,
    InvalidBodyError,
    NotFoundError,
    PreconditionError,
    Problem,
    RefusedError,
    TooManyRequestsError,
)
from gateway.ordering import Mapping as OrderMapping
from gateway.services import Services
from gateway.storage.tables import EPOCH
from gateway.threads import LARGE_BYTES_MIN, beside
from gateway.tmf.json import decode_stored, encode_json

CHECKOUT_PATH = "/tmf-api/checkoutManagement/v1/checkout"
# Times the whole is begun anew because the cart changed, or an equal request was faster, while it was being prepared.
ROUNDS_MAX = 8


class Accepted(NamedTuple):
    """The checkout, and whether an earlier request with the same Idempotency-Key had made it."""

    record: CheckoutRecord
    replayed: bool


class Snapshot(NamedTuple):
    """The cart to be ordered: its id and version when it is stored here, and its document."""

    cart_id: str | None
    version: int | None
    document: str


def upstream_of(services: Services, request: Mapping[str, Any]) -> str:
    """Return the upstream that a request names, or the default; InvalidBodyError (400) when there is none such."""
    upstreams = services.settings.upstreams
    named = wanted_upstream(request, services.settings)
    if named not in upstreams:
        known = ", ".join(sorted(upstreams)) or "none is configured"
        what = "is not configured" if named is not None else "must be given, there is no default"
        raise InvalidBodyError([Problem("upstream", f"{what}; there are: {known}")])
    return str(named)


async def accept(
    services: Services,
    tenant: str,
    request: dict[str, Any],
    *,
    idempotency_key: str | None,
    if_match: frozenset[int] | None,
    base_url: str,
) -> Accepted:
    """Accept a checked request, or return the checkout that the same key made before.

    `base_url` is what clients put before the paths, for a reference to a checkout that is in the way.

    Errors: 400 unknown upstream, 404 unknown cart, 409 cart held by another checkout or other totals than expected,
    412 another version of the cart, 422 same key with another request, or a cart that cannot be ordered, 429 too many open.
    Nothing is stored unless it is accepted.
    """
    large = is_large(request)
    fingerprint = await beside(large, request_hash, request)
    for _ in range(ROUNDS_MAX):
        if idempotency_key is not None:
            earlier = await _replay(services, tenant, idempotency_key, fingerprint, base_url)
            if earlier is not None:
                return Accepted(earlier, replayed=True)
        upstream = upstream_of(services, request)
        mapping = services.mappings[services.settings.upstreams[upstream].mapping]
        shot = await snapshot(services, tenant, request, if_match)
        cart = decode_stored(shot.document)
        wish = Wish(tenant, upstream, mapping, cart, request, large=len(shot.document) > LARGE_BYTES_MIN)
        prepared, documents = await frozen_cart(services, wish)
        record = _new_record(
            services, tenant, request, upstream, mapping, shot, prepared, documents, fingerprint, idempotency_key
        )
        documents["cart"] = shot.document.encode()
        by_value = is_by_value(request["shoppingCart"])
        stored = await _store(services, record, prepared, documents, by_value=by_value, base_url=base_url)
        if stored is not None:
            services.work_due.ring()
            return Accepted(stored, replayed=False)
    raise ConflictError(
        "The cart keeps changing while it is being checked out; try again.", headers={"Retry-After": "1"}
    )


def is_large(request: Mapping[str, Any]) -> bool:
    """Tell whether a request may take long to work on: it carries a cart."""
    cart = request.get("shoppingCart")
    items = cart.get("cartItem") if isinstance(cart, dict) else None
    return isinstance(items, list) and len(items) > 0


async def _replay(services: Services, tenant: str, key: str, fingerprint: str, base_url: str) -> CheckoutRecord | None:
    earlier = await services.database.read_brief(lambda connection: store.get_by_key(connection, tenant, key))
    if earlier is not None and earlier.request_hash != fingerprint:
        raise RefusedError(
            "This Idempotency-Key was used for a different request; use a new key for a new request.",
            problems=[Problem("Idempotency-Key", "belongs to a different request")],
            extension={"referenceError": f"{base_url}{CHECKOUT_PATH}/{earlier.id}"},
        )
    return earlier


async def snapshot(
    services: Services, tenant: str, request: dict[str, Any], if_match: frozenset[int] | None
) -> Snapshot:
    """Return the cart that a request names or carries. Errors: 404 unknown cart, 409 expired, 412 another version."""
    given = request["shoppingCart"]
    if is_by_value(given):
        if if_match is not None:
            raise PreconditionError(
                "If-Match is for a stored cart; a cart that is sent whole has no version here: leave the header out.",
                problems=[Problem("If-Match", "belongs to a stored cart; this one is sent whole")],
            )
        return Snapshot(given.get("id"), None, encode_json(given).decode())
    cart_id = given["id"]
    row = await services.database.read_brief(lambda connection: carts.get(connection, tenant, cart_id))
    if row is None:
        raise NotFoundError(
            "There is no such cart; give the id of a stored cart, or a whole cart.",
            problems=[Problem("shoppingCart.id", "names no cart")],
        )
    if if_match is not None and row.version not in if_match:
        raise PreconditionError(
            "If-Match does not name the cart's current version: somebody changed it. Show it again before checking out.",
            problems=[Problem("If-Match", f'the current version is "{row.version}"')],
            headers={"ETag": f'"{row.version}"'},
        )
    require_valid(row.expires_at, services.clock())
    # What the dialects of carts keep for their own clients is nothing to an order system.
    return Snapshot(row.id, row.version, unmarked_text(row.document))


def _new_record(  # noqa: PLR0917 - it is called once, just above
    services: Services,
    tenant: str,
    request: dict[str, Any],
    upstream: str,
    mapping: OrderMapping,
    snapshot: Snapshot,
    prepared: Prepared,
    documents: Mapping[str, bytes],
    fingerprint: str,
    idempotency_key: str | None,
) -> CheckoutRecord:
    """Return the record; its times are set by the database's clock when it is stored."""
    return CheckoutRecord(
        tenant=tenant,
        id=services.new_id(),
        state="accepted",
        status_reason=None,
        external_id=request.get("externalId"),
        upstream=upstream,
        mapping=mapping.name,
        mapping_hash=mapping.hash or None,
        cart_id=snapshot.cart_id,
        cart_version=snapshot.version,
        cart_live=snapshot.cart_id is not None,
        idempotency_key=idempotency_key,
        request_hash=fingerprint,
        submit=request.get("submit", services.settings.checkout.submit_default),
        cancel_requested=False,
        marker_root=new_marker_root(),
        generation=0,
        plan_hash=plan_hash(documents),
        steps_total=len(prepared.plan.steps),
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
    services: Services,
    record: CheckoutRecord,
    prepared: Prepared,
    documents: dict[str, bytes],
    *,
    by_value: bool,
    base_url: str,
) -> CheckoutRecord | None:
    """Store it all in one transaction; None when something changed meanwhile and the whole must be looked at again."""
    item_counts = [len(step.item_ids) for step in prepared.plan.steps]
    open_max = services.settings.checkout.open_max

    def function(connection: Connection) -> CheckoutRecord | None:
        if record.idempotency_key is not None and store.get_by_key(connection, record.tenant, record.idempotency_key):
            return None
        if store.open_count(connection, record.tenant, open_max) >= open_max:
            raise TooManyRequestsError(
                f"{open_max} checkouts are waiting or under way; try again later.", headers={"Retry-After": "30"}
            )
        if record.cart_id is not None:
            if not _is_free(connection, record, record.cart_id, base_url):
                return None
            # A cart by value may be a copy of a stored one, which is then held as well, in whatever version it is.
            locked = carts.lock(connection, record.tenant, record.cart_id, record.id, record.cart_version)
            if not locked and not by_value:
                return None
        now = services.database.now(connection)
        timed = replace(record, due_at=now, created_at=now, updated_at=now)
        store.insert_checkout(connection, timed, prepared.plan, documents, item_counts)
        return timed

    try:
        return await services.database.write(function)
    except IntegrityError:
        # Another replica was faster with the same key or the same cart: the next round finds what it stored.
        return None


def _is_free(connection: Connection, record: CheckoutRecord, cart_id: str, base_url: str) -> bool:
    """Tell whether nobody checks the cart out; False when the very same request was faster just now.

    Raises ConflictError (409) when another checkout holds it.
    """
    live = store.live_of_cart(connection, record.tenant, cart_id)
    if live is None:
        return True
    if record.idempotency_key is None or live.idempotency_key != record.idempotency_key:
        href = f"{base_url}{CHECKOUT_PATH}/{live.id}"
        raise ConflictError(
            f"The cart is checked out already, by checkout {live.id} ({live.state}): see {href}.",
            problems=[Problem("shoppingCart.id", "is held by another checkout")],
            extension={"referenceError": href},
        )
    return False
