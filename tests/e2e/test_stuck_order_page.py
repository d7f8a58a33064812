"""The page about an order that seems stuck, run as it stands: every `sh` block, in one shell, in an empty folder."""

from __future__ import annotations

import csv
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
def test_from_an_order_number_to_an_answer(tmp_path: Path):
    page = (ROOT / "docs/how-to/find-a-stuck-order.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    sandbox_port, gateway_port = free_ports(2)
    script = "".join(blocks).replace("8622", str(sandbox_port)).replace("8663", str(gateway_port))
    command = tmp_path / "bin" / "gateway"
    command.parent.mkdir(parents=True)
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
            # Whatever happens, the two processes in the background end with the shell.
            ["bash", "-euo", "pipefail", "-c", f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        shell.wait(timeout=90)
    finally:
        shell.terminate()
        shell.wait()
        for name in ("sandbox.log", "gateway.log"):
            print((tmp_path / name).read_text() if (tmp_path / name).exists() else f"no {name}")
    output = (tmp_path / "output").read_text()

    assert shell.returncode == 0, output
    checkout = json.loads((tmp_path / "checkout.json").read_text())
    order = checkout["productOrder"]["id"]
    assert f"{order} is known as productOrder" in output
    lines = output.splitlines()
    assert lines.count(order) == 1, "the request's id leads to the order"
    assert int(next(line for line in lines if line.isdigit() and line != order)) >= 3
    assert "completed" in lines, "the process flow ended"
    assert '"@type": "Payload"' in output
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    kinds = [(row["kind"], row["action"]) for row in rows]
    assert ("call", "create") in kinds
    assert ("answer", "submit") in kinds
    assert ("action", "poll") in kinds
    assert {row["checkout"] for row in rows} == {checkout["id"]}
