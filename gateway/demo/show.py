"""What the person watching sees: each call as it happens, the order's lines, and where to look further."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.demo.cart import every_item, offering_of

ROWS_MAX: Final = 16
CLIENT_ERROR: Final = 400
KILOBYTE: Final = 1000


class Show:
    """Writes to a terminal or, without colours and at a fixed width, to a file."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 130

    def _line(self, text: str) -> None:
        """Write one line, however long: the terminal breaks it, not we."""
        self.console.print(text, soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.console.print(f"\n[bold]{escape(text)}[/bold]")

    def say(self, text: str) -> None:
        """Write one line."""
        self._line(f"  {escape(text)}")

    def call(self, method: str, path: str, size_bytes: int, status: int, seconds: float, outcome: str) -> None:
        """Show one HTTP call to the gateway."""
        colour = "green" if status < CLIENT_ERROR else "red"
        self._line(
            f"  {method:5} {escape(path):55} {size_text(size_bytes):>8}  [{colour}]{status}[/{colour}] "
            f"{seconds * 1000:6.0f} ms  {escape(outcome)}"
        )

    def step(self, step: dict[str, Any], size_bytes: int | None, call: str) -> None:
        """Show one call of the gateway to the order system, as the checkout tells of it."""
        state, attempts = step["state"], step["attempts"]
        colour = "green" if state == "done" else "yellow"
        items = f"{step['itemCount']} items" if step["itemCount"] else ""
        self._line(
            f"  {step['sequence']:>2} {step['kind']:7} {escape(call):45} {items:>9} "
            f"{size_text(size_bytes) if size_bytes else '':>8}  [{colour}]{escape(state)}[/{colour}]"
            f"{_duration_text(step)}{f' after {attempts} attempts' if attempts > 1 else ''}{_detail(step)}"
        )

    def correlation(self, cart: dict[str, Any], checkout: dict[str, Any]) -> None:
        """Show which cart item became which order line; of a long list the beginning and the end."""
        offerings = {item["id"]: offering_of(item) or "" for item in every_item(cart) if "id" in item}
        rows = [
            (
                row["cartItemId"],
                offerings.get(row["cartItemId"], ""),
                row["productOrderItemId"],
                row.get("orderLineItemId") or "",
                row.get("state") or "",
            )
            for row in checkout["item"]
        ]
        table = Table(title=None, box=None, padding=(0, 2))
        for name in ("cart item", "product offering", "order item", "order line", "its state"):
            table.add_column(name)
        hidden = len(rows) - ROWS_MAX
        shown = rows if hidden <= 1 else [*rows[: ROWS_MAX // 2], None, *rows[-ROWS_MAX // 2 :]]
        for row in shown:
            table.add_row(*(row or (f"... {hidden} more ...", "", "", "", "")))
        self.console.print(table)

    def good(self, text: str) -> None:
        """Say that it went well."""
        self.console.print(f"\n[bold green]{escape(text)}[/bold green]")

    def bad(self, text: str) -> None:
        """Say what went wrong."""
        self.console.print(f"[bold red]{escape(text)}[/bold red]")


def _duration_text(step: dict[str, Any]) -> str:
    if not step.get("startedAt") or not step.get("endedAt"):
        return ""
    seconds = (datetime.fromisoformat(step["endedAt"]) - datetime.fromisoformat(step["startedAt"])).total_seconds()
    return f" {seconds * 1000:6.0f} ms"


def _detail(step: dict[str, Any]) -> str:
    return f"  {escape(step['detail'])}" if step.get("detail") and step["state"] != "done" else ""


def size_text(size_bytes: int) -> str:
    """Return a size for people: `812 B`, `12.3 kB`."""
    return f"{size_bytes} B" if size_bytes < KILOBYTE else f"{size_bytes / KILOBYTE:.1f} kB"
