from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import structlog
from checkout_gateway import CHECKOUTS, running, settings_of
from checkout_work import cart, request
from msgspec.structs import replace

from gateway.resources import load_mappings
from gateway.settings import MappingSettings
from gateway.upstream import UpstreamClient, UpstreamOptions, reloading
from gateway.upstream.reloading import Reloader

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(MAPPINGS, tmp_path / "mappings"))


@pytest.fixture
def gateway_with(settings, folder):
    """Start a gateway whose mapping files are in a folder of its own."""

    def build(**values):
        mappings = MappingSettings(folder=str(folder), **values)
        return running(replace(settings_of(settings.storage), mappings=mappings))

    return build


def write_limit(folder, items_max, *, more=""):
    path = folder / "salesforce-v4.toml"
    text = (MAPPINGS / path.name).read_text("utf-8")
    lines = [f"items_max = {items_max}" if line.startswith("items_max") else line for line in text.splitlines()]
    path.write_text("\n".join([*lines, more]), "utf-8")


async def calls(gateway, count=6):
    """Return the items of each call of a checkout that would be accepted now."""
    body = {**request(), "shoppingCart": cart(count, priced=0)}
    answer = await gateway.post(body, f"{CHECKOUTS}/preview")
    assert answer.status_code == 200, answer.text
    return [step["itemCount"] for step in answer.json()["step"] if step["kind"] != "submit"]


async def until(condition):
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_a_good_file_is_used_for_new_checkouts_and_running_ones_keep_their_plan(gateway_with, folder):
    async with gateway_with() as gateway:
        checkout = await gateway.check_out()
        before = await gateway.record(checkout["id"])
        write_limit(folder, 3)
        assert await Reloader(gateway.services).reload()
        assert await calls(gateway) == [3, 3]
        after = await gateway.record(checkout["id"])
        assert (after.plan_hash, after.steps_total) == (before.plan_hash, before.steps_total)
        await gateway.work()
        assert (await gateway.get(checkout))["state"] == "submitted"


async def test_a_checkout_names_the_text_that_planned_it_and_each_call_the_text_that_wrote_it(gateway_with, folder):
    async with gateway_with() as gateway:
        assert await Reloader(gateway.services).reload()
        first = gateway.services.mappings["salesforce-v4"].hash
        checkout = await gateway.check_out(submit=False)
        await gateway.work()
        write_limit(folder, 3)
        assert await Reloader(gateway.services).reload()
        second = gateway.services.mappings["salesforce-v4"].hash
        answer = await gateway.client.post(f"{CHECKOUTS}/{checkout['id']}/submit")
        assert answer.status_code == 202
        await gateway.work()
        after = await gateway.get(checkout)
        assert after["state"] == "submitted"
        assert after["mappingHash"] == first != second
        written = {step["kind"]: step["mappingHash"] for step in after["step"]}
        assert (written["create"], written["submit"]) == (first, second)
        checkout = await gateway.check_out(submit=False)
        await gateway.work()
        assert checkout["mappingHash"] == second
        assert {step["mappingHash"] for step in checkout["step"]} == {None}
        write_limit(folder, 4)
        assert await Reloader(gateway.services).reload()
        patched = await gateway.client.patch(
            f"{CHECKOUTS}/{checkout['id']}",
            content=b'{"description": "new"}',
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert patched.json()["mappingHash"] == gateway.services.mappings["salesforce-v4"].hash != second


async def test_with_a_mistake_everything_stays_and_every_mistake_is_logged(gateway_with, folder):
    async with gateway_with() as gateway:
        was = await calls(gateway)
        write_limit(folder, 0, more="[draft2]\nx = 1")
        (folder / "tmf622-v4.toml").write_text("name = 7", "utf-8")
        with structlog.testing.capture_logs() as logged:
            assert not await Reloader(gateway.services).reload()
        assert await calls(gateway) == was
        refused = " ".join(entry["mistake"] for entry in logged if entry["event"] == "mappings.refused")
        for word in ("salesforce-v4.toml", "limits.items_max", "draft2", "tmf622-v4.toml"):
            assert word in refused
        assert logged[-1]["event"] == "mappings.kept"
        write_limit(folder, 2)
        shutil.copy(MAPPINGS / "tmf622-v4.toml", folder)
        assert await Reloader(gateway.services).reload()
        assert await calls(gateway) == [2, 2, 2]


async def test_a_mapping_that_an_upstream_needs_cannot_go(gateway_with, folder):
    async with gateway_with() as gateway:
        named = replace(gateway.services.settings.upstreams["shop"], mapping="mine")
        gateway.services.settings.upstreams["shop"] = named
        with structlog.testing.capture_logs() as logged:
            assert not await Reloader(gateway.services).reload()
        assert "there is no mapping `mine`" in logged[0]["mistake"]


async def test_sighup_reads_them_again(gateway_with, folder):
    async with gateway_with() as gateway, reloading.reloading(gateway.services):
        write_limit(folder, 3)
        os.kill(os.getpid(), signal.SIGHUP)

        async def reloaded():
            return await calls(gateway) == [3, 3]

        await until(reloaded)


def test_a_hangup_may_come_while_another_one_is_noted():
    before = signal.getsignal(signal.SIGHUP)
    reloading.note_hangups()
    sys.setprofile(lambda *_: signal.raise_signal(signal.SIGHUP))  # at every call and return
    try:
        reloading._note(signal.SIGHUP, None)
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGHUP, before)
        noted = list(reloading._noted)
        reloading._noted.clear()
    assert noted == [signal.SIGHUP]


