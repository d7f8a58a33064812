"""The settings that the decisions about a checkout depend on, put together for an order system. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gateway.ordering import Mapping as OrderMapping
from gateway.settings import CheckoutSettings, Settings
from gateway.submission.decisions.actions import Policy
from gateway.submission.decisions.price_drift import DriftGuard
from gateway.tmf.currencies import currency_code

# A draft whose lines are not what was sent three times over will not become right the fourth time.
MISMATCHES_MAX: Final = 3
# A POST that is live at once is sent again only after proof; after three lost ones a person should look.
LIVE_POSTS_MAX: Final = 3


def policy_of(settings: Settings, upstream: str, mapping: OrderMapping) -> Policy:
    """Return what holds for the checkouts of an order system that is configured."""
    submission, limits = settings.submission, settings.upstreams[upstream].limits
    return Policy(
        deadline_seconds=limits.deadline_seconds,
        lease_seconds=submission.lease_seconds,
        settle_seconds=submission.settle_seconds,
        quiet_seconds=limits.quiet_seconds if limits.quiet_seconds >= 0 else mapping.recovery.quiet_seconds,
        retry_seconds=submission.retry_seconds,
        probe_seconds=submission.probe_seconds,
        attempts_max=submission.attempts_max,
        generations_max=submission.generations_max,
        mismatches_max=MISMATCHES_MAX,
        live_posts_max=LIVE_POSTS_MAX,
        track_after_seconds=settings.tracking.poll_seconds[0],
        order_id_seconds=submission.order_id_hours * 3600,
        drift=_drift_guard(settings.checkout),
        live_mismatch=settings.checkout.live_mismatch,
    )


def _drift_guard(settings: CheckoutSettings) -> DriftGuard:
    return DriftGuard(
        action=settings.drift_action,
        tolerance_amount=Decimal(str(settings.drift_tolerance_amount)),
        tolerance_percent=Decimal(str(settings.drift_tolerance_percent)),
        tolerance_by_currency={
            currency_code(currency): Decimal(str(amount))
            for currency, amount in settings.drift_tolerance_by_currency.items()
        },
        not_comparable=settings.drift_not_comparable,
    )
