"""What packages call across says what it takes, in which units, what it raises, and where its rule comes from."""

from __future__ import annotations

import ast
import builtins
import re

import pytest

from gateway import errors
from tests.support.package_calls import ROOT, SharedFunction, shared_functions

PACKAGES_MIN = 4
# The way from a cart to calls and back is called by few, and is what a newcomer reads first.
WAY = {"compare_live", "match_expected", "plan", "read_mapping", "render", "translate"}
NUMBERS = {"int", "float", "Decimal"}
UNITS = re.compile(r"\b(bytes|count|items|levels|seconds|HTTP status|version|amount of money)\b")


def seams() -> list[SharedFunction]:
    """Return the functions that many packages call, and those of the way through `ordering`."""
    return [
        each
        for each in shared_functions()
        if len(each.packages) >= PACKAGES_MIN or (each.node.name in WAY and "ordering" in each.path.parts)
    ]


def lacking(function: SharedFunction) -> list[str]:
    """Return what the docstring of a function does not say."""
    text = ast.get_docstring(function.node) or ""
    arguments, raises, source = (_section(text, name) for name in ("Args", "Raises", "Source"))
    found = []
    for parameter in function.parameters:
        said = re.search(rf"^ *{parameter.arg}: (.+?)(?=^ *\w+: |\Z)", arguments, re.MULTILINE | re.DOTALL)
        if said is None:
            found.append(f"what {parameter.arg} is")
        elif _is_number(parameter) and not UNITS.search(said[1]):
            found.append(f"in which unit {parameter.arg} is")
    found += [f"that it raises {name}" for name in sorted(_raised(function.node)) if name not in raises]
    if not raises:
        found.append("what it raises")
    named = re.findall(r"\b[A-Z]\w*Error\b", raises)
    found += [
        f"an error that there is: {name} is not one"
        for name in named
        if not hasattr(errors, name) and not hasattr(builtins, name)
    ]
    if not source:
        found.append("where its rule comes from")
    numbers = [
        number for list_ in re.findall(r"decisions? (\d+(?: and \d+)*)", source) for number in re.findall(r"\d+", list_)
    ]
    found += [
        f"a decision that there is: {number} is not one"
        for number in numbers
        if not list((ROOT / "docs" / "decisions").glob(f"{int(number):04d}-*.md"))
    ]
    return found


def _section(text: str, name: str) -> str:
    """Return what stands under `name:` in a docstring, or behind it on its line, up to the next blank line."""
    found = re.search(rf"^{name}:(.*?)(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _is_number(parameter: ast.arg) -> bool:
    """Tell whether a parameter is a number, or may be one."""
    return any(
        isinstance(node, ast.Name) and node.id in NUMBERS
        for node in ast.walk(parameter.annotation or ast.Constant(None))
        if not isinstance(parameter.annotation, ast.Subscript)
    )


def _raised(node: ast.AST) -> set[str]:
    """Return the errors that the function itself raises by their names."""
    raised = (each.exc for each in ast.walk(node) if isinstance(each, ast.Raise))
    functions = (each.func if isinstance(each, ast.Call) else each for each in raised)
    names = (each.value if isinstance(each, ast.Attribute) else each for each in functions)
    return {each.id for each in names if isinstance(each, ast.Name) and each.id.endswith("Error")}


def test_what_packages_call_across_says_what_it_takes_and_raises():
    found = {str(each): lacking(each) for each in seams()}

    assert {name: lacks for name, lacks in found.items() if lacks} == {}
    assert len(found) >= 40


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(a): '''Do.'''", ["what a is", "what it raises", "where its rule comes from"]),
        (
            "def f(a: int):\n    '''Do.\n\n    Args:\n        a: a number.\n\n    Raises:\n        Nothing.\n\n    Source: ours.\n    '''",
            ["in which unit a is"],
        ),
        (
            "def f():\n    '''Do.\n\n    Raises:\n        NoSuchError: no.\n\n    Source: decision 999.\n    '''\n    raise ValueError",
            [
                "that it raises ValueError",
                "an error that there is: NoSuchError is not one",
                "a decision that there is: 999 is not one",
            ],
        ),
    ],
)
def test_a_docstring_that_lacks_something_is_found(source: str, said: list[str]):
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert lacking(SharedFunction(ROOT, node, frozenset())) == said
