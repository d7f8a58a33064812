"""`gateway doctor` as a person runs it: against the sandbox, its result printed, stored, and told by its exit code."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner

from gateway.cli import main
from gateway.sandbox import SandboxOptions, parse_fault, serving
from gateway.sandbox.options import API_ROOTS
from gateway.settings import StorageSettings
from gateway.storage import open_database
from gateway.storage.capabilities import measurements


@contextmanager
def sandbox(name, *faults) -> Iterator[str]:
    """Run a sandbox in a loop of its own: the command has one, too. Yields its API root."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    address: list[str] = []

    async def run() -> None:
        options = SandboxOptions(mapping=name, port=0, state_delay_seconds=30, faults=tuple(map(parse_fault, faults)))
        async with serving(options) as server:
            address.append(server.address + API_ROOTS[name])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def doctor(tmp_path, url, mapping, *arguments):
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[storage]\nurl = "sqlite:///{tmp_path}/gateway.db"\n[upstreams.crm]\nbase_url = "{url}"\nmapping = "{mapping}"\n'
    )
    return CliRunner().invoke(main, ("doctor", *arguments, "--config", str(config)))


def stored(tmp_path):
    async def read():
        database = open_database(StorageSettings(url=f"sqlite:///{tmp_path}/gateway.db"))
        try:
            return await database.read(measurements)
        finally:
            await database.close()

    return asyncio.run(read())


def test_a_good_order_system_is_measured_stored_and_left_clean(tmp_path):
    with sandbox("salesforce-v4") as url:
        answer = doctor(tmp_path, url, "salesforce-v4", "crm", "--write", "--format", "json", "--wait", "5")
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.stdout)
    assert document["contradiction"] in ([], ["paging"]), "four orders are needed to see how pages go"
    seen = {each["name"]: each["verdict"] for each in document["capability"]}
    assert seen["marker_kept"] == seen["marker_found"] == seen["growth"] == seen["test_order_voided"] == "works"
    measured = stored(tmp_path)["crm"]
    assert measured.wrote
    assert measured.finds_markers(document["mappingHash"])


def test_a_mapping_that_relies_on_a_filter_that_finds_nothing_is_told_so(tmp_path):
    with sandbox("tmf622-v4", "filter-empty=1") as url:
        answer = doctor(tmp_path, url, "tmf622-v4", "crm", "--write", "--wait", "1")
    assert answer.exit_code == 1, answer.output
    assert "The mapping claims too much:" in answer.stdout
    assert 'recovery.find = "filter", filter_parameter = "externalId" relies on marker_found' in answer.stdout
    assert not stored(tmp_path)["crm"].finds_markers(stored(tmp_path)["crm"].mapping_hash)


def test_an_upstream_that_is_not_configured_is_wrong_usage(tmp_path):
    answer = doctor(tmp_path, "http://127.0.0.1:1", "tmf622-v4", "other")
    assert answer.exit_code == 2
    assert "there is no upstream 'other'; there are: crm" in answer.output
