"""Requirements and imports agree, both ways: what is imported is required, and what is required is imported."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Taken by name, not imported by us: the module of a requirement that imports the package on our behalf.
IMPORTED_BY = {
    "httptools": "uvicorn.protocols.http.httptools_impl",
    "psycopg": "sqlalchemy.dialects.postgresql.psycopg",
    "uvloop": "uvicorn.loops.uvloop",
}
# Commands and plugins of the checks: run, not imported.
RUN = {
    "import-linter", "mypy", "openapi-python-client", "pytest-timeout", "pytest-xdist", "ruff",
    "types-jsonschema", "types-pyyaml",
}  # fmt: skip


def names(requirements: list[str]) -> set[str]:
    """Return the distributions of requirements, as `name>=1,<2 ; marker` names them."""
    return {
        re.split(r"[\s\[<>=~!;]", requirement, maxsplit=1)[0].lower().replace("_", "-") for requirement in requirements
    }


def imported(*folders: str) -> set[str]:
    """Return the top-level names that the modules beneath these folders import, those of the standard library left out."""
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(_imports(path.read_text("utf-8")))
    return found - set(sys.stdlib_module_names) - {"gateway", "scripts", "tests"}


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def distributions(modules: set[str]) -> set[str]:
    """Return the installed distributions that these top-level names come from; names of our own files come from none."""
    providers = importlib.metadata.packages_distributions()
    return {provider.lower().replace("_", "-") for module in modules for provider in providers.get(module, [])}


def test_what_the_gateway_imports_is_required_and_what_it_requires_is_imported():
    used = distributions(imported("gateway"))
    for package, module in IMPORTED_BY.items():
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        assert package in imported_by_text(Path(spec.origin)), f"{module} does not import {package}"

    assert used | set(IMPORTED_BY) == names(PROJECT["dependencies"])


def imported_by_text(path: Path) -> set[str]:
    """Return the top-level names that one module imports."""
    return set(_imports(path.read_text("utf-8")))


def test_what_the_tests_and_scripts_import_is_required_and_what_they_require_is_used():
    required = names(PROJECT["optional-dependencies"]["dev"])
    used = distributions(imported("tests", "scripts"))

    assert used - names(PROJECT["dependencies"]) - {PROJECT["name"]} == required - RUN


def test_every_dependency_has_its_line_among_the_decisions_with_the_version_of_the_lock_file():
    decision = (ROOT / "docs" / "decisions" / "0016-the-house.md").read_text("utf-8")
    told = dict(re.findall(r"(?<=[|,] )([a-z][a-z0-9-]+) (\d[\d.]*)", decision))
    lock = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    locked = {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^([\w-]+)(?:\[\w+\])?==([\d.]+)", lock, re.MULTILINE)
    }

    required = names(PROJECT["dependencies"])
    assert required - told.keys() == set()
    assert {name: locked[name] for name in required if f"{locked[name]}.".startswith(f"{told[name]}.") is False} == {}
    assert [name for name in names(PROJECT["optional-dependencies"]["dev"]) if name not in decision] == []
