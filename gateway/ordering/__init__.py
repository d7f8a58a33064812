"""From cart to order: pure functions from documents to documents, steps and findings. No I/O, clock or randomness.

This is the face of the package: nobody outside imports deeper.
"""

from __future__ import annotations

from gateway.ordering.calls.checks import check_plan
from gateway.ordering.calls.header_change import changes_header_only, with_header_step, without_header_steps
from gateway.ordering.calls.plan import plan
from gateway.ordering.calls.render import render, render_tombstone, render_whole
from gateway.ordering.calls.sizes import CallSize, cut, fitted, halved, learnt, recovered
from gateway.ordering.calls.writer import characteristic_count, is_there_already
from gateway.ordering.findings import Findings
from gateway.ordering.lint.loading import read_mapping
from gateway.ordering.mapping.catalogue import Catalogue, Doubt, catalogue_of, offering_code
from gateway.ordering.mapping.model import Api, Limits, Mapping, Paging
from gateway.ordering.mapping.states import (
    TMF_ORDER_STATES,
    is_draft,
    is_final,
    shows_submission,
    tmf_item_state,
    tmf_state,
    unknown_item_states,
    unknown_state,
)
from gateway.ordering.mapping.tables import content_hash, files_of, read_tables
from gateway.ordering.mapping.vocabulary import slip_of
from gateway.ordering.model import (
    NO_MARKER,
    Finding,
    KnownLine,
    Marker,
    ObservedOrder,
    Order,
    Plan,
    RenderedStep,
    Step,
    Translation,
    UpstreamReason,
)
from gateway.ordering.readback.expected import ExpectedLine, expected_lines
from gateway.ordering.readback.live import ChangedLine, LiveDifference, compare_live, live_match
from gateway.ordering.readback.liveness import (
    DEAD_ENDS,
    is_alive,
    is_inert,
    searches_drafts_only,
    shows_neither,
)
from gateway.ordering.readback.markers import (
    Spelling,
    both_spellings,
    carries,
    is_changed,
    read_marker,
    readable,
    spelling,
    spelling_of,
    texts_near,
    texts_within,
)
from gateway.ordering.readback.matching import Match, match_expected
from gateway.ordering.readback.reading import read_order
from gateway.ordering.tracing.explain import explain_text, trace, trace_document
from gateway.ordering.translation.bundles import Bundle, Offering, read_offering, resolve, wanted_bundles
from gateway.ordering.translation.money import AMOUNT_MAX
from gateway.ordering.translation.translate import translate
from gateway.ordering.translation.tree import read_tree

__all__ = [
    "AMOUNT_MAX",
    "DEAD_ENDS",
    "NO_MARKER",
    "TMF_ORDER_STATES",
    "Api",
    "Bundle",
    "CallSize",
    "Catalogue",
    "ChangedLine",
    "Doubt",
    "ExpectedLine",
    "Finding",
    "Findings",
    "KnownLine",
    "Limits",
    "LiveDifference",
    "Mapping",
    "Marker",
    "Match",
    "ObservedOrder",
    "Offering",
    "Order",
    "Paging",
    "Plan",
    "RenderedStep",
    "Spelling",
    "Step",
    "Translation",
    "UpstreamReason",
    "both_spellings",
    "carries",
    "catalogue_of",
    "changes_header_only",
    "characteristic_count",
    "check_plan",
    "compare_live",
    "content_hash",
    "cut",
    "expected_lines",
    "explain_text",
    "files_of",
    "fitted",
    "halved",
    "is_alive",
    "is_changed",
    "is_draft",
    "is_final",
    "is_inert",
    "is_there_already",
    "learnt",
    "live_match",
    "match_expected",
    "offering_code",
    "plan",
    "read_mapping",
    "read_marker",
    "read_offering",
    "read_order",
    "read_tables",
    "read_tree",
    "readable",
    "recovered",
    "render",
    "render_tombstone",
    "render_whole",
    "resolve",
    "searches_drafts_only",
    "shows_neither",
    "shows_submission",
    "slip_of",
    "spelling",
    "spelling_of",
    "texts_near",
    "texts_within",
    "tmf_item_state",
    "tmf_state",
    "trace",
    "trace_document",
    "translate",
    "unknown_item_states",
    "unknown_state",
    "wanted_bundles",
    "with_header_step",
    "without_header_steps",
]