async def test_a_changed_file_is_seen_by_its_time_where_that_is_set(gateway_with, folder):
    async with gateway_with(check_seconds=0.02) as gateway, reloading.reloading(gateway.services):
        await asyncio.sleep(0)
        write_limit(folder, 4)

        async def reloaded():
            return await calls(gateway) == [4, 2]

        async def written_again():
            # The first look may have come after the file was written.
            write_limit(folder, 4, more="#")
            return await reloaded()

        await until(written_again)


async def test_a_client_talks_by_the_new_mapping():
    first = load_mappings(MappingSettings())["salesforce-v4"]
    second = replace(first, api=replace(first.api, resource="order2"))
    client = UpstreamClient(UpstreamOptions(name="shop", base_url="http://127.0.0.1:1/x", mapping=first))
    client.use(second)
    assert client._order_path("1") == "order2/1"
    assert client._reader._options.mapping is second
    await client.close()


BESIDE = {
    "shop.toml": b'name = "shop"\n[api]\nresource = "orders"\n[codes.products]\nfile = "shop-products.csv"\n'
    b'[codes.characteristics]\nfile = "shop.names.toml"\n[catalogue]\nfile = "shop.catalogue.toml"\n',
    "shop-products.csv": b"from,to\nA,B\n",
    "shop.names.toml": b'color = "COLOR"\n',
    "shop.catalogue.toml": b'[[product]]\ncode = "A"\n',
}
BAD = [
    ("shop.toml", b"name = ", "is not TOML"),
    ("shop.toml", b"\xff\xfe", "is not UTF-8"),
    ("shop.toml", b"#" * 1_100_000, "is larger than"),
    ("shop.toml", None, "is not a file"),
    ("shop.toml", BESIDE["shop.toml"].replace(b"resource", b"resorce"), "did you mean `resource`"),
    ("shop.toml", BESIDE["shop.toml"] + b"[item]\nmandatory_child_action = 'explode'\n", "item.mandatory_child_action"),
    ("shop-products.csv", b"from;to\nA;B\n", "not semicolons"),
    ("shop-products.csv", b"from,to\nA,B\nA,C\n", "gives a code again"),
    ("shop-products.csv", b"", "must be the header"),
    ("shop-products.csv", None, "names shop-products.csv, which is not a file"),
    ("shop.names.toml", b"color = 5\n", "must be a text"),
    ("shop.names.toml", None, "names shop.names.toml, which is not a file"),
    ("shop.catalogue.toml", b'[[product]]\ncode = "A"\nchild = [{}]\n', "product[0].child[0].code"),
    ("shop.catalogue.toml", None, "names shop.catalogue.toml, which is not a file"),
]


async def test_with_any_file_bad_every_mapping_stays_and_the_log_says_why(gateway_with, folder):
    for name, raw in BESIDE.items():
        (folder / name).write_bytes(raw)
    async with gateway_with() as gateway:
        reloader = Reloader(gateway.services)
        assert await reloader.reload()
        before = dict(gateway.services.mappings)
        for name, raw, words in BAD:
            path = folder / name
            path.unlink()
            path.symlink_to("nothing") if raw is None else path.write_bytes(raw)
            with structlog.testing.capture_logs() as logged:
                assert not await reloader.reload(), (name, words)
            refused = [entry["mistake"] for entry in logged if entry["event"] == "mappings.refused"]
            assert any(words in mistake and "shop.toml" in mistake for mistake in refused), (name, refused)
            assert (logged[-1]["event"], logged[-1]["mistakes"]) == ("mappings.kept", len(refused))
            assert gateway.services.mappings == before
            path.unlink()
            path.write_bytes(BESIDE[name])
        assert await reloader.reload()
