"""Random orders, limits and ways to grow, for plans to be made of."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.model import Limits
from gateway.ordering.model import Order, OrderLine

FILE = Path(__file__).resolve().parents[2] / "mappings" / "salesforce-v4.toml"
SALESFORCE = parse_mapping(FILE.read_bytes(), FILE.name)


def mapping_with(limits: Limits, growth: str, hierarchy: str = "nested"):
    line_id = "orderLineItemId" if growth == "additive" else "id"
    return replace(
        SALESFORCE,
        limits=limits,
        draft=replace(SALESFORCE.draft, growth=growth),
        item=replace(SALESFORCE.item, hierarchy=hierarchy, relationships=True),
        lines=replace(SALESFORCE.lines, line_id=line_id),
    )


def chain(levels: int) -> Order:
    """Return an order of one item on each level, each beneath the one before."""
    lines = [
        OrderLine(
            id=str(depth),
            cart_item_id=str(depth),
            parent_id=str(depth - 1) if depth > 1 else None,
            root_id="1",
            depth=depth,
            item={"id": str(depth), "action": "add"},
        )
        for depth in range(1, levels + 1)
    ]
    return Order(header={}, lines=tuple(lines))


@st.composite
def orders(draw: st.DrawFn, lines_max: int = 25) -> Order:
    """Orders of any shape: each line hangs beneath an earlier one or is a root; parents come first, children anywhere."""
    count = draw(st.integers(1, lines_max))
    depths: list[int] = []
    lines: list[OrderLine] = []
    own: set[tuple[str, str]] = set()
    for number in range(count):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        depth = depths[parent] + 1 if parent is not None else 1
        if depth > 6:
            parent, depth = None, 1
        depths.append(depth)
        characteristics = [
            {"name": f"c{position}", "value": "v" * draw(st.integers(0, 60))}
            for position in range(draw(st.integers(0, 3)))
        ]
        alterations = (
            ({"name": "Half", "priceType": "oneTime", "price": {"percentage": 50}},) if draw(st.booleans()) else ()
        )
        above, code = None if parent is None else f"i{parent}", draw(st.sampled_from("ABC"))
        # The first child of a product may be one that the order system adds by itself.
        first = above is not None and (above, code) not in own
        mandatory = first and draw(st.booleans())
        if above is not None:
            own.add((above, code))
        lines.append(
            OrderLine(
                id=f"i{number}",
                cart_item_id=f"i{number}",
                parent_id=above,
                root_id=f"i{number}" if parent is None else lines[parent].root_id,
                depth=depth,
                item={
                    "id": f"i{number}",
                    "action": "add",
                    "productOffering": {"id": code},
                    "product": {"productCharacteristic": characteristics},
                },
                mandatory=mandatory,
                alterations=alterations,
            )
        )
    return Order(header={"description": "d" * draw(st.integers(0, 100))}, lines=tuple(lines))


limit_values = st.builds(
    Limits,
    items_max=st.integers(2, 12),
    bytes_max=st.integers(1_000, 4_000),
    characteristics_max=st.integers(3, 12),
    depth_max=st.integers(2, 6),
    budget=st.sampled_from([0, 0, 30, 60]),
    budget_item_weight=st.integers(0, 3),
    budget_characteristic_weight=st.integers(0, 3),
    budget_depth_weight=st.integers(0, 2),
)
