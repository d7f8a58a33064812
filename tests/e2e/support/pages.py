"""A page of the docs, run as it stands: every `sh` block of it, in one shell, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from child_environment import child_environment

from gateway.demo.processes import free_ports

ROOT: Final = Path(__file__).resolve().parents[3]
needs_a_shell = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the pages use curl and bash"
)


class PageRun(NamedTuple):
    """What became of a page: the exit status of its shell, and all that was printed."""

    status: int
    output: str


def run_page(page: str, folder: Path, *, blocks: int, seconds: float, on_path: bool = True) -> PageRun:
    """Run the page, which has so many blocks, on free ports.

    It finds `gateway` on its path or, where `on_path` is false, only as `.venv/bin/gateway`, as in a fresh clone.

    Prints the logs of what ran in the background, for a test that fails. Raises subprocess.TimeoutExpired after `seconds`.
    """
    found = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == blocks
    sandbox_port, gateway_port = free_ports(2)
    script = "".join(found).replace("8622", str(sandbox_port)).replace("8663", str(gateway_port))
    executable = folder / ("bin" if on_path else ".venv/bin") / "gateway"
    executable.parent.mkdir(parents=True)
    executable.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway.cli "$@"\n')
    executable.chmod(0o755)
    environment = child_environment(
        GATEWAY_SERVER__PORT=str(gateway_port),
        PYTHONPATH=str(ROOT),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    if on_path:
        environment["PATH"] = f"{executable.parent}:{environment['PATH']}"
    with (folder / "output").open("wb") as stream:
        shell = subprocess.Popen(
            # Whatever happens, what runs in the background ends with the shell.
            ["bash", "-euo", "pipefail", "-c", f"set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        shell.wait(timeout=seconds)
    finally:
        shell.terminate()
        shell.wait()
        for log in sorted(folder.glob("*.log")):
            print(log.name, log.read_text())
        print((folder / "output").read_text())
    return PageRun(shell.returncode, (folder / "output").read_text())
