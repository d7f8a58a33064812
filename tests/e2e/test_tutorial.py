"""The tutorial, run as it stands: every `sh` block of docs/tutorial.md, in one shell, in an empty folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.pages import needs_a_shell, run_page

pytestmark = pytest.mark.processes


@needs_a_shell
def test_the_tutorial_ends_with_one_completed_order(tmp_path: Path):
    run = run_page("docs/tutorial.md", tmp_path, blocks=7, seconds=60, on_path=False)

    assert run.status == 0, run.output
    assert "upstream crm: http://127.0.0.1" in run.output
    assert '"@type": "CheckoutPreview"' in run.output
    assert '"code": "left_behind"' in run.output
    ledger = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    submitted = [entry for entry in ledger if entry["effect"] == "submitted"]
    assert len(submitted) == 1
    assert [line["offering"] for line in submitted[0]["lines"]] == ["MOBILE_PLAN", "ROAMING_PACK"]
