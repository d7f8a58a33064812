"""A name in the table of misbehaviours that nothing implements would do nothing, without a word."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

from gateway.sandbox import hostile
from gateway.sandbox.misbehaviours import MISBEHAVIOURS, RETRY_AFTER

FILES = sorted(Path(hostile.__file__).parent.glob("*.py"))
# Those that `answer_to` tells by the number in their names.
BY_STATUS = re.compile(r"(?:done|refused|replay)-[1-5][0-9]{2}")


def implemented() -> set[str]:
    """Return the texts that the files of misbehaviours look names up by: those written in them, and the keys of their tables."""
    names = {f"retry-after-{form}" for form in RETRY_AFTER}
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        module = importlib.import_module(f"{hostile.__name__}.{file.stem}") if file.stem != "__init__" else hostile
        for table in vars(module).values():
            if isinstance(table, dict) and table is not MISBEHAVIOURS:
                names |= {key for key in table if isinstance(key, str)}
    return names


def test_every_name_of_the_table_is_implemented_by_some_file():
    known = implemented()
    assert [name for name in MISBEHAVIOURS if name not in known and not BY_STATUS.fullmatch(name)] == []
    assert len(FILES) > 5
    assert "no-such-misbehaviour" not in known
