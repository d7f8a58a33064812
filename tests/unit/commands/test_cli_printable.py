"""What strangers sent is shown by commands, and obeyed by no terminal."""

from __future__ import annotations

import io

from rich.console import Console

from gateway.commands.client import printable, table


def test_a_terminal_is_told_nothing_by_a_cell() -> None:
    rows = table("client", "path")
    rows.add_row("shop", "/cart/\x1b[2J\x1b]0;title\x07\r\x9b31m")
    written = io.StringIO()
    Console(file=written, width=120).print(rows)
    assert not set(written.getvalue()) & {"\x1b", "\x07", "\r", "\x9b"}
    assert "/cart/" in written.getvalue()


def test_words_of_any_language_stay_as_they_are() -> None:
    assert printable("Größe 中文 é\nline") == "Größe 中文 é\nline"
