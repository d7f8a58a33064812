"""Whether an order delivers, as far as its state says. Pure."""

from __future__ import annotations

from typing import Final

from gateway.ordering.mapping.model import Mapping
from gateway.ordering.mapping.states import is_draft, tmf_state
from gateway.ordering.model import ObservedOrder

DEAD_ENDS: Final = frozenset({"cancelled", "rejected", "failed"})
"""How an order may end that delivers nothing."""
_DRAFT_WORD: Final = "draft"


def searches_drafts_only(mapping: Mapping) -> bool:
    """Tell whether a search by this mapping leaves live orders out until they are asked for."""
    given = mapping.recovery.scan_parameters.values()
    return mapping.recovery.find == "scan" and any(is_draft(mapping, value) for value in given)


def is_inert(mapping: Mapping, observed: ObservedOrder) -> bool:
    """Tell whether an order shows that it is a draft: by the mapping's word for that, or by the standard's."""
    if not observed.state:
        return False
    return is_draft(mapping, observed.state) or tmf_state(mapping, observed.state) == _DRAFT_WORD


def is_alive(mapping: Mapping, observed: ObservedOrder) -> bool:
    """Tell whether an order delivers, or has delivered: it is not a draft, and did not end as cancelled, rejected or failed.

    Args:
        mapping: of the order system; its words for states are understood beside the standard's.
        observed: the order as it was read. Without a state it may deliver where there are no drafts.

    Raises:
        Nothing.

    Source: TMF622 (states of a product order); decision 11 (the rule of trust).
    """
    if not observed.state:
        return not mapping.draft.supported
    return not is_inert(mapping, observed) and tmf_state(mapping, observed.state) not in DEAD_ENDS


def shows_neither(mapping: Mapping, observed: ObservedOrder) -> bool:
    """Tell whether an order shows no state although drafts show theirs: it may be a draft, and may deliver."""
    return not observed.state and mapping.draft.supported and not is_draft(mapping, "")
