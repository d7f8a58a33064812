"""Mapping files read again by real processes, on a real SIGHUP: never ended by it, never by a bad file in force."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from child_environment import child_environment

from gateway.resources import load_mapping
from gateway.sandbox import SandboxOptions, serving
from gateway.sandbox.options import API_ROOTS

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at signals through /proc"),
]
ROOT = Path(__file__).resolve().parents[2]
CHECKOUTS = "/tmf-api/checkoutManagement/v1/checkout"
READY_SECONDS = 60.0
NAME = "salesforce-v4"


class Process:
    """A `gateway` process whose output and log go to files."""

    def __init__(self, folder, arguments, environment):
        self.output, self.log_file = folder / f"{arguments[0]}.out", folder / f"{arguments[0]}.log"
        with self.output.open("wb") as output, self.log_file.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", *arguments],
                cwd=folder,
                env=child_environment(PYTHONPATH=str(ROOT), GATEWAY_LOG__FORMAT="json") | environment,
                stdout=output,
                stderr=log,
            )

    def wait(self, condition, meanwhile=lambda: None):
        deadline = time.monotonic() + READY_SECONDS
        while not (found := condition()):
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}:\n{self.log_file.read_text()}"
            assert time.monotonic() < deadline, self.log_file.read_text()
            meanwhile()
            time.sleep(0.01)
        return found

    def ready(self):
        """Return the first line of its output, once it is there."""
        return self.output.read_text().partition("\n")[0] if "\n" in self.output.read_text() else ""

    def hang_up(self):
        self.popen.send_signal(signal.SIGHUP)

    def hears_hangups(self):
        """Tell whether SIGHUP would not end it: it is ignored or caught."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigIgn:", "SigCgt:"))]
        return any(mask & 1 << (signal.SIGHUP - 1) for mask in masks)

    def logged(self, event):
        entries = [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry.get("event") == event]

    def logged_after(self, event, count, act):
        """Do something and return what is logged as `event` beyond the `count` entries that are there."""
        act()
        return self.wait(lambda: self.logged(event)[count:])


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    return tmp_path


@pytest.fixture
def start(folder):
    with ExitStack() as stack:

        @contextmanager
        def ended(process):
            try:
                yield process
            finally:
                process.popen.kill()
                process.popen.wait()

        def start_one(*arguments, **environment):
            named = {"GATEWAY_MAPPINGS__FOLDER": str(folder / "mappings"), **environment}
            return stack.enter_context(ended(Process(folder, arguments, named)))

        yield start_one


def upstream(address="http://127.0.0.1:1"):
    return {
        "GATEWAY_UPSTREAMS__SHOP__BASE_URL": address + API_ROOTS[NAME],
        "GATEWAY_UPSTREAMS__SHOP__MAPPING": NAME,
    }


def write(folder, items_max):
    """Write the mapping anew; return its hash, None when it is wrong."""
    path = folder / "mappings" / f"{NAME}.toml"
    lines = (ROOT / "mappings" / path.name).read_text().splitlines()
    path.write_text("\n".join(f"items_max = {items_max}" if line.startswith("items_max") else line for line in lines))
    return load_mapping(path).hash if items_max > 0 else None


def wanted(count=4):
    items = [{"id": str(n), "action": "add", "quantity": 1, "productOffering": {"id": f"P{n}"}} for n in range(count)]
    return {"shoppingCart": {"cartItem": items}, "relatedParty": [{"id": "CD1", "role": "customer"}]}


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=["serve", "worker"])
def test_a_hangup_before_it_is_ready_does_not_end_it_and_is_heard(start, command):
    process = start(*command, **upstream())
    process.wait(process.hears_hangups)
    assert not process.ready(), "it was ready before a signal could be sent"
    process.wait(process.ready, meanwhile=process.hang_up)
    process.wait(lambda: process.logged("mappings.reloaded"))
    process.popen.send_signal(signal.SIGTERM)
    for _ in range(20):
        process.hang_up()
    assert process.popen.wait(READY_SECONDS) == 0, process.log_file.read_text()


def test_a_running_service_keeps_the_old_mapping_when_a_reload_is_bad_and_takes_a_good_one(start, folder):
    process = start("serve", "--port", "0", **upstream())
    address = process.wait(process.ready).removeprefix("gateway ready on ")

    def calls():
        answer = httpx.post(f"{address}{CHECKOUTS}/preview", json=wanted())
        assert answer.status_code == 200, answer.text
        return [step["itemCount"] for step in answer.json()["step"] if step["kind"] != "submit"]

    assert calls() == [4]
    write(folder, 0)
    kept = process.logged_after("mappings.kept", 0, process.hang_up)
    assert kept[0]["mistakes"] == 1
    (refused,) = process.logged("mappings.refused")
    for word in (f"{NAME}.toml", "limits.items_max", "must be", "at least 1"):
        assert word in refused["mistake"], refused
    assert refused["level"] == "error"
    assert calls() == [4]
    fresh = write(folder, 2)
    reloaded = process.logged_after("mappings.reloaded", 0, process.hang_up)
    assert (reloaded[0]["changed"], reloaded[0]["hashes"]) == ([NAME], [fresh])
    assert calls() == [2, 2]


async def test_a_worker_does_the_same_and_each_call_names_the_text_that_wrote_it(start, folder):
    async with serving(SandboxOptions(port=0, mapping=NAME)) as sandbox:
        at = upstream(sandbox.address)
        old = write(folder, 3)
        server = start("serve", "--port", "0", GATEWAY_SERVER__WORKER="false", **at)
        address = (await asyncio.to_thread(server.wait, server.ready)).removeprefix("gateway ready on ")
        worker = start("worker", **at)
        await asyncio.to_thread(worker.wait, worker.ready)

        async def hashes():
            """Check a cart out; return the hashes of the plan and of each call when it is submitted."""
            async with httpx.AsyncClient(base_url=address) as client, asyncio.timeout(READY_SECONDS):
                checkout = (await client.post(CHECKOUTS, json=wanted())).json()
                while checkout["state"] != "submitted":
                    assert checkout["state"] in {"accepted", "drafting", "submitting"}, checkout["statusReason"]
                    await asyncio.sleep(0.05)
                    checkout = (await client.get(f"{CHECKOUTS}/{checkout['id']}")).json()
                return checkout["mappingHash"], {step["mappingHash"] for step in checkout["step"]}

        assert await hashes() == (old, {old})
        write(folder, 0)
        await asyncio.to_thread(worker.logged_after, "mappings.kept", 0, worker.hang_up)
        assert "limits.items_max" in worker.logged("mappings.refused")[0]["mistake"]
        assert await hashes() == (old, {old})
        new = write(folder, 2)
        await asyncio.to_thread(worker.logged_after, "mappings.reloaded", 0, worker.hang_up)
        assert await hashes() == (old, {new}), "the plan is the server's, which was not told"
