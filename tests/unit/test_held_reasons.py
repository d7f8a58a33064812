"""Every reason for which the code holds a checkout stands in the page for those who must decide, and no other one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/read-held-reasons.md"
SOURCES = sorted(
    [
        *(ROOT / "gateway/submission").rglob("*.py"),
        *(ROOT / "gateway/tracking").rglob("*.py"),
        ROOT / "gateway/checkouts/changing/found_live.py",
    ]
)
# What holds a checkout for the `why` of the function that calls it.
HOLDING = {"held", "_hold"}


def told(node: ast.expr | None) -> str | None:
    """Return the text that an expression writes, `N` for what is put in; None when it only passes a text on."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "N" for part in node.values)
    return None


def reasons() -> Iterator[str]:
    """Yield what is said where a checkout is held: what `held` is given, and `why` or `reason` where its state is set."""
    for source in SOURCES:
        for function in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            holds = False
            named: list[str] = []
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in HOLDING:
                    whys = [text for text in map(told, node.args[1:3]) if text is not None and " " in text]
                    yield from whys
                    holds |= not whys and (node.func.id == "_hold" or len(node.args) == 2)
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Doubt":
                    yield from filter(None, (told(each.value) for each in node.keywords if each.arg == "held"))
                elif isinstance(node, ast.Dict):
                    states = zip(node.keys, node.values, strict=True)
                    holds |= any((told(key), told(value)) == ("state", "held") for key, value in states)
                elif isinstance(node, ast.keyword):
                    holds |= node.arg == "held_for" and not isinstance(node.value, ast.Constant)
                elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"why", "reason"}:
                    named += [text for text in [told(node.value)] if text is not None]
            if holds and function.name != "held":
                yield from named


def phrases() -> list[str]:
    """Return the phrases of the page's first column; several of one row stand with a semicolon between."""
    rows = [line.split("|")[1].strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return [phrase.strip() for row in rows[2:] for phrase in row.split(";")]


def test_every_reason_has_its_row_and_every_row_its_reason():
    said = list(reasons())
    assert len(said) >= 15
    unexplained = [reason for reason in said if not any(phrase in reason for phrase in phrases())]
    assert not unexplained
    assert [phrase for phrase in phrases() if not any(phrase in reason for reason in said)] == []


def test_every_setting_that_the_page_of_reasons_names_is_one():
    reference = ROOT / "docs/reference"
    page = (reference / "reasons.md").read_text(encoding="utf-8")
    settings = (reference / "settings.md").read_text(encoding="utf-8")
    mapping = (reference / "mapping.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:upstreams\.\*\.)?(limits|submission|checkout|tracking|recovery|lines)\.(\w+)", page))
    assert len(named) >= 10
    logged = "".join(source.read_text(encoding="utf-8") for source in (ROOT / "gateway").rglob("*.py"))
    unknown = [
        f"{table}.{name}"
        for table, name in sorted(named)
        if not re.search(rf"(?<!\w){name}(?!\w)", mapping if table in {"recovery", "lines"} else settings)
        and not re.search(rf'log\.\w+\(\s*"{table}\.{name}"', logged)
    ]
    assert unknown == []
