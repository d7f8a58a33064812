"""The lines of a followed order: which line became of an item, and the state that it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.checkouts.model import LineState
from gateway.ordering import Mapping as OrderMapping
from gateway.ordering import ObservedOrder, tmf_state


def line_states(
    item_ids: Iterable[str],
    lines: Mapping[str, LineState],
    observed: ObservedOrder,
    mapping: OrderMapping,
    line_ids: Mapping[str, str] | None = None,
) -> dict[str, LineState]:
    """Return every item's line with its id and state, as far as the order shows them.

    `line_ids` is what comparing the whole order found out about which line is whose; without it a line is known by what was
    learnt before, then by the item id it echoes.
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
            state = tmf_state(mapping, line.state) if line.state else known.state
            fresh[item_id] = LineState(line_id=line.line_id, state=state)
    return fresh
