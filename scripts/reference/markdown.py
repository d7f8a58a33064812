"""Small pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Generated from the code by `make docs`; change it there. -->\n"


def page(title: str, introduction: str, *parts: str) -> str:
    """Return a whole page."""
    return "\n".join([NOTICE, f"# {title}\n", f"{introduction.strip()}\n", *(part.rstrip() + "\n" for part in parts)])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a vertical bar inside a cell is escaped."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return `text` as inline code."""
    return f"`{text}`" if text else ""
