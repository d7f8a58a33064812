"""The way from a cart to the end of its order: carts, checkouts, submission, tracking."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.settings.base import setting


class CartSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shopping carts."""

    items_max: Annotated[int, setting("items of one cart, nested ones included", ge=1, le=100_000)] = 2_000
    text_characters_max: Annotated[int, setting("longest text in a document", ge=64, le=1_000_000)] = 4_096
    characteristics_max: Annotated[int, setting("characteristics of one item", ge=1, le=10_000)] = 200
    if_match_required: Annotated[bool, setting("changing a cart needs If-Match (428 without)")] = False
    v1_patch_status: Annotated[
        Literal[200, 201], setting("answer to a PATCH in v1: 201 as in the R17 specification, or 200 as since v2")
    ] = 201
    valid_days: Annotated[
        float,
        setting("how long a cart is valid after its last change, unless its client says otherwise", gt=0, le=36_500),
    ] = 90.0
    valid_empty_days: Annotated[float, setting("the same while it is empty", gt=0, le=36_500)] = 7.0
    expired_kept_days: Annotated[
        float, setting("how long an expired cart can still be read before it is removed", ge=0, le=36_500)
    ] = 7.0
    sweep_seconds: Annotated[float, setting("time between two searches for expired carts", ge=1, le=86_400)] = 300.0
    sweep_carts_max: Annotated[int, setting("expired carts removed by one search", ge=1, le=1_000_000)] = 10_000


class CheckoutSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checkouts: what happens between cart and order."""

    default_upstream: Annotated[
        str, setting("upstream of a checkout that names none; empty: the only one there is")
    ] = ""
    submit_default: Annotated[bool, setting("submit when the request does not say")] = True
    draft_days: Annotated[
        float,
        setting("how long a draft that nobody touches is kept before it is cancelled; 0: for ever", ge=0, le=36_500),
    ] = 90.0
    ordered_cart: Annotated[
        Literal["close", "reopen"],
        setting(
            "what becomes of a cart once its order is live: `close` keeps it as it was ordered, and what was saved for later goes on in a "
            "new cart; `reopen` takes out of it what was ordered, and it is open again, with what was saved for later or empty"
        ),
    ] = "close"
    redraft_seconds: Annotated[
        float,
        setting(
            "how long after the last change of a draft's request the new draft is begun: changes that follow each other make one",
            ge=0,
            le=600,
        ),
    ] = 2.0
    require_qualification: Annotated[
        bool,
        setting(
            "items to be added need evidence: a productOfferingQualification of the request, which `[qualification]` can "
            "have confirmed"
        ),
    ] = False
    idempotency_key_required: Annotated[bool, setting("a checkout without Idempotency-Key is refused")] = False
    open_max: Annotated[int, setting("checkouts of one tenant waiting or under way", ge=1, le=1_000_000)] = 10_000
    price_tolerance: Annotated[
        float,
        setting(
            "difference of a total from expectedTotalPrice that is accepted, in the currency's unit; what a total is rounded by "
            "at the currency's digits (ISO 4217: EUR 2, JPY 0, KWD 3) always is",
            ge=0,
        ),
    ] = 0.0
    price_tolerance_by_currency: Annotated[
        dict[str, Annotated[float, Meta(ge=0)]],
        setting("the same for single currencies: `{ JPY = 1, KWD = 0.005 }`"),
    ] = {}
    implausible_prices: Annotated[
        Literal["tell", "refuse"],
        setting(
            "a negative price or total, or one above `price_amount_max`, is told by a finding, or refuses the checkout"
        ),
    ] = "tell"
    price_amount_max: Annotated[float, setting("an amount above this is implausible, in the currency's unit", gt=0)] = (
        1e12
    )
    drift_action: Annotated[
        Literal["off", "hold", "go-on"],
        setting(
            "before an order is submitted, its prices in the order system are compared with the cart's totals: `hold` the "
            "checkout when they differ until an operator submits or cancels it, `go-on` with a finding, or do not compare"
        ),
    ] = "off"
    drift_not_comparable: Annotated[
        Literal["hold", "go-on"],
        setting(
            'with `drift_action = "hold"`: what to do when prices cannot be compared, because one side names them with tax and '
            "the other without, or the order system shows none: `hold` the checkout as for a difference, or `go-on` with a finding"
        ),
    ] = "hold"
    drift_tolerance_amount: Annotated[
        float, setting("difference of one total that is accepted, in the currency's unit", ge=0)
    ] = 0.01
    drift_tolerance_by_currency: Annotated[
        dict[str, Annotated[float, Meta(ge=0)]],
        setting("the same for single currencies: `{ JPY = 1, KWD = 0.005 }`"),
    ] = {}
    drift_tolerance_percent: Annotated[
        float, setting("the same in percent of the cart's total; the larger of the two counts", ge=0, le=100)
    ] = 0.0
    live_mismatch: Annotated[
        Literal["finding", "hold"],
        setting(
            "a live order that is not what was sent: go on with a finding of severity error, or `hold` the checkout until an "
            "operator decides"
        ),
    ] = "finding"
    price_lower_accepted: Annotated[bool, setting("a total lower than expectedTotalPrice is accepted")] = True


class SubmissionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker that performs the steps."""

    concurrency_max: Annotated[int, setting("checkouts worked on at once by this process", ge=1, le=1_000)] = 16
    lease_seconds: Annotated[float, setting("how long a claimed checkout is this worker's", ge=1, le=3600)] = 60.0
    poll_seconds: Annotated[
        float, setting("how often due work is looked for when nothing wakes the worker", gt=0, le=60)
    ] = 1.0
    guard_seconds: Annotated[float, setting("safety margin between deadline and lease", ge=0.1, le=60)] = 5.0
    settle_seconds: Annotated[
        float,
        setting(
            "after the deadline of a call: how long the order system may take to show what it did. A submission whose answer was lost "
            "is sent again when the order is a draft still after that; make it longer than the oldest state that reads may show",
            ge=0.1,
        ),
    ] = 15.0
    retry_seconds: Annotated[
        tuple[float, ...],
        setting("waits between attempts that provably had no effect; the last one repeats", min_length=1),
    ] = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
    probe_seconds: Annotated[
        tuple[float, ...],
        setting("waits between looks for the effect of a lost call; the last one repeats", min_length=1),
    ] = (1.0, 2.0, 5.0, 15.0, 60.0)
    attempts_max: Annotated[
        int,
        setting(
            "attempts of one step that the order system turned away before the checkout is held; a call that cannot be sent at "
            "all waits for as long as the order system is away",
            ge=1,
            le=10_000,
        ),
    ] = 100
    limit_recovery_seconds: Annotated[
        float,
        setting(
            "after an order system refused a call as too large, calls to it stay small and grow by a quarter each time this "
            "passes without a refusal",
            ge=1,
        ),
    ] = 3600.0
    generations_max: Annotated[int, setting("drafts of one checkout before it is held", ge=1, le=1_000)] = 50
    claims_without_progress_max: Annotated[
        int, setting("claims without progress before the checkout is held", ge=2)
    ] = 50
    order_id_hours: Annotated[
        float,
        setting(
            "where a mapping says that the id of an order comes by event or by search (`api.created_id_from`): how long an order that was "
            "accepted without an id is waited for before the checkout is held; until then its POST is never sent again",
            gt=0,
            le=8760,
        ),
    ] = 24.0
    cleanup_seconds: Annotated[
        tuple[float, ...],
        setting("when abandoned drafts are looked for and cleaned up, after they were given up", min_length=1),
    ] = (30.0, 3600.0, 86400.0)


class TrackingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Following submitted orders."""

    poll_seconds: Annotated[
        tuple[float, ...],
        setting("waits between reads of an order that is not final; the last one repeats", min_length=1),
    ] = (60.0, 300.0, 900.0, 3600.0)
    coalesce_seconds: Annotated[
        float, setting("at most one read of an order in this time, however many events", ge=0)
    ] = 1.0
    unmatched_hours: Annotated[float, setting("how long an event of an unknown order is kept", gt=0, le=8760)] = 72.0
    body_bytes_max: Annotated[int, setting("largest notification", ge=1024, le=10_000_000)] = 262_144
    waiting_max: Annotated[
        int, setting("notifications that wait at once to be recorded; more are answered 503", ge=1, le=1_000_000)
    ] = 20_000
    attempts_max: Annotated[int, setting("attempts to process an event before it is set aside", ge=1, le=1_000)] = 20
