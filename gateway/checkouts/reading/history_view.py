"""The history of a checkout as its readers see it: what happened and what people asked for, in the order of time. Pure.

Who asked is told by name to those who work for the tenant (support, operator, admin) and to the one who asked; a channel and a partner
are told the role.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from gateway.callers import Caller
from gateway.checkouts.stored.history import GATEWAY, Happening
from gateway.clock import timestamp_text
from gateway.documents import JsonObject
from gateway.roles import Role
from gateway.storage.audit import AuditRow
from gateway.tmf.json import encode_json

# Roles that are told names.
_TOLD_NAMES: Final[tuple[Role, ...]] = ("support", "operator", "admin")
# Of several roles of a client the first of these is told.
_RANK: Final = ("platform", "admin", "operator", "support", "privacy", "channel", "partner", "notifier")
COLUMNS: Final = (
    "at",
    "checkout",
    "kind",
    "by",
    "action",
    "outcome",
    "milliseconds",
    "byteCount",
    "times",
    "lastAt",
    "detail",
)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def entries(
    happened: Iterable[Happening], deeds: Iterable[AuditRow], caller: Caller, with_payload: Collection[str] = ()
) -> list[JsonObject]:
    """Return the entries of a history for a caller; those whose ids are in `with_payload` say that their body is kept."""
    found = [(each.at, each.id, _happened(each, with_payload)) for each in happened]
    found += [(row.at, row.id, _deed(row, caller)) for row in deeds]
    return [shown for _, _, shown in sorted(found, key=lambda each: each[:2])]


def as_lines(shown: Iterable[JsonObject]) -> bytes:
    """Return entries as lines of JSON."""
    return b"".join(encode_json(entry) + b"\n" for entry in shown)


def as_csv(shown: Iterable[JsonObject]) -> bytes:
    """Return entries as CSV (RFC 4180) in UTF-8, with a line of names. No cell is a formula to a spreadsheet."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    for entry in shown:
        told = {**entry, "checkout": (entry.get("checkout") or {}).get("id")}
        writer.writerow([_cell(told.get(name)) for name in COLUMNS])
    return target.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _happened(each: Happening, with_payload: Collection[str]) -> dict[str, Any]:
    shown = {
        "id": each.id,
        "at": timestamp_text(each.at),
        "kind": each.kind,
        "by": each.by,
        "action": each.action,
        "outcome": each.outcome,
        "milliseconds": each.milliseconds,
        "byteCount": each.byte_count,
        "detail": each.detail,
    }
    if each.last_at is not None:
        shown |= {"times": each.times, "lastAt": timestamp_text(each.last_at)}
    return {**shown, "hasPayload": True} if each.id in with_payload else shown


def _deed(row: AuditRow, caller: Caller) -> dict[str, Any]:
    deed = row.deed
    told = [part for part in (deed.reason, deed.detail) if part]
    named = caller.has_role(*_TOLD_NAMES) or caller.client == deed.client
    return {
        "id": row.id,
        "at": timestamp_text(row.at),
        "kind": "action",
        "by": deed.client if named else role_of(deed.roles),
        "action": deed.action,
        "outcome": deed.outcome,
        "milliseconds": None,
        "byteCount": None,
        "detail": "; ".join(told) or None,
    }


def role_of(roles: Sequence[str]) -> str:
    """Return the role that says best what somebody acted as; the gateway itself has none."""
    return next((role for role in _RANK if role in roles), GATEWAY)
