"""The tutorial, run as it stands: every `sh` block of docs/tutorial.md, in one shell, in an empty folder."""

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


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the tutorial uses curl and bash"
)
def test_the_tutorial_ends_with_one_completed_order(tmp_path: Path):
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/tutorial.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    sandbox_port, gateway_port = free_ports(2)
    script = "".join(blocks).replace("8622", str(sandbox_port)).replace("8663", str(gateway_port))
    command = tmp_path / ".venv" / "bin" / "gateway"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway.cli "$@"\n')
    command.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {
        "GATEWAY_SERVER__PORT": str(gateway_port),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    with (tmp_path / "output").open("wb") as stream:
        shell = subprocess.Popen(
            # Whatever happens, the two processes in the background end with the shell.
            ["bash", "-euo", "pipefail", "-c", f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        shell.wait(timeout=60)
    finally:
        shell.terminate()
        shell.wait()
        for name in ("sandbox.log", "gateway.log"):
            print((tmp_path / name).read_text() if (tmp_path / name).exists() else f"no {name}")
    output = (tmp_path / "output").read_text()

    assert shell.returncode == 0, output
    assert "upstream crm: http://127.0.0.1" in output
    assert '"@type": "CheckoutPreview"' in output
    assert '"code": "left_behind"' in output
    ledger = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    submitted = [entry for entry in ledger if entry["effect"] == "submitted"]
    assert len(submitted) == 1
    assert [line["offering"] for line in submitted[0]["lines"]] == ["MOBILE_PLAN", "ROAMING_PACK"]
