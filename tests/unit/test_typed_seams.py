"""What stages hand to each other is typed: no `Any` in a public signature or a field, and none in what packages call across."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from gateway.services import Services
from tests.support.package_calls import SharedFunction, shared_functions

ROOT = Path(__file__).resolve().parents[2] / "gateway"
# What decides, what is decided and what carries it out. What reads a JSON document takes it for the Any that it is, and hands on
# a typed value: these are the modules behind it.
SEAMS = (
    "background.py",
    "checkouts/stored/abandoned.py",
    "checkouts/stored/pauses.py",
    "checkouts/row_changes.py",
    "ordering/calls/plan.py",
    "ordering/readback/live.py",
    "ordering/readback/matching.py",
    "submission",
    "tracking/machine.py",
    "tracking/polling.py",
    "tracking/reading.py",
    "tracking/store.py",
    "tracking/tracker.py",
    "upstream/evidence.py",
    "upstream/port.py",
)


def seams() -> Iterator[Path]:
    for name in SEAMS:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def untyped(source: str) -> Iterator[str]:
    """Yield each public function and each field of a public class whose type says `Any`."""
    for where in (tree := ast.parse(source)).body + [
        part for c in tree.body if isinstance(c, ast.ClassDef) for part in c.body
    ]:
        match where:
            case ast.FunctionDef(name=name, args=args) | ast.AsyncFunctionDef(name=name, args=args):
                every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
                annotations = [where.returns, *(each.annotation for each in every if each is not None)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                annotations = [where.annotation]
            case _:
                continue
        if not name.startswith("_") and any("Any" in ast.unparse(each) for each in annotations if each is not None):
            yield f"{name} (line {where.lineno})"


@pytest.mark.parametrize("path", sorted(seams()), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_between_stages_is_any(path: Path):
    assert list(untyped(path.read_text("utf-8"))) == []


# What libraries leave open in their own types. A JSON document is called one (`gateway.documents`), what a driver gives `Columns`.
OPEN = re.compile(r"\b(ASGIConnection|Column|ColumnElement|Request|Row|Select)\[[^\[\]]*\]")


def says_any(function: SharedFunction) -> bool:
    annotations = [function.node.returns, *(each.annotation for each in function.parameters)]
    return any("Any" in OPEN.sub("", ast.unparse(each)) for each in annotations if each is not None)


def test_nothing_that_packages_call_across_is_any():
    assert [str(each) for each in shared_functions() if says_any(each)] == []


def test_nothing_that_the_stages_share_is_any():
    assert [field.name for field in fields(Services) if "Any" in str(field.type)] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(row: Row[Any]) -> None: ...",
        "async def f(*rows: Any) -> None: ...",
        "class C:\n    def f(self) -> dict[str, Any]: ...",
        "class C:\n    field: list[Any]",
    ],
)
def test_a_type_that_says_nothing_is_found(source: str):
    assert list(untyped(source))
