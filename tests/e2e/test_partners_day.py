"""The page about a partner's day, run as it stands: every `sh` block of it, in one shell, in an empty folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.pages import needs_a_shell, run_page

pytestmark = pytest.mark.processes


@needs_a_shell
def test_every_block_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    run = run_page("docs/how-to/a-partners-day.md", tmp_path, blocks=10, seconds=120)

    assert run.status == 0, run.output
    assert '"state": "done"' in run.output
    assert run.output.rstrip().endswith("cancelled")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[0]["eventType"] == "ProductOrderCreateEvent"
    assert {event["event"]["productOrder"]["externalId"] for event in events} == {"PO-2026-0815"}
