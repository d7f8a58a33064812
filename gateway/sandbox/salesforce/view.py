"""The shapes Salesforce answers with, departures from TMF622 included, and the dates it keeps."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.sandbox.answers import RefusedError, encode, invalid
from gateway.sandbox.orders import Line, Order

_DATE_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def stamp(moment: datetime) -> str:
    """Write a date-time the way the platform does: `.000+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def midnight(value: Any, path: str) -> str:
    """Read a date-time and write its UTC day at midnight: the platform keeps a date only."""
    if not isinstance(value, str):
        raise invalid(path, "must be a date-time string such as 2026-12-01T00:00:00.000Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid(path, "must be a date-time string such as 2026-12-01T00:00:00.000Z") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return stamp(moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


def check_date_form(value: str, path: str) -> None:
    """Refuse a date-time that is not written as the platform's cart APIs read it; the order is not made then."""
    if _DATE_FORM.fullmatch(value) is None:
        sentence = (
            f"{path} is not a date-time of the form yyyy-MM-ddTHH:mm:ss.SSSZ. Error ID: 1234567890-12345 (-98765)"
        )
        raise RefusedError(500, {"errorCode": "INVOKE-500", "error": sentence})


def flat_note(value: Any, path: str) -> str:
    """Flatten notes into the one string the platform keeps: `id:..;date:..;text:..`, the author is lost."""
    if isinstance(value, str):
        return value
    notes = value if isinstance(value, list) else [value]
    flat = []
    for position, note in enumerate(notes):
        if not isinstance(note, dict):
            raise invalid(f"{path}[{position}]", "must be an object")
        flat.append(";".join(f"{key}:{note[key]}" for key in ("id", "date", "text") if note.get(key) is not None))
    return "\n".join(flat)


def order_view(order: Order, root: str, *, with_items: bool, with_line_ids: bool) -> dict[str, Any]:
    """Return an order as GET shows it; attributes without a value are left out."""
    header = order.header
    view: dict[str, Any] = {
        "@type": "ProductOrder",
        "id": order.number,
        "href": f"{root}/Order/{order.record_id}",
        "externalId": order.external_id,
        "state": order.state,
        "orderDate": stamp(order.created),
        "description": header.get("description"),
        "requestedStartDate": header.get("requestedStartDate"),
        "requestedCompletionDate": header.get("requestedCompletionDate"),
        "channel": header.get("channel"),
        "note": header.get("note"),
        "relatedParty": header.get("relatedParty"),
    }
    if with_items:
        roots = [line for line in order.lines.values() if line.parent is None]
        view["productOrderItem"] = [line_view(line, with_line_ids=with_line_ids) for line in roots]
    return {key: value for key, value in view.items() if value is not None}


def line_view(line: Line, *, with_line_ids: bool) -> dict[str, Any] | msgspec.Raw:
    """Return an order line, its children nested; a line without children comes encoded and is encoded only once."""
    if line.children:
        children = [line_view(child, with_line_ids=with_line_ids) for child in line.children.values()]
        return _own_view(line, with_line_ids=with_line_ids) | {"productOrderItem": children}
    shown = line.shown.get(with_line_ids)
    if shown is None:
        shown = line.shown[with_line_ids] = msgspec.Raw(encode(_own_view(line, with_line_ids=with_line_ids)))
    return shown


def _own_view(line: Line, *, with_line_ids: bool) -> dict[str, Any]:
    """Return a line without its children: capitalised action, `productCharacteristics` in the plural."""
    product: dict[str, Any] = {}
    if line.asset_id is not None:
        product["id"] = line.asset_id
    if line.characteristics:
        product["productCharacteristics"] = [
            {"name": name, "valueType": line.value_types.get(name, "Text")}
            | ({} if value is None else {"value": value})
            for name, value in line.characteristics.items()
        ]
    view: dict[str, Any] = {
        "@type": "ProductOrderItem",
        "id": line.item_id,
        "action": line.action.capitalize(),
        "quantity": line.quantity,
    }
    if with_line_ids:
        view["orderLineItemId"] = line.id
    if line.offering is not None:
        view["productOffering"] = {"id": line.offering}
    if product:
        view["product"] = product
    if line.prices or line.altered_prices:
        view["itemPrice"] = [*line.prices, *line.altered_prices]
    return view
