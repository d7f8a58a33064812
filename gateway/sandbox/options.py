"""What a sandbox run can be told: the mapping it shows, its limits, its faults, and where its ledger goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from gateway.sandbox.clock import MACHINE_CLOCK, Clock
from gateway.sandbox.faults import Fault
from gateway.sandbox.price_drift import NO_DRIFT, PriceDrift

Mapping = Literal["salesforce-v4", "tmf622-v4", "tmf622-v5"]
"""Whose behaviour the sandbox shows."""

MAPPINGS: tuple[Mapping, ...] = get_args(Mapping)

API_ROOTS: dict[Mapping, str] = {
    "salesforce-v4": "/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1",
    "tmf622-v4": "/tmf-api/productOrderingManagement/v4",
    "tmf622-v5": "/tmf-api/productOrderingManagement/v5",
}
"""API root per mapping, without the resource name."""

RESOURCES: dict[Mapping, str] = {
    "salesforce-v4": "productorder",
    "tmf622-v4": "productOrder",
    "tmf622-v5": "productOrder",
}
"""The order resource's name in the path, letter case included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxProfile:
    """The choices that no public document settles; every default is the one that asks most of a client.

    A test that wants another order system passes `SandboxOptions(profile=replace(profile_for(mapping), ...))`.
    """

    page_size_default: int = 20
    """Orders in a list answer when the caller names no `limit`."""
    page_size_maximum: int = 100
    """The most orders one list answer holds, whatever `limit` says."""
    list_descending: bool = False
    """Newest order first in list answers."""
    list_lag_seconds: float = 0.0
    """How long a new order stays invisible in list answers (GET by id always sees it)."""
    require_start_date: bool = True
    """POST needs `requestedStartDate` (a mandatory field of the Salesforce order)."""
    date_form: Literal["milliseconds", "any"] = "milliseconds"
    """Salesforce reads date-times as `2026-12-01T00:00:00.000Z` only: others are a 500 `INVOKE-500`; or any of RFC 3339."""
    submit_states: frozenset[str] = frozenset(
        {"activated", "submitted", "in progress", "ready to submit", "acknowledged"},
    )
    """Values of `state` (lower case) that submit a Salesforce draft."""
    submitted_state: str = "In Progress"
    """State of a Salesforce order right after submission."""
    external_id_max_length: int = 80
    """Longest `externalId` that is kept."""
    external_id_overflow: Literal["refuse", "truncate"] = "refuse"
    """What happens to a longer one."""
    live_patch: Literal["refuse", "supplemental"] = "refuse"
    """PATCH of an order that is no longer a draft: a 400, or the trap that starts a further, supplemental order."""
    unknown_patch_attributes: Literal["refuse", "ignore"] = "refuse"
    """PATCH with a header attribute that cannot be updated."""
    refused_post_leaves_draft: bool = False
    """A POST whose items are refused leaves an empty draft behind (the header is created before the items)."""
    order_totals: bool = True
    """With prices in the catalogue: `orderTotalPrice` on the order; without, only the `itemPrice` of each line (Salesforce)."""
    pricing: Literal["append", "replace"] = "append"
    """A second pricing PATCH of one line stacks on the first, or takes its place."""
    post_status: int = 201
    """Status of a successful POST."""
    post_tells_location_and_state: bool = True
    """Plain servers: the POST answer has a Location header and a state (the v5 reference implementation has neither)."""
    line_ids_in_write_answers: bool = False
    """`orderLineItemId` also in the answers to POST and PATCH (documented for GET only)."""
    max_items_per_call: int = 0
    """Most items in one POST or PATCH, nested ones included; 0 for no limit."""
    complexity_budget: int = 0
    """Most of items x (1 + characteristics) x depth in one POST or PATCH; 0 for no limit."""
    max_body_bytes: int = 64_000_000
    """Longest request body, and on Salesforce the longest answer too."""
    notification_shape: Literal["bare", "wrapped"] = "wrapped"
    """`productOrder` at the top level of an event, or under `event`."""
    notification_order: Literal["reference", "full"] = "reference"
    """What an event says about the order: id and state, or the whole order."""
    attribute_events: bool = False
    """Post an attribute value change event for each PATCH, too."""
    retry_after: Literal["seconds", "date"] = "seconds"
    """Form of the Retry-After header of a throttled call."""


def profile_for(mapping: Mapping) -> SandboxProfile:
    """Return the default profile of one mapping."""
    if mapping == "salesforce-v4":
        return SandboxProfile(
            complexity_budget=2_000,
            max_body_bytes=6_000_000,  # Apex REST, synchronous, request and answer alike
            notification_shape="bare",
        )
    return SandboxProfile(
        page_size_default=100,
        page_size_maximum=1_000,
        post_tells_location_and_state=mapping == "tmf622-v4",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """One sandbox run: `run_sandbox(SandboxOptions(port=0, ledger_path=Path("ledger.jsonl")))`."""

    mapping: Mapping = "salesforce-v4"
    host: str = "127.0.0.1"
    port: int = 8622
    """Port to listen on; 0 picks a free one."""
    notify_url: str | None = None
    """Where order events are posted; none are when it is missing."""
    notify_token: str | None = None
    """Bearer token sent with each event."""
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    """Seed of every drawn fault."""
    ledger_path: Path | None = None
    catalog_path: Path | None = None
    require_token: bool = False
    client_id: str | None = None
    """The only client id the token endpoint accepts; any when missing."""
    client_secret: str | None = None
    token_seconds: float = 7200.0
    """How long an access token is accepted."""
    state_delay_seconds: float = 0.3
    """Time an order stays in each state after its submission."""
    price_drift: PriceDrift = NO_DRIFT
    """How much its prices differ from the catalogue's, or on a plain server from the totals that were sent."""
    profile: SandboxProfile | None = None
    """Overrides `profile_for(mapping)`."""
    late_seconds: float = 2.0
    """How long after the call a `late-commit` takes effect."""
    clock: Clock = MACHINE_CLOCK
    call_log: bool = False
    """Write one line per call to stderr."""

    def resolved_profile(self) -> SandboxProfile:
        """Return the profile in force: the given one, or the mapping's own."""
        return self.profile or profile_for(self.mapping)

    def with_limits(self, *, max_items_per_call: int | None, complexity_budget: int | None) -> SandboxOptions:
        """Return these options with the per-call limits that are not None."""
        profile = self.resolved_profile()
        if max_items_per_call is not None:
            profile = replace(profile, max_items_per_call=max_items_per_call)
        if complexity_budget is not None:
            profile = replace(profile, complexity_budget=complexity_budget)
        return replace(self, profile=profile)
