"""Whether a notification says what is known already: then the order need not be read for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.checkouts.model import CheckoutRecord, LineState
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import tmf_item_state
from gateway.tmf.json import decode_stored
from gateway.tracking.events import DueEvent
from gateway.tracking.notices import event_kind, is_of_cancellation

# Other events may be about what no state shows.
_OF_STATES = frozenset({"create", "stateChange"})


def says_nothing_new(
    record: CheckoutRecord, lines: Mapping[str, LineState], event: DueEvent, mapping: OrderMapping
) -> bool:
    """Tell whether a notification names the states of the order and of its items that are known, and nothing is in doubt.

    `lines` are those of the checkout, by item. A state that is only hinted at twice is as good as one that was read once: polls read on.
    """
    if event.order_state is None or record.upstream_state is None or record.awaiting is not None:
        return False
    if is_of_cancellation(event.event_type or "") or event_kind(event.event_type or "") not in _OF_STATES:
        return False
    if event.order_state.casefold() != record.upstream_state.casefold():
        return False
    if event.item_states is None:
        return True
    items: dict[str, str] = decode_stored(event.item_states)
    known = {name: line.state for item_id, line in lines.items() for name in (item_id, line.line_id)}
    return all(known.get(item_id) == tmf_item_state(mapping, state) for item_id, state in items.items())
