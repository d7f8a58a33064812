"""A translation explained to people and scripts: findings, lines, calls and their sizes, and where each attribute went."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.documents import JsonObject
from gateway.ordering.calls.writer import product_code
from gateway.ordering.mapping.model import Mapping
from gateway.ordering.model import Finding, OrderLine, Plan, RenderedStep, Translation
from gateway.ordering.tracing.accounting import RULES, Entry, account

_SEVERITIES: Final = ("error", "warning", "info")
_POSITION: Final = re.compile(r"\[[0-9]+\]")


def trace(
    cart: object, request: object, translation: Translation, document: object, mapping: Mapping | None = None
) -> list[Entry]:
    """Return where each value of the cart and request went and where each of the order came from.

    `document` is the whole order as `render_whole` shows it by `mapping`. Entries carry paths, never values.
    """
    entries, _ = account(cart, request, translation.order, document, translation.findings, mapping)
    return entries


def trace_document(entries: Iterable[Entry]) -> JsonObject:
    """Return a trace as JSON: `cart` (where it went, or why not), `order` (where it came from), `rule` (what rules say)."""
    entries = list(entries)
    return {
        "cart": [
            {"path": entry.source, "to": entry.target or None, "why": entry.why or None}
            for entry in entries
            if entry.source
        ],
        "order": [{"path": entry.target, "from": entry.source or entry.why} for entry in entries if entry.target],
        "rule": RULES,
    }


def explain_text(
    translation: Translation, plan: Plan | None, steps: Sequence[RenderedStep] = (), entries: Iterable[Entry] = ()
) -> str:
    """Return the explanation of `translation`, of the `plan` made from it, of its rendered `steps` and its trace."""
    parts = [_findings(translation.findings)]
    if translation.order is not None:
        parts.append(_lines(translation.order.lines))
    if plan is not None:
        parts.append(_steps(plan, steps))
    parts.append(_trace(entries))
    return "\n\n".join(part for part in parts if part) + "\n"


def _findings(findings: Iterable[Finding]) -> str:
    """Return the findings, refusals one by one, the rest counted together where only the positions in arrays differ."""
    like: dict[tuple[str, str, str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity)):
        where = finding.path if finding.severity == "error" else _pattern(finding.path)
        like.setdefault((finding.severity, finding.code, where, finding.message), []).append(finding.path)
    if not like:
        return "No findings: everything is sent as it is."
    rows = [
        (severity, code, where if len(paths) > 1 else paths[0], str(len(paths)), message)
        for (severity, code, where, message), paths in like.items()
    ]
    return "Findings\n" + table(("severity", "code", "path", "times", "message"), rows)


def _lines(lines: Sequence[OrderLine]) -> str:
    rows = [
        (
            f"{'  ' * (line.depth - 1)}{line.id}",
            str(line.item["action"]),
            str(line.item.get("quantity") or ""),
            product_code(line) or "",
            str(len(line.alterations) or ""),
            line.path,
        )
        for line in lines
    ]
    header = ("item", "action", "quantity", "product offering", "price calls", "from")
    return f"Order lines ({len(lines)})\n" + table(header, rows)


def _steps(plan: Plan, rendered: Sequence[RenderedStep]) -> str:
    calls = {step.sequence: step for step in rendered}
    rows = []
    for step in plan.steps:
        call = calls.get(step.sequence)
        rows.append(
            (
                str(step.sequence),
                step.kind,
                f"{call.method} {call.path}" if call else "",
                str(call.item_count if call else len(step.item_ids)),
                f"{len(call.body)}" if call else "",
                " to ".join(dict.fromkeys((*step.item_ids[:1], *step.item_ids[-1:]))),
            )
        )
    return f"Calls ({len(plan.steps)})\n" + table(("step", "kind", "call", "items", "bytes", "which"), rows)


def _trace(entries: Iterable[Entry]) -> str:
    """Return the trace with the values of like attributes counted together: positions in arrays are left out."""
    counts = Counter((_pattern(entry.source), _pattern(entry.target), entry.why) for entry in entries)
    went = [
        (source, f"{target} ({why})" if target and why else target or f"not sent, {why}", str(count))
        for (source, target, why), count in counts.items()
        if source
    ]
    own = [(target, why, str(count)) for (source, target, why), count in counts.items() if not source]
    parts = []
    if went:
        parts.append("Where the cart's attributes went\n" + table(("cart", "order", "values"), went))
    if own:
        parts.append("What else the order says\n" + table(("order", "set by", "values"), own))
    return "\n\n".join(parts)


def _pattern(path: str) -> str:
    return _POSITION.sub("[]", path)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` under `header` as columns of text, two blanks apart."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )
