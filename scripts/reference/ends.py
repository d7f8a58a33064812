"""The page of how a checkout ends with each misbehaviour, from the table that the tests hold the gateway to."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from gateway.sandbox.misbehaviours import MISBEHAVIOURS
from scripts.reference.markdown import code, page, table

_TABLE = Path(__file__).resolve().parents[2] / "tests" / "properties" / "misbehaviour_ends.py"
_INTRODUCTION = """
What becomes of a checkout when its order system does one of the things of [this table](misbehaviours.md). The simulation
(`tests/properties/test_hostile_systems.py`) plays each of them, alone and with others, against the whole gateway and holds
it to these ends. In none of them is an order doubled by the gateway, lost, told as refused while it is live, mistaken for
another's, or live with other contents without a word.

*completed*: one live order, with what was sent. *told*: one live order that differs from what was sent, and the checkout
says so. *rejected*: refused, and nothing is live. *held*: a person decides; the reason names what was seen and what to do.
*contents* and *unnoticed* are limits: what an order system did there nobody can read back, or nobody looks at any more.
*waits*: open, with a reason and the time of the next attempt. Where several are given, it depends on which call was struck.
"""


def ends_page() -> str:
    """Return the page."""
    ends_of = _table().ends_of
    rows = []
    for name, each in MISBEHAVIOURS.items():
        ends = [ends_of(name, kind) for kind in ("drafts", "live")]
        why = " ".join(dict.fromkeys(end.why for end in ends if end is not None and end.why))
        live = "/".join("-" if end is None else f"{'up to ' if end.live_max > 1 else ''}{end.live_max}" for end in ends)
        rows.append((code(name), each.does, *(_cell(end) for end in ends), live, why))
    heads = (
        "misbehaviour",
        "what the order system does",
        "with drafts",
        "POST is live",
        "live orders (drafts/live)",
        "what is known where it is held, waits or is told",
    )
    return page("How a checkout ends, whatever the order system does", _introduction(), table(heads, rows))


def _introduction() -> str:
    return "\n\n".join(" ".join(part.split()) for part in _INTRODUCTION.strip().split("\n\n"))


def _cell(ends: Any) -> str:
    if ends is None:
        return ""
    sometimes, always = (" or ".join(sorted(words)) for words in (ends.sometimes, ends.always))
    return sometimes if sometimes == always else f"{sometimes}; always: {always}"


def _table() -> Any:
    """Load the module of the tests that holds the table."""
    spec = importlib.util.spec_from_file_location("misbehaviour_ends", _TABLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
