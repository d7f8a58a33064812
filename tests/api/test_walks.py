"""The walks of docs/architecture.md are those of the code: what it names is entered, in the order in which it is named."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from application_runs import client_of
from checkout_gateway import Gateway, settings_of
from checkout_work import PLAIN

from gateway.app import create_app
from gateway.sandbox import SandboxOptions, profile_for, serving
from gateway.sandbox.options import API_ROOTS
from gateway.settings import StorageSettings, UpstreamSettings
from gateway.upstream.building import build_upstreams

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = str(ROOT / "gateway") + "/"
CART, CHECKOUT, NOTIFICATION = WALKS = (
    "A cart body to a row",
    "A checkout request to an HTTP call",
    "A notification to a state",
)
FILE = r"`([a-z_0-9/]+\.py)`"


def told(title: str) -> str:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    return text.partition(f"### {title}\n")[2].partition("\n#")[0]


def steps_of(title: str) -> list[str]:
    """Return the files that a walk of the page goes through: the first of each of its steps."""
    return re.findall(rf"^\d+\. {FILE}", told(title), re.MULTILINE)


class Trace:
    """Files of the gateway in the order in which they are entered, in any thread."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(GATEWAY):
            file = name[len(GATEWAY) :]
            if not self.entered or self.entered[-1] != file:
                self.entered.append(file)

    def take(self) -> list[str]:
        """Return what was entered since it was taken last."""
        entered, self.entered = self.entered, []
        return entered


@contextmanager
def traced() -> Iterator[Trace]:
    """Trace this thread, and those that are started meanwhile."""
    trace = Trace()
    sys.setprofile(trace)
    threading.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def not_reached(steps: list[str], entered: list[str]) -> list[str]:
    """Return the steps that are not entered after those before them."""
    left = list(steps)
    for file in entered:
        if left and file == left[0]:
            left.pop(0)
    return left


@pytest.mark.asyncio
async def test_each_walk_goes_through_what_the_page_names_in_that_order(tmp_path):
    found = await walked(tmp_path)

    missed = {title: not_reached(steps_of(title), found[title]) for title in WALKS}
    assert {title: steps for title, steps in missed.items() if steps} == {}
    unseen = {title: set(re.findall(FILE, told(title))) - set(found[title]) for title in WALKS}
    assert {title: files for title, files in unseen.items() if files} == {}


async def walked(folder: Path) -> dict[str, list[str]]:
    """Check a cart out on a real order system, and return which files each walk entered."""
    mapping = "tmf622-v4"
    async with serving(SandboxOptions(mapping=mapping, port=0, profile=profile_for(mapping))) as order_system:
        upstream = UpstreamSettings(base_url=order_system.address + API_ROOTS[mapping], mapping=mapping)
        settings = settings_of(StorageSettings(url=f"sqlite:///{folder / 'gateway.db'}"), upstreams={"plain": upstream})
        upstreams = build_upstreams(settings, {mapping: PLAIN})
        found = {}
        with traced() as trace:
            application = create_app(settings, mappings={mapping: PLAIN}, upstreams=upstreams, background=())
            async with client_of(application) as client:
                gateway = Gateway(client, application.services, None, None)  # type: ignore[arg-type]
                trace.take()
                cart_id = await gateway.new_cart()
                found[CART] = trace.take()
                checkout = await gateway.check_out(upstream="plain", shoppingCart={"id": cart_id})
                await gateway.work()
                found[CHECKOUT] = trace.take()
                order = (await gateway.get(checkout))["productOrder"]
                event = {"eventType": "ProductOrderStateChangeEvent", "event": {"productOrder": {"id": order["id"]}}}
                trace.take()
                assert (await gateway.post(event, "/notifications/plain")).status_code < 300
                await gateway.tracker().once()
                found[NOTIFICATION] = trace.take()
        # The worker would close it, and none runs here.
        await upstreams["plain"].close()
    return found


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_enters_each_room_once(title: str):
    rooms = [room for room, _ in groupby(file.partition("/")[0] for file in steps_of(title))]

    assert len(rooms) > 1
    assert len(rooms) == len(set(rooms))


def test_a_step_that_is_not_reached_is_found():
    assert not_reached(["a.py", "b.py"], ["b.py", "a.py", "c.py"]) == ["b.py"]
