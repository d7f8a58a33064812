"""`gateway doctor` against the sandbox in its faults: the capability that a fault takes away is the one that fails.

What the doctor waits for is skipped, by the sandbox as well: no minute of this depends on how fast the machine is.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace as changed
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from skipped_time import skipped_time
from test_upstream_sandbox import shipped

from gateway.sandbox import SandboxOptions, parse_fault, profile_for, serving
from gateway.sandbox.clock import Clock
from gateway.sandbox.options import API_ROOTS
from gateway.upstream import UpstreamOptions
from gateway.upstream.doctor.measuring import look, measured
from gateway.upstream.doctor.probe import Probe
from gateway.upstream.doctor.sample import CART, made_sample
from gateway.upstream.doctor.writing import SampleRun, first_step

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
WAIT_SECONDS = 2.5


@asynccontextmanager
async def probing(tmp_path, name, *, faults=(), mapping=None, **options):
    """Yield a probe of a fresh sandbox, by `mapping` or the one that is shipped for it."""
    with skipped_time() as passing:
        sandbox = SandboxOptions(
            mapping=name,
            port=0,
            ledger_path=tmp_path / "ledger.jsonl",
            state_delay_seconds=1.0,
            faults=tuple(parse_fault(fault if "=" in fault else f"{fault}=1") for fault in faults),
            profile=changed(profile_for(name), **options),
            clock=Clock(passing.monotonic, passing.now),
        )
        async with serving(sandbox) as server:
            probe = Probe(
                UpstreamOptions(
                    name="measured",
                    base_url=server.address + API_ROOTS[name],
                    mapping=mapping or shipped(name),
                    read_timeout_seconds=2,
                    deadline_seconds=4,
                ),
                clock=passing.monotonic,
                sleep=passing.sleep,
            )
            try:
                yield probe
            finally:
                await probe.close()


def run_of(mapping, wait_seconds=WAIT_SECONDS):
    return SampleRun(
        sample=made_sample(CART, mapping, NOW),
        marker="gw1-aaaaaaaaaaaaaaaa-0",
        second_marker="gw1-bbbbbbbbbbbbbbbb-0",
        wait_seconds=wait_seconds,
    )


async def make(probe, count=4):
    """Make orders of a gateway, so that lists have pages."""
    for letter in "cdefgh"[:count]:
        run = replace(run_of(probe.mapping), marker=f"gw1-{letter * 16}-0")
        await probe.send(first_step(run))


async def measure(probe, *, write=True, wait_seconds=WAIT_SECONDS):
    await make(probe)
    seen = await look(probe, (), run_of(probe.mapping, wait_seconds) if write else None)
    return measured("measured", seen, probe.mapping, NOW)


@pytest.mark.parametrize("name", ["salesforce-v4", "tmf622-v4", "tmf622-v5"])
async def test_a_sandbox_that_keeps_to_its_mapping_does_all_that_the_mapping_relies_on(tmp_path, name):
    async with probing(tmp_path, name) as probe:
        result = await measure(probe)
    assert result.contradictions == ()
    assert result.finds_markers(probe.mapping.hash)
    assert result.wrote


FAULTS = [
    # (order system, fault, what fails, or cannot be told)
    ("tmf622-v4", "filter-empty", "marker_found", "fails"),
    ("tmf622-v4", "filter-ignored", "marker_found", "fails"),
    ("tmf622-v4", "filter-other", "marker_found", "fails"),
    ("tmf622-v4", "filter-blind", "marker_found", "fails"),
    ("tmf622-v4", "filter-old-only", "marker_found", "fails"),
    ("tmf622-v4", "filter-shard", "marker_found", "fails"),
    ("tmf622-v4", "filter-lag=60", "marker_found", "fails"),
    ("tmf622-v4", "filter-final", "marker_found", "fails"),
    ("tmf622-v4", "filter-cached", "own_writes_shown", "fails"),
    ("tmf622-v4", "list-lag=60", "own_writes_shown", "fails"),
    ("tmf622-v4", "list-row-broken", "list_readable", "fails"),
    ("tmf622-v4", "list-page-skips", "paging", "fails"),
    ("tmf622-v4", "list-total-lies", "total_count", "fails"),
    ("tmf622-v4", "list-young-blind", "marker_shown", "fails"),
    ("tmf622-v4", "list-own-hidden", "own_writes_shown", "fails"),
    ("tmf622-v4", "marker-upper", "marker_kept", "fails"),
    ("tmf622-v4", "marker-cut", "marker_kept", "fails"),
    ("tmf622-v4", "marker-prefix", "marker_kept", "fails"),
    ("tmf622-v4", "own-external-id", "marker_kept", "fails"),
    ("tmf622-v4", "marker-absent", "marker_kept", "fails"),
    ("tmf622-v4", "marker-moved", "marker_kept", "fails"),
    ("tmf622-v4", "no-state", "states_known", "fails"),
    ("tmf622-v4", "items-dropped", "contents_kept", "works"),  # the test order has no nested items
    ("tmf622-v4", "quantity-doubled", "contents_kept", "fails"),
    ("tmf622-v4", "offering-replaced", "contents_kept", "fails"),
    ("tmf622-v4", "root-added", "contents_kept", "fails"),
    ("tmf622-v4", "read-401", "order_readable", "fails"),
    ("tmf622-v4", "read-404", "order_readable", "fails"),
    ("tmf622-v4", "read-html", "order_readable", "fails"),
    ("tmf622-v4", "read-another", "order_readable", "fails"),
    ("tmf622-v4", "replay", "repeated_post", "fails"),
    ("salesforce-v4", "live-at-once", "draft", "fails"),
    ("tmf622-v4", "partial", "contents_kept", "fails"),
    ("salesforce-v4", "marker-upper", "marker_kept", "fails"),
    ("salesforce-v4", "no-state", "draft", "fails"),
]


@pytest.mark.parametrize(("name", "fault", "capability", "verdict"), FAULTS)
async def test_the_capability_that_a_fault_takes_away_is_named(tmp_path, name, fault, capability, verdict):
    async with probing(tmp_path, name, faults=[fault]) as probe:
        result = await measure(probe, wait_seconds=0.5)
    assert result.verdict(capability) == verdict


@pytest.mark.parametrize(
    ("relied", "fault", "verdict", "said"),
    [
        ("answer", "id-by-event", "fails", "the answer does not name the new order, the search with its marker does"),
        ("event", "id-by-event", "works", "the answer does not name the new order, the search with its marker does"),
        ("search", None, "works", "the answer names the new order"),
    ],
)
async def test_what_names_a_new_order_is_measured_and_such_a_test_order_is_not_left_live(
    tmp_path, relied, fault, verdict, said
):
    plain = shipped("tmf622-v4")
    mapping = replace(plain, api=replace(plain.api, created_id_from=relied))
    async with probing(tmp_path, "tmf622-v4", faults=[fault] if fault else [], mapping=mapping) as probe:
        result = await measure(probe)
    found = next(each for each in result.capabilities if each.name == "created_id")
    assert (found.verdict, found.detail) == (verdict, said)
    assert found.claim == f'api.created_id_from = "{relied}"'
    assert [each for each in result.contradictions if each.verdict == "fails" and each.name != "created_id"] == []
    assert result.verdict("test_order_voided") == "works"


@pytest.mark.parametrize(("relied", "verdict"), [("answer", "fails"), ("search", "fails"), ("event", "unknown")])
async def test_an_order_that_nothing_names_may_be_there_and_is_told_by_its_marker(tmp_path, relied, verdict):
    plain = shipped("tmf622-v4")
    mapping = replace(plain, api=replace(plain.api, created_id_from=relied))
    async with probing(tmp_path, "tmf622-v4", faults=["id-by-event", "marker-absent"], mapping=mapping) as probe:
        seen = await look(probe, (), run_of(mapping, 0.5))
        result = measured("measured", seen, mapping, NOW)
    assert result.verdict("created_id") == verdict
    contents = next(each for each in result.capabilities if each.name == "contents_kept")
    assert "look for gw1-aaaaaaaaaaaaaaaa-0 and void it" in contents.detail


async def test_a_mapping_that_claims_too_much_is_told_key_by_key(tmp_path):
    plain = shipped("tmf622-v4")
    claiming = replace(
        plain,
        api=replace(plain.api, paging=replace(plain.api.paging, style="page", first=1)),
        recovery=replace(plain.recovery, filter_parameter="externalID", find="filter"),
        draft=replace(shipped("tmf622-v5").draft, growth="none", create_attributes={}),
    )
    async with probing(tmp_path, "tmf622-v4", mapping=claiming) as probe:
        result = await measure(probe, wait_seconds=0.5)
    told = {each.name: each.claim for each in result.contradictions if each.verdict == "fails"}
    assert {"paging", "marker_found", "draft"} <= told.keys()
    assert told["paging"] == 'api.paging.style = "page", first = 1'
    assert told["draft"] == "draft.supported = true"
    assert 'filter_parameter = "externalID"' in told["marker_found"]
    assert not result.finds_markers(claiming.hash)


def effects(tmp_path):
    """Return what was done to orders from outside."""
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    return [(line["effect"], line["order"]) for line in lines if line["effect"] != "state"]


async def test_without_write_nothing_is_made_and_what_needs_an_order_is_not_known(tmp_path):
    async with probing(tmp_path, "tmf622-v4") as probe:
        await make(probe)
        before = effects(tmp_path)
        seen = await look(probe)
        assert effects(tmp_path) == before
        result = measured("measured", seen, probe.mapping, NOW)
    assert not result.wrote
    assert result.finds_markers(probe.mapping.hash), "orders of a gateway were there to be found"
    assert {each.name for each in result.capabilities if each.verdict == "unknown"} >= {
        "draft",
        "growth",
        "repeated_post",
    }


async def test_test_orders_are_never_left_live(tmp_path):
    for name in ("salesforce-v4", "tmf622-v4", "tmf622-v5"):
        async with probing(tmp_path, name) as probe:
            seen = await look(probe, (), run_of(probe.mapping))
            assert seen.write is not None
            assert (seen.write.voided, seen.write.left) == (None, ()), name
