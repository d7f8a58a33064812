"""The page about a partner's day, run as it stands: every `sh` block of it, in one shell, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.demo.processes import free_ports

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.processes


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="the page uses curl and bash")
def test_every_block_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/a-partners-day.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 10
    sandbox_port, gateway_port = free_ports(2)
    script = "".join(blocks).replace("8622", str(sandbox_port)).replace("8663", str(gateway_port))
    command = tmp_path / "bin" / "gateway"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway.cli "$@"\n')
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {
        "GATEWAY_SERVER__PORT": str(gateway_port),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with (tmp_path / "output").open("wb") as stream:
        shell = subprocess.Popen(
            # Whatever happens, what runs in the background ends with the shell.
            ["bash", "-euo", "pipefail", "-c", f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        shell.wait(timeout=120)
    finally:
        shell.terminate()
        shell.wait()
        for name in ("sandbox.log", "gateway.log", "listen.log", "output"):
            print(name, (tmp_path / name).read_text() if (tmp_path / name).exists() else "is missing")

    assert shell.returncode == 0
    output = (tmp_path / "output").read_text()
    assert '"state": "done"' in output
    assert output.rstrip().endswith("cancelled")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[0]["eventType"] == "ProductOrderCreateEvent"
    assert {event["event"]["productOrder"]["externalId"] for event in events} == {"PO-2026-0815"}
