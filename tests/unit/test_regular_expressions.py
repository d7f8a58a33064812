"""Every regular expression of ours is known here, and none takes more than time in proportion to the text it looks at.

Native code that looks through a text holds the interpreter: while it does, nobody is answered. What a client or an order system wrote
is looked at with an input grown for the expression; the others see only what the operator of the gateway wrote.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from malformed_bodies import growth, seconds_of

import gateway
from gateway.ordering.readback import markers
from gateway.ordering.tracing import leaves

ROOT = Path(gateway.__file__).parent
FUNCTIONS: Final = frozenset({"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
SIZE: Final = 200_000
OPERATOR: Final = "sees only settings, mapping files and token files"
NOT_SERVED: Final = "part of the sandbox, which is for tests"

# Where it stands: what a hostile sender would write for it (what comes before, what is repeated, what comes after), several where it can be
# attacked in several ways; or why nobody else's text comes to it.
KNOWN: Final[dict[str, list[tuple[str, str, str]] | str]] = {
    "http.dispatch._ID": [("/", "0", "/"), ("", "/0123456789abcdef", ""), ("", "/", "")],
    "carts.changing._IN_ENTRY": [("a", "[1]", ""), ("", "a", "[1"), ("a[", "1", "")],
    "carts.dialects.forms._RFC_3339": [("2026-01-01T00:00:00.", "1", ""), ("", "2026-01-01T", "")],
    "login.flow._RETURN_PATH": [("", "/", "\\"), ("/", "a", " "), ("/", "a/", "")],
    "login.flow._WORD": [("", "a", ""), ("", "a-", " ")],
    "http.headers._CORRELATION_ID": [("", "a", "\n"), ("", ":", "é")],
    "http.headers._ENTITY_TAG": [("", " ", "x"), ('"', "a", ""), ('"a"', " ", "x"), ("", 'W/"a",', "")],
    "http.headers._HOST": [("", "a.", "/"), ("[", ":", ""), ("a:", "1", "")],
    "http.headers._TRACE_PARENT": [("", "0", ""), (f"00-{'1' * 32}-{'1' * 16}-01", "-", "\n"), ("00-", "1-", "")],
    "http.headers._VERSION_TAG": [('"', "1", "")],
    "ordering.tracing.leaves._POSITION": [("", "[1", ""), ("[", "1", ""), ("", "[", "")],
    "ordering.tracing.leaves._holder": [("", "20", "x"), ("", "20.", ""), ("", "2:20 ", "")],
    "ordering.tracing.slots.in_standard_places": [("", ".product[1", ""), ("", ".product", ""), ("product[", "1", "")],
    "ordering.lint.consistency._HEADER": OPERATOR,
    "ordering.lint.consistency._MEDIA_TYPE": OPERATOR,
    "ordering.lint.consistency._PARAMETER": OPERATOR,
    "ordering.lint.consistency._SEGMENT": OPERATOR,
    "ordering.translation.entries._NUMBERS": [("", "[1", ""), ("[", "1", ""), ("", "[", "")],
    "ordering.tracing.explain._POSITION": [("", "[1", ""), ("[", "1", ""), ("", "[", "")],
    "ordering.mapping.slot_rules._NO_NAME": OPERATOR,
    "ordering.translation.tree._NOT_LETTERS": [("", "a1", ""), ("", "-", "")],
    "ordering.mapping.dates._RFC3339": [("2026-01-01T00:00:00.", "1", "")],
    "ordering.mapping.words.PLACEHOLDER": [("", "{a", ""), ("{", "a", ""), ("", "{", "")],
    "ordering.values._RFC3339": [("2026-01-01T00:00:00.", "1", "")],
    "sandbox.salesforce.view._DATE_FORM": NOT_SERVED,
    "sandbox.price_drift._DRIFT": NOT_SERVED,
    "security.callbacks._LABEL": [("", "a-", ""), ("", "a", "!")],
    "security.callbacks._NUMBER": [("", "1", "x"), ("0x", "a", "g")],
    "security.callbacks._URL": [("", "a/", " ")],
    "security.tokens._HASH": OPERATOR,
    "security.tokens._NAME": OPERATOR,
    "security.tokens._TENANT": OPERATOR,
    "settings.unsafe._UPSTREAM_NAME": OPERATOR,
    "settings.unsafe_notifications._CLIENT_ID": OPERATOR,
    "settings.unsafe_notifications._SHA256": OPERATOR,
    "filters.parse._LEADING": [("", "a.", "!")],
    "filters.parse._NAME": [("", "a", "!"), ("@", "_", "!")],
    "filters.values._MOMENT": [("2026-01-01T00:00:00.", "1", ""), ("", "2026-", "")],
    "filters.values._NUMBER": [("", "1", "x"), ("1.", "1", "x"), ("1e", "1", "x")],
    "filters.values._QUOTED": [('"', '""', "x"), ('"', "a", ""), ('"', '""', '"x')],
    "tmf.schema._NUMERIC_ID": [("", 'Id":-', "x"), ("", 'Id":', "")],
    "tmf.json._BYTE": [("", "(byte 1", ""), ("(byte ", "1", "")],
    "tmf.json._WHOLE": [("", "1", "")],
    "tmf.json_faults._BEFORE_LONE": [
        ("", "\\n", "\\ud800"),
        ("", "\\", ""),
        ("", "\\ud83d\\ude00", ""),
        ("", "\\ud83d", ""),
    ],
    "tmf.json_faults._NUL": [("", "\\\\", ""), ("", "\\\\u0000", ""), ("", "\\", "u0000")],
    "tmf.json_faults._PIECES": [
        ('"', '\\"', ""),
        ('"', "\\", ""),
        ("", '"', ""),
        ("", "a", ""),
        ("", " ", ""),
        ("", "[", ""),
    ],
    "tmf.json_faults._STRINGS": [('"', "a", '"'), ("", '""', ""), ("", '"\\""', "")],
    "tmf.json_patch._BAD_ESCAPE": [("", "~0", ""), ("", "~", "")],
    "tmf.json_patch._INDEX": [("", "1", "x")],
    "tmf.schema._IDENTIFIER_PATTERN": [("", "a", "\n"), ("", " ", ""), ("a", " ", "\n")],
    "tmf.schema_keywords._RFC_3339": [("2026-01-01T00:00:00.", "1", ""), ("", "2026-01-01T", "")],
    "tmf.schema_keywords._URI": [("", "a", ""), ("a:", "a", " ")],
    "tmf.shapes._URI": [("", "a", ""), ("a:", "a", " ")],
    "filters.sorting._PATH": [("", "a.", ""), ("", "a", "!")],
    "carts.rules._NUMBER": [("", "0", "x"), ("", "1", "")],
    "ordering.readback.markers._SIGNS": [("", "-a", ""), ("", "-", "")],
    "ordering.readback.markers._is_another_generation": [
        ("", "gw1-abcdefghijklmnop-", ""),
        ("gw1-abcdefghijklmnop-", "1", ""),
    ],
    "submission.decisions.refusal._IN_TEXT": [
        ("", "productOrderItem", ""),
        ("", "productOrderItem[1", ""),
        ("productOrderItem[1]", "a", "!"),
        ("productOrderItem[", "1", ""),
    ],
    "submission.decisions.refusal._SEGMENT": [("", "a.", ""), ("", "a", ""), ("", ".", "")],
    "commands.times._AGO": [("", "1", ""), ("", "1", "x")],
    "tmf.charge_words._COUNTED": [("", "1", ""), ("1", "a", "1")],
    "tmf.charge_words._ISO_DURATION": [("P", "1", ""), ("", "P1", "")],
    "tmf.moments._FORM": [("2026-01-01T00:00:00.", "1", ""), ("", "2026-01-01T", "")],
    "upstream.control._MARKER": [
        ("", "gw1-abcdefghijklmnop-1", "x"),
        ("gw1-abcdefghijklmnop-", "1", "x"),
        ("", "gw1-", ""),
    ],
    "upstream.rows._ZONED": [("", "T", ""), ("", " ", "x"), ("", "T1+01", ""), ("T", "+01:00", "x")],
    "upstream.answers._SECONDS": [("", "1", "x")],
    "upstream.answers._SEPARATORS": [("", "a", "")],
    "ordering.tracing.accounting._IN_TYPE": [("", "@type", ""), ("", "@", "")],
    "ordering.tracing.accounting._RULES": [("", "a", ""), ("", ".", ""), ("", "[", "")],
    "security.claims._CLIENT": [("", "a", "!"), ("", "-", "")],
    "security.claims._TENANT": [("", "a", "!"), ("a", "-", "")],
    "tracking.events._MARKER": [
        ("", "gw1-abcdefghijklmnop-1", "x"),
        ("gw1-abcdefghijklmnop-", "1", "x"),
        ("", "gw1-", ""),
    ],
    "tracking.events._MARKER_AT_END": [
        ("", "gw1-abcdefghijklmnop-1", "x"),
        ("gw1-abcdefghijklmnop-", "1", "x"),
        ("", "gw1-", ""),
    ],
    "security.tokens._ENTRY": OPERATOR,
    "security.tokens._SUBJECT": OPERATOR,
    "settings.unsafe._ORIGIN": OPERATOR,
    "settings.unsafe._TENANT": OPERATOR,
}
# Expressions that a function makes: what looks at a text with them.
MADE_BY: Final[dict[str, Callable[[Any], Any]]] = {
    "ordering.tracing.leaves._holder": leaves._holder(20),
    "ordering.readback.markers._is_another_generation": lambda text: markers._is_another_generation(
        text, "gw1-abcdefghijklmnop-0"
    ),
    "ordering.tracing.accounting._RULES": lambda text: re.split(r"[.\[]", text, maxsplit=1),
    "ordering.tracing.slots.in_standard_places": re.compile(
        r"((?:^|\.)product(?:\[\d+\])?\.)productCharacteristic(?=\[|\.|$)"
    ).search,
}


def where_used(path: Path) -> set[str]:
    """Return where a module uses `re`: the constant that is assigned, or the function around it."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    found: set[str] = set()

    def walk(node: ast.AST, name: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign) and not name:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            name = target.id if isinstance(target, ast.Name) else ast.unparse(target)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{function}" for function in FUNCTIONS}:
            found.add(f"{module}.{name}")
        elif isinstance(node, ast.ImportFrom) and node.module == "re":
            found.add(f"{module}: import re instead")
        for child in ast.iter_child_nodes(node):
            walk(child, name)

    walk(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


def looks_at(where: str) -> Callable[[Any], Any]:
    """Return what the expression does with a text, however it is used: from its beginning, anywhere, everywhere."""
    if where in MADE_BY:
        return MADE_BY[where]
    module, _, name = where.rpartition(".")
    pattern: re.Pattern[Any] = getattr(importlib.import_module(f"gateway.{module}"), name)

    def look(text: str) -> None:
        given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.match(given)
        pattern.fullmatch(given)
        if name not in FROM_THE_BEGINNING:
            for _ in pattern.finditer(given):
                pass

    return look


# Used with `match` and `fullmatch` only (a test looks): what would be quadratic if it were searched for may stand.
FROM_THE_BEGINNING: Final = frozenset(
    {
        "_BEFORE_LONE",
        "_CORRELATION_ID",
        "_ENTITY_TAG",
        "_HOST",
        "_IN_ENTRY",
        "_LABEL",
        "_LEADING",
        "_MOMENT",
        "_NAME",
        "_NUMBER",
    }
    | {
        "_PATH",
        "_QUOTED",
        "_RFC3339",
        "_RFC_3339",
        "_SECONDS",
        "_URI",
        "_URL",
        "_VERSION_TAG",
        "_IDENTIFIER_PATTERN",
        "_INDEX",
        "_COUNTED",
        "_FORM",
        "_ISO_DURATION",
    }
)
CASES: Final = [
    pytest.param(where, *attack, id=f"{where} {attack}")
    for where, attacks in KNOWN.items()
    if not isinstance(attacks, str)
    for attack in attacks
]


def test_every_expression_is_known_here() -> None:
    used = set().union(*map(where_used, ROOT.rglob("*.py")))
    assert used == set(KNOWN), "write an input that grows for it"


def test_what_is_looked_for_from_the_beginning_is_never_searched_for() -> None:
    names = "|".join(FROM_THE_BEGINNING)
    searched = re.compile(rf"\b(?:{names})\.(?:search|findall|finditer|sub|subn|split)\(")
    assert [path.name for path in ROOT.rglob("*.py") if searched.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(("where", "before", "part", "after"), CASES)
def test_an_expression_takes_time_in_proportion_to_the_text(where: str, before: str, part: str, after: str) -> None:
    look = looks_at(where)
    assert growth(lambda size: seconds_of(look, before + part * (size // len(part)) + after), SIZE) <= 2.5
