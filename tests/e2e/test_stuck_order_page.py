"""The page about an order that seems stuck, run as it stands: every `sh` block, in one shell, in an empty folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support.pages import needs_a_shell, run_page

pytestmark = pytest.mark.processes


@needs_a_shell
def test_from_an_order_number_to_an_answer(tmp_path: Path):
    run = run_page("docs/how-to/find-a-stuck-order.md", tmp_path, blocks=8, seconds=90)

    assert run.status == 0, run.output
    checkout = json.loads((tmp_path / "checkout.json").read_text())
    order = checkout["productOrder"]["id"]
    assert f"{order} is known as productOrder" in run.output
    lines = run.output.splitlines()
    assert lines.count(order) == 1, "the request's id leads to the order"
    assert int(next(line for line in lines if line.isdigit() and line != order)) >= 3
    assert "completed" in lines, "the process flow ended"
    assert '"@type": "Payload"' in run.output
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    kinds = [(row["kind"], row["action"]) for row in rows]
    assert ("call", "create") in kinds
    assert ("answer", "submit") in kinds
    assert ("action", "poll") in kinds
    assert {row["checkout"] for row in rows} == {checkout["id"]}
