"""What a decision changes is typed, and no decision reads a sentence."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from gateway.checkouts.model import CheckoutRecord
from gateway.checkouts.reasons import MEANING, OF_THE_UPSTREAM, Awaiting, ReasonCode
from gateway.checkouts.row_changes import FRESH_DRAFT, CheckoutChanges, StepChanges
from gateway.checkouts.states import FOLLOWERS, CheckoutState
from gateway.checkouts.states import MEANING as STATES
from gateway.storage.tables import checkout, checkout_step

ROOT = Path(__file__).resolve().parents[3]
DECIDING = [
    path for stage in ("submission", "tracking", "checkouts") for path in (ROOT / "gateway" / stage).rglob("*.py")
]
SENTENCES = {"status_reason", "detail"}

MISTAKES = {
    "a column": (
        'from gateway.checkouts.row_changes import CheckoutChanges\nchanges: CheckoutChanges = {"order_idd": "1"}\n',
        "typeddict",
    ),
    "a state": (
        'from gateway.checkouts.row_changes import CheckoutChanges\nchanges: CheckoutChanges = {"state": "submited"}\n',
        "typeddict",
    ),
    "a method of a service": (
        (
            "from gateway.services import Services\n"
            "async def read(services: Services) -> None:\n"
            '    await services.upstreams["crm"].get_ordr("1")\n'
        ),
        "attr-defined",
    ),
}


def test_mypy_refuses_each_mistake(tmp_path):
    # In one run: it reads the whole package, whatever it is asked about.
    programs = {tmp_path / f"{name.replace(' ', '_')}.py": mistake for name, mistake in MISTAKES.items()}
    for program, (source, _) in programs.items():
        program.write_text(source)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        *map(str, programs),
    ]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    for program, (source, code) in programs.items():
        told = [line for line in checked.stdout.splitlines() if f"{program.name}:" in line]
        assert len(told) == 1, checked.stdout
        assert f"{program.name}:{source.count(chr(10))}: error" in told[0]
        assert code in told[0]


def test_every_change_is_a_column():
    assert set(get_type_hints(CheckoutChanges)) <= set(checkout.c.keys())
    assert set(get_type_hints(StepChanges)) <= set(checkout_step.c.keys())
    assert FRESH_DRAFT.keys() <= get_type_hints(CheckoutChanges).keys()
    assert set(CheckoutRecord.__struct_fields__) <= set(checkout.c.keys())


def test_every_state_and_every_code_has_its_meaning_and_fits_its_column():
    assert set(get_args(CheckoutState)) == set(STATES) == set(FOLLOWERS)
    assert set(get_args(ReasonCode)) == set(MEANING) >= OF_THE_UPSTREAM
    for column, words in (("reason_code", ReasonCode), ("awaiting", Awaiting), ("state", CheckoutState)):
        assert max(map(len, get_args(words))) <= checkout.c[column].type.length


def compared(node: ast.expr) -> str | None:
    """Return the name of a sentence that an expression reads."""
    return next(
        (each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr in SENTENCES), None
    )


def sentences_read(source: str) -> list[int]:
    """Return the lines in which a condition, a comparison or a method of texts reads a sentence."""
    found = []
    for node in ast.walk(ast.parse(source)):
        conditions: list[ast.expr] = []
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            conditions = [node.test]
        elif isinstance(node, ast.Compare):
            conditions = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            conditions = [node.func.value] if node.func.attr in {"startswith", "endswith", "find", "count"} else []
        elif isinstance(node, ast.Match):
            conditions = [node.subject]
        if any(compared(each) for each in conditions):
            found.append(node.lineno)
    return found


def test_no_decision_reads_a_sentence():
    assert len(DECIDING) > 20
    read = {str(path.relative_to(ROOT)): sentences_read(path.read_text(encoding="utf-8")) for path in DECIDING}
    assert {name: lines for name, lines in read.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'x = record.status_reason.startswith("waits")',
        "x = 1 if record.status_reason == WAITS else 2",
        "if outcome.detail: pass",
        "match record.status_reason:\n    case None: pass",
    ],
)
def test_a_decision_that_reads_a_sentence_is_found(line):
    assert sentences_read(line)
