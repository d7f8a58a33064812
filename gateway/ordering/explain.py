"""A translation explained to people: findings, the order's lines, the calls and their sizes, as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.ordering.model import Finding, OrderLine, Plan, RenderedStep, Translation
from gateway.ordering.wire import product_code

_SEVERITIES = ("error", "warning", "info")


def explain_text(translation: Translation, plan: Plan | None, steps: Sequence[RenderedStep] = ()) -> str:
    """Return the explanation of `translation`, of the `plan` made from it and of its rendered `steps`."""
    parts = [_findings(translation.findings)]
    if translation.order is not None:
        parts.append(_lines(translation.order.lines))
    if plan is not None:
        parts.append(_steps(plan, steps))
    return "\n\n".join(part for part in parts if part) + "\n"


def _findings(findings: Iterable[Finding]) -> str:
    ordered = sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity))
    if not ordered:
        return "No findings: everything is sent as it is."
    rows = [(finding.severity, finding.code, finding.path, finding.message) for finding in ordered]
    return "Findings\n" + table(("severity", "code", "path", "message"), rows)


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
            )
        )
    return f"Calls ({len(plan.steps)})\n" + table(("step", "kind", "call", "items", "bytes"), rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return `rows` under `header` as columns of text, two blanks apart."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )
