"""Which functions of the gateway other packages call, read from the syntax trees: the seams between the rooms."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
Name = tuple[str, str]  # of a module, and in it


class SharedFunction(NamedTuple):
    """A function at the top of a module, and the packages beside its own that call it."""

    path: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef
    packages: frozenset[str]

    @property
    def parameters(self) -> list[ast.arg]:
        """Its parameters, in their order."""
        named = self.node.args
        every = [*named.posonlyargs, *named.args, named.vararg, *named.kwonlyargs, named.kwarg]
        return [each for each in every if each is not None]

    def __str__(self) -> str:
        """As a test names it."""
        return f"{self.path.relative_to(ROOT / 'gateway')}:{self.node.name}"


@cache
def shared_functions() -> tuple[SharedFunction, ...]:
    """Return every function that another package imports by name, through a face or as `module.function`; most callers first."""
    modules = {_name_of(path): (path, ast.parse(path.read_text("utf-8"))) for path in (ROOT / "gateway").rglob("*.py")}
    functions: dict[Name, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    passed_on: dict[Name, Name] = {}
    for module, (_, tree) in modules.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions[module, node.name] = node
            elif isinstance(node, ast.ImportFrom) and node.module:
                passed_on.update(((module, each.asname or each.name), (node.module, each.name)) for each in node.names)

    def resolved(name: Name) -> Name | None:
        while name not in functions:
            if name not in passed_on:
                return None
            name = passed_on[name]
        return name

    packages: dict[Name, set[str]] = defaultdict(set)
    for module, (_, tree) in modules.items():
        for called in _named(tree, set(modules)):
            found = resolved(called)
            if found is not None and _package(found[0]) != _package(module):
                packages[found].add(_package(module))
    shared = [
        SharedFunction(modules[name[0]][0], functions[name], frozenset(callers)) for name, callers in packages.items()
    ]
    return tuple(sorted(shared, key=lambda each: (-len(each.packages), str(each))))


def _named(tree: ast.Module, modules: set[str]) -> Iterator[Name]:
    """Yield what a module imports of others by name, and what it takes of modules that it imports."""
    whole: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gateway"):
            for each in node.names:
                if f"{node.module}.{each.name}" in modules:
                    whole[each.asname or each.name] = f"{node.module}.{each.name}"
                else:
                    yield node.module, each.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in whole:
            yield whole[node.value.id], node.attr


def _name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else module
