"""The lines of a followed order: which line became of an item, and the state that it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.checkouts.model import LineState
from gateway.ordering import KnownLine, ObservedOrder, is_final, tmf_item_state
from gateway.ordering import Mapping as OrderMapping


def line_states(
    item_ids: Iterable[str],
    lines: Mapping[str, LineState],
    observed: ObservedOrder,
    mapping: OrderMapping,
    line_ids: Mapping[str, str] | None = None,
) -> dict[str, LineState]:
    """Return every item's line with its id and state, as far as the order shows them.

    `line_ids` is what comparing the whole order found out about which line is whose; without it a line is known by what was
    learnt before, then by the item id it echoes. A line does not leave a final state.
    """
    shown = {line.line_id: line for line in observed.lines}
    echoed = {line.item_id: line for line in observed.lines if line.item_id is not None}
    fresh: dict[str, LineState] = {}
    for item_id in item_ids:
        known = lines.get(item_id, LineState())
        if line_ids is not None:
            line = shown.get(line_ids.get(item_id, ""))
        else:
            line = shown.get(known.line_id or "") or (echoed.get(item_id) if known.line_id is None else None)
        if line is None:
            fresh[item_id] = known
        else:
            fresh[item_id] = LineState(line_id=line.line_id, state=_next_state(known, line, mapping))
    return fresh


def _next_state(known: LineState, line: KnownLine, mapping: OrderMapping) -> str | None:
    ended = known.line_id == line.line_id and known.state is not None and is_final(mapping, known.state)
    return known.state if ended or not line.state else tmf_item_state(mapping, line.state)
