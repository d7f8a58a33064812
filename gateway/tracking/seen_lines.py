"""The lines of a followed order: which became of an item, the state that each shows, and why it came to nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from gateway.checkouts.model import LineState, lines_decoder, order_decoder
from gateway.ordering import KnownLine, ObservedOrder, is_final, live_match, tmf_item_state
from gateway.ordering import Mapping as OrderMapping
from gateway.submission.decisions.refusal import CartProblem, cart_problems
from gateway.tmf.json import decode_stored, encode_json
from gateway.tracking.evidence import Contents


class SeenLines(NamedTuple):
    """What is known of an order's lines, as the document `lines`, and the ids of those that were not known before."""

    document: bytes
    new_ids: tuple[str, ...]


def read_lines(
    stored: Mapping[str, str], observed: ObservedOrder | None, mapping: OrderMapping, *, compared: bool
) -> tuple[Contents | None, SeenLines | None]:
    """Compare the lines with what was sent, where that is due; return that, and what is known of the lines now if that is new."""
    if observed is None or not stored:
        return None, None
    before: dict[str, LineState] = lines_decoder.decode(stored.get("lines", "{}"))
    contents = None
    if compared:
        known = {item_id: line.line_id for item_id, line in before.items() if line.line_id is not None}
        line_ids, difference = live_match(order_decoder.decode(stored["order"]), known, observed, mapping)
        contents = Contents(difference=difference, line_ids=line_ids)
    item_ids = [pair["productOrderItemId"] for pair in decode_stored(stored.get("items", "[]"))]
    after = line_states(item_ids, before, observed, mapping, contents.line_ids if contents is not None else None)
    if after == before:
        return contents, None
    known_ids = {line.line_id for line in before.values()}
    new_ids = tuple(
        line.line_id for line in after.values() if line.line_id is not None and line.line_id not in known_ids
    )
    return contents, SeenLines(document=encode_json(after), new_ids=new_ids)


def problems_of(stored: Mapping[str, str], observed: ObservedOrder | None) -> tuple[CartProblem, ...]:
    """Return why an order came to nothing, as it says of itself and of its lines, in the terms of the cart."""
    if observed is None or not observed.reasons or "order" not in stored:
        return ()
    lines: dict[str, LineState] = lines_decoder.decode(stored.get("lines", "{}"))
    items = {line.line_id: item_id for item_id, line in lines.items() if line.line_id is not None}
    items |= {line.line_id: line.item_id for line in observed.lines if line.item_id is not None}
    reasons = [replace(reason, item=items.get(reason.item, reason.item)) for reason in observed.reasons]
    return cart_problems(reasons, order_decoder.decode(stored["order"]))


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
