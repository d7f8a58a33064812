"""Notes of a cart, its items or the checkout request, as an order takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.ordering.findings import Findings
from gateway.ordering.values import date_time, objects, wrong_type


def clean_notes(
    value: Any, path: str, findings: Findings, written: Callable[[str], str] = lambda moment: moment
) -> list[dict[str, Any]]:
    """Return the notes at `path` that have a text, with dates as `written` writes those of RFC 3339."""
    kept = []
    for member, member_path in objects(value, path, findings):
        content = member.get("text")
        if content is None or content == "":
            findings.warning("dropped", member_path, "A note without a text says nothing; it is not sent.")
            continue
        if type(content) is not str:
            wrong_type(content, "a string", f"{member_path}.text", findings)
            continue
        note = member
        if member.get("date") is not None:
            date = date_time(member["date"], f"{member_path}.date", findings, written)
            if date is not None and date != member["date"]:
                note = {**member, "date": date}
        kept.append(note)
    return kept
