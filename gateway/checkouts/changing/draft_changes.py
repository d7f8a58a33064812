"""What is asked of a draft: to change its request. It stays where its calls do, else it is abandoned and made again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from gateway.callers import Caller
from gateway.checkouts.accepting.consulting import AcceptRequest, frozen_cart, prepared_cart
from gateway.checkouts.accepting.prepare import same_but_header, same_calls
from gateway.checkouts.changing import header_changes
from gateway.checkouts.changing.changes import audited, change_locked, not_found, state_conflict
from gateway.checkouts.model import CheckoutRecord, Prepared, plan_hash
from gateway.checkouts.orders.events import attributes_changed
from gateway.checkouts.orders.ready import READY, ReadyOrder
from gateway.checkouts.row_changes import FRESH_DRAFT, WAITS_FOR_PARTY, because, without_reason
from gateway.checkouts.stored import step_store, store
from gateway.checkouts.stored.abandoned import AbandonedDraft, abandon
from gateway.checkouts.stored.keys import follow_parties
from gateway.errors import ConflictError, PreconditionError, Problem, RefusedError
from gateway.ordering import Finding
from gateway.ordering import Mapping as OrderMapping
from gateway.services import Services
from gateway.settings import Settings
from gateway.threads import LARGE_TO_TRANSLATE_BYTES_MIN
from gateway.tmf.json import decode_stored, encode_json
from gateway.tmf.merge_patch import merge_patch

# Documents that a change is made of: another one of them, and it is decided again.
_REVISED: Final = ("request", READY)
# A change is decided again when another one was stored meanwhile.
ATTEMPTS_MAX = 5


class ChangeDraft(Struct, frozen=True, kw_only=True):
    """Change the request of a draft by a merge patch; `if_match`: the versions of the checkout that may be changed, None for any."""

    caller: Caller
    checkout_id: str
    patch: dict[str, Any]
    if_match: frozenset[int] | None
    # Of an order that came ready: makes the changed order of the text of the one that is kept, None where nothing changes. Pure.
    revise: Callable[[str], ReadyOrder | None] | None = None


async def change_draft(services: Services, command: ChangeDraft) -> CheckoutRecord:
    """Change the request of a checkout that was not submitted (merge patch).

    Where the calls to the order system stay the same, its draft stays; where nothing but the header changes that a PATCH of the draft
    may set, that is set (`draft.header_attributes` of the mapping). Otherwise the draft that was made is abandoned, and a new
    one is made `checkout.redraft_seconds` after the last change: an order system lets few attributes of a draft be changed, and a
    new draft is exactly what a checkout with the changed request would have made. Errors: 409 when it was submitted or has ended,
    412 when it changed, 422 when the result cannot be ordered.
    """
    for _ in range(ATTEMPTS_MAX):
        row = await services.database.read(lambda connection: _load(connection, command))
        if row is None:
            raise not_found()
        changed = await _changed_draft(services, command, *row)
        if changed is not None:
            services.work_due.notify()
            return changed
    raise ConflictError("The checkout is being changed by many at once; try again.", headers={"Retry-After": "1"})


async def _changed_draft(
    services: Services, command: ChangeDraft, record: CheckoutRecord, stored: dict[str, str]
) -> CheckoutRecord | None:
    """Change a checkout that was just read; None when its request was changed meanwhile."""
    base_url, tenant = command.caller.base_url, command.caller.tenant
    _require_changeable(record, base_url)
    if command.if_match is not None and record.version not in command.if_match:
        raise PreconditionError(
            "If-Match does not name the checkout's current version: it changed. Read it again and repeat.",
            problems=[Problem("If-Match", f'the current version is "{record.version}"')],
            headers={"ETag": f'"{record.version}"'},
        )
    mapping = services.mappings.get(record.mapping)
    if mapping is None:
        raise state_conflict(record, f"its mapping {record.mapping} is not configured any more", base_url)
    large = len(stored["cart"]) > LARGE_TO_TRANSLATE_BYTES_MIN
    revised = await services.heavy.run(tenant, large, _revised, command, stored)
    if revised is None:
        return record
    asked = AcceptRequest(
        tenant,
        record.upstream,
        mapping,
        decode_stored(revised.cart),
        revised.request,
        large,
        is_draft=True,
        told=revised.told,
    )
    at = services.clock()
    # A change of the request adds no item: the evidence that was confirmed when it was accepted still is about the same ones.
    prepared, documents = await frozen_cart(services, asked, qualify=command.revise is not None, now=at)
    earlier = asked._replace(request=decode_stored(stored["request"]), cart=decode_stored(stored["cart"]))
    difference = await _difference(services, record, earlier, prepared, at)

    def decide(connection: Connection, current: CheckoutRecord, now: datetime) -> bool:
        _require_changeable(current, base_url)
        kept = store.documents(connection, tenant, current.id, _REVISED)
        if any(kept.get(kind) != stored.get(kind) for kind in _REVISED) or (
            command.if_match is not None and current.version != record.version
        ):
            return False
        store.put_documents(connection, tenant, current.id, revised.beside)
        if difference == "none":
            told = {kind: document for kind, document in documents.items() if kind in ("request", "findings")}
            store.put_documents(connection, tenant, current.id, told)
            store.change(connection, current, {}, now)
        elif difference == "header" and (plan := header_changes.plan_in_place(connection, current)) is not None:
            header_changes.set_header(
                connection, current, plan, documents, now, services.settings.checkout.redraft_seconds
            )
        else:
            if mapping.draft.supported and current.first_sent_at is not None:
                _require_another_draft(current, services.settings, base_url)
            _redraft(connection, current, prepared, documents, mapping, now, services.settings)
        follow_parties(connection, current, {"request": documents["request"], "cart": revised.cart.encode()})
        fresh = store.get(connection, tenant, current.id)
        assert fresh is not None, "it is locked by this transaction"
        attributes_changed(connection, fresh, command.patch, now)
        audited(
            connection, command.caller, "change", current, now, detail=f"changed: {', '.join(sorted(command.patch))}"
        )
        return True

    done: list[bool] = []
    changed = await change_locked(
        services, command.caller, command.checkout_id, lambda *given: done.append(decide(*given))
    )
    return changed if done[-1] else None


class _Revised(NamedTuple):
    """What a draft is to become: its request and its cart, documents that are kept beside, what is told of a ready order."""

    request: dict[str, Any]
    cart: str
    beside: dict[str, bytes]
    told: tuple[Finding, ...] | None


def _revised(command: ChangeDraft, stored: dict[str, str]) -> _Revised | None:
    """Return what a change makes of the documents as they are stored; None where it changes nothing. Pure."""
    before = decode_stored(stored["request"])
    if command.revise is not None:
        ready = command.revise(stored[READY])
        if ready is None:
            return None
        request = {name: value for name, value in ready.request.items() if name != "shoppingCart"}
        cart = encode_json(ready.request["shoppingCart"])
        return _Revised(request, cart.decode(), {READY: encode_json(ready.kept), "cart": cart}, ready.findings)
    request = merge_patch(before, command.patch)
    if request == before:
        return None
    if READY not in stored:
        return _Revised(request, stored["cart"], {}, None)
    kept = merge_patch(decode_stored(stored[READY]), command.patch)
    return _Revised(request, stored["cart"], {READY: encode_json(kept)}, ())


async def _difference(
    services: Services, record: CheckoutRecord, asked: AcceptRequest, prepared: Prepared, now: datetime
) -> Literal["none", "header", "other"]:
    """Tell what the calls of `prepared` differ in from those that the request as it was (`asked`) makes: a draft made of it may stay."""
    mapping = asked.mapping
    if record.first_sent_at is None or record.mapping_hash != (mapping.hash or None):
        return "other"
    try:
        earlier = await prepared_cart(services, asked, qualify=False, now=now)
    except (RefusedError, ConflictError):
        return "other"  # what was accepted then is refused today: it is made as it is accepted now
    if await services.heavy.run(asked.tenant, asked.large, same_calls, earlier, prepared, mapping):
        return "none"
    return "header" if same_but_header(earlier, prepared, mapping) else "other"


def _load(connection: Connection, command: ChangeDraft) -> tuple[CheckoutRecord, dict[str, str]] | None:
    caller = command.caller
    record = store.get(connection, caller.tenant, command.checkout_id, owner=caller.owner_scope)
    if record is None:
        return None
    return record, store.documents(connection, caller.tenant, record.id, (*_REVISED, "cart"))


def _require_changeable(record: CheckoutRecord, base_url: str) -> None:
    if record.state not in {"accepted", "drafting", "draft"} or record.submit or record.cancel_requested:
        raise state_conflict(record, "only a draft that was not submitted can be changed", base_url)


def _require_another_draft(record: CheckoutRecord, settings: Settings, base_url: str) -> None:
    """Raise 409 for a checkout that was drafted as often as it may be: each of its drafts stays in the order system."""
    drafts = record.generation + 1
    if drafts >= settings.submission.generations_max:
        raise state_conflict(
            record,
            f"it was drafted {drafts} times, and each draft stays in the order system "
            "(submission.generations_max); cancel it and check out again",
            base_url,
        )


def _redraft(
    connection: Connection,
    record: CheckoutRecord,
    prepared: Prepared,
    documents: dict[str, bytes],
    mapping: OrderMapping,
    now: datetime,
    settings: Settings,
) -> None:
    begun = mapping.draft.supported and record.first_sent_at is not None
    store.put_documents(connection, record.tenant, record.id, {**documents, "lines": b"{}"})
    if begun:
        draft = AbandonedDraft(marker=record.marker, order_id=record.order_id)
        abandon(connection, record, [draft], now, settings.submission.cleanup_seconds[0])
    else:
        step_store.forget_steps(connection, record)
    reason = because("queued", "the request changed; the draft is made of all changes together, shortly after the last")
    supported = mapping.draft.supported
    store.change(
        connection,
        record,
        {
            "state": "drafting" if supported else "draft",
            "generation": record.generation + 1 if begun else record.generation,
            "plan_hash": plan_hash(documents),
            "mapping_hash": mapping.hash or None,
            "steps_total": len(prepared.plan.steps),
            **FRESH_DRAFT,
            **(reason if supported and settings.checkout.redraft_seconds else without_reason()),
            "mismatches": 0,
            "due_at": now + timedelta(seconds=settings.checkout.redraft_seconds if supported else 0.0),
            # A worker that still holds the lease of the old draft must not write to the new one.
            "fence": record.fence + 1,
            "lease_until": now,
            **(WAITS_FOR_PARTY if prepared.waits_for_party else {}),
        },
        now,
    )
    fresh = store.get(connection, record.tenant, record.id)
    assert fresh is not None, "it was just changed"
    step_store.plan_steps(connection, fresh, prepared.plan, [len(step.item_ids) for step in prepared.plan.steps])
