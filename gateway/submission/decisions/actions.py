"""What the submission may do next, as values. The machine decides, the worker performs."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.row_changes import CheckoutChanges, StepChanges
from gateway.checkouts.stored.abandoned import AbandonedDraft
from gateway.checkouts.stored.history import Happening, Payload
from gateway.ordering import ExpectedLine, Finding, Mapping, ObservedOrder, Order, Plan, Step
from gateway.submission.decisions.price_drift import DriftGuard
from gateway.tmf.totals import TotalKey


class Policy(Struct, frozen=True, kw_only=True):
    """The settings that decisions depend on; all times in seconds."""

    deadline_seconds: float
    lease_seconds: float
    settle_seconds: float
    quiet_seconds: float
    retry_seconds: tuple[float, ...]
    probe_seconds: tuple[float, ...]
    attempts_max: int
    generations_max: int
    mismatches_max: int
    live_posts_max: int
    track_after_seconds: float
    order_id_seconds: float = 86_400.0
    drift: DriftGuard = DriftGuard()
    live_mismatch: Literal["finding", "hold"] = "finding"

    @property
    def effect_seconds(self) -> float:
        """Return how long after it was sent last a call may still take effect.

        A sender that was stopped between its intent and its call may have sent at any time until its lease ran out; then comes the
        quiet time, the longest that a proxy or queue before the order system keeps a call.
        """
        return max(self.deadline_seconds, self.lease_seconds) + self.quiet_seconds


class Expectation(Struct, frozen=True, kw_only=True):
    """What the order system should show after the first `steps_done` steps: its lines, and the items whose price was altered."""

    steps_done: int
    lines: tuple[ExpectedLine, ...]
    priced: frozenset[str]
    # Children that the order system adds by itself, beneath these lines, and that a later call configures.
    coming: tuple[ExpectedLine, ...] = ()


class Work(Struct, frozen=True, kw_only=True):
    """One claimed checkout with everything a decision needs. `known` maps item ids to line ids read back so far.

    `cart_totals` is what the cart cost when it was accepted, where that is to be compared; `parents` maps item ids to those of
    the items above; `there_already` are items whose lines are on the order as soon as those above them are. `expected` is what
    the order is compared with, where that was worked out while it was being read.
    """

    record: CheckoutRecord
    order: Order
    plan: Plan
    mapping: Mapping
    policy: Policy
    known: dict[str, str]
    cart_totals: dict[TotalKey, Decimal] = {}
    parents: dict[str, str] = {}
    there_already: frozenset[str] = frozenset()
    expected: Expectation | None = None

    @property
    def current(self) -> Step:
        """The step to be done next; only while there is one."""
        return self.plan.steps[self.record.step]


def parents_of(order: Order) -> dict[str, str]:
    """Return the ids of the items above by the ids of the items beneath them."""
    return {line.id: line.parent_id for line in order.lines if line.parent_id is not None}


class ReadOrder(Struct, frozen=True):
    """Read the order with this id, then ask `after_read`."""

    order_id: str


class ReadHead(Struct, frozen=True):
    """Read the state and the marker of the order with this id, not its lines, then ask `after_head`."""

    order_id: str


class FindMarker(Struct, frozen=True):
    """Search for the order that carries this marker, then ask `after_search`.

    `named` is the order that an answer named, as it was just read, where that does not show the marker.
    """

    marker: str
    named: ObservedOrder | None = None


class LookAtRecovered(Struct, frozen=True):
    """Read the orders that were found with our marker, and those that belong to no checkout, then ask `after_recovery_look`."""


class LookAtGivenUp(Struct, frozen=True):
    """Look whether a draft that was given up is live meanwhile, then ask `after_given_up_look`."""


class Send(Struct, frozen=True):
    """Commit the intent (`changes`, the `lines` just read, a `finding`), then send the step once, then ask `after_send`."""

    step: Step
    changes: CheckoutChanges
    lines: dict[str, str] = {}
    finding: Finding | None = None


class AskCancel(Struct, frozen=True):
    """Ask the order system to cancel the live order, then ask `after_cancel`. Asking twice does no harm."""

    order_id: str


class Replan(Struct, frozen=True, kw_only=True):
    """Another plan, the same up to the current step or for a new draft; `items_max` is what was learnt of calls, `finding` says so."""

    plan: Plan
    items_max: int | None
    finding: Finding


class Save(Struct, frozen=True, kw_only=True):
    """Record a decision.

    `changes` go to the checkout row, `step_changes` to the row of the current step. `lines` are item ids and line ids newly
    known (None forgets all). With `redraft` the steps are planned again for the next generation, by the plan of `replan` if
    there is one. A `finding` is kept with those of the checkout. With `forgets_call_size` calls to the upstream are as large
    again as its mapping says. `happened` and `payloads` go to the history. `rest` gives the lease back; `due_at` in the changes says
    when the checkout is due again.
    """

    changes: CheckoutChanges
    step_changes: StepChanges = {}
    lines: dict[str, str] | None = {}
    abandoned: tuple[AbandonedDraft, ...] = ()
    redraft: bool = False
    replan: Replan | None = None
    finding: Finding | None = None
    forgets_call_size: bool = False
    rest: bool = False
    happened: tuple[Happening, ...] = ()
    payloads: tuple[Payload, ...] = ()


Look: TypeAlias = ReadOrder | ReadHead | FindMarker | LookAtRecovered | LookAtGivenUp
Action: TypeAlias = Look | Send | AskCancel | Save
