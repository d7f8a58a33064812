"""A line that was sent, in the terms it is read back in, and what is different about the line that an order system shows for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from gateway.documents import JsonObject
from gateway.ordering.calls.writer import action_word, product_code
from gateway.ordering.mapping import model as mappings
from gateway.ordering.model import KnownLine, OrderLine
from gateway.ordering.readback.reading import characteristics_of
from gateway.ordering.values import as_text
from gateway.tmf.json import encode_canonical

_EXPONENT_MAX: Final = 100

LineAspect: TypeAlias = Literal["offering", "action", "quantity", "parent", "characteristic", "alteration"]
"""What about a line may be other than it was sent."""


class LineDifference(NamedTuple):
    """One way in which a line is not what was sent: `text` says it without values of characteristics."""

    aspect: LineAspect
    text: str


class ExpectedLine(Struct, frozen=True):
    """A line that was sent, in the terms a line is read back in. `actions` are those it may show, in lower case."""

    line: OrderLine
    offering: str | None
    product_id: str | None
    actions: tuple[str, ...]
    quantity: int | None
    characteristics: dict[str, str]


def expected_lines(lines: Iterable[OrderLine], mapping: mappings.Mapping) -> list[ExpectedLine]:
    """Return `lines` in the terms they are read back in."""
    return [_expected(line, mapping) for line in lines]


def _expected(line: OrderLine, mapping: mappings.Mapping) -> ExpectedLine:
    product = line.item.get("product")
    product = product if isinstance(product, dict) else {}
    sent = characteristics_of(product.get("productCharacteristic"))
    product_id = product.get("id")
    return ExpectedLine(
        line=line,
        offering=product_code(line),
        product_id=product_id if isinstance(product_id, str) else None,
        actions=_accepted_actions(line, mapping),
        quantity=line.item.get("quantity"),
        characteristics={name: comparable(value) for name, value in sent.items()},
    )


def _accepted_actions(line: OrderLine, mapping: mappings.Mapping) -> tuple[str, ...]:
    """Return the actions, in lower case, that the line may show: a child added by the system itself may show `add`."""
    word = action_word(line, mapping).lower()
    return (word, "add") if line.mandatory and word != "add" else (word,)


def comparable(value: object) -> str:
    """Return `value` as text in which equal numbers are equal: 19.90 and 19.9."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and abs(number.adjusted()) < _EXPONENT_MAX:
            return f"{number.normalize():f}"
    return as_text(value)


def differences(
    one: ExpectedLine,
    line: KnownLine,
    parent_line_id: str | None,
    texts: Mapping[str, str] | None,
    mapping: mappings.Mapping,
    *,
    priced: bool,
) -> Iterable[LineDifference]:
    """Yield what is different about `line`; attributes that the order system does not show are not compared.

    `parent_line_id` is the line that it should stand beneath, `texts` are its characteristics as `comparable` has them, None where
    they are not shown; `priced`: its alterations were sent in a call of their own.
    """
    if one.offering is not None and line.offering is not None and line.offering != one.offering:
        yield LineDifference("offering", f"shows the offering {line.offering}, sent was {one.offering}")
    if line.action and line.action not in one.actions:
        yield LineDifference("action", f"shows the action {line.action}, sent was {one.actions[0]}")
    if one.quantity is not None and line.quantity is not None and line.quantity != one.quantity:
        yield LineDifference("quantity", f"shows the quantity {line.quantity}, sent was {one.quantity}")
    if line.parent_line_id != parent_line_id:
        yield LineDifference("parent", "is beneath another parent than it was sent with")
    if texts is not None:
        for name, value in one.characteristics.items():
            if texts.get(name) != value:
                yield LineDifference("characteristic", f"shows another value of the characteristic {name}, or none")
    if line.alterations is not None and mapping.lines.alterations_readable:
        yield from _alteration_differences(one.line, line.alterations, priced=priced)


def _alteration_differences(
    line: OrderLine, shown: tuple[JsonObject, ...], *, priced: bool
) -> Iterable[LineDifference]:
    sent = list(line.alterations) if priced else []
    for price in line.item.get("itemPrice") or ():
        sent.extend(price.get("priceAlteration") or ())
    if len(sent) != len(shown):
        yield LineDifference("alteration", f"shows {len(shown)} price alterations, sent were {len(sent)}")
        return
    left = list(shown)
    for alteration in sent:
        found = next((other for other in left if _is_part_of(alteration, other)), None)
        if found is None:
            yield LineDifference("alteration", "shows another price alteration than was sent")
            return
        left.remove(found)


def _is_part_of(sent: object, shown: object) -> bool:
    """Tell whether every attribute that was sent is shown with an equal value."""
    if isinstance(sent, dict) and isinstance(shown, dict):
        return all(key in shown and _is_part_of(value, shown[key]) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(shown, list):
        return len(sent) == len(shown) and all(map(_is_part_of, sent, shown))
    return bool(sent == shown) or encode_canonical(sent) == encode_canonical(shown)
