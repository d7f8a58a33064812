"""The stage on which one submission is played many times: a real sandbox, one accepted checkout, processes that fork players."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from support import systems
from support.carts import make_cart
from support.oracle import Trail, Verdict, judge, read_ledger
from support.processes import World

SCRIPT = Path(__file__).with_name("await_points.py")
PLAY_SECONDS = 60.0
TRIES = 5
LINE_BYTES_MAX = 16 * 1024 * 1024


class Forker:
    """A process that forks a child for each scenario (see await_points.py)."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("wb") as log:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable,
                str(SCRIPT),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                limit=LINE_BYTES_MAX,
            )
        assert await self._line() == b"ready\n", self._log.read_text(encoding="utf-8")

    async def _line(self) -> bytes:
        assert self._running is not None
        assert self._running.stdout is not None
        async with asyncio.timeout(PLAY_SECONDS):
            return await self._running.stdout.readline()

    async def play(self, scenario: Mapping[str, Any]) -> dict[str, Any]:
        assert self._running is not None
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(scenario).encode() + b"\n")
        await self._running.stdin.drain()
        report: dict[str, Any] = json.loads(await self._line() or "{}")
        assert "killed" in report, f"{scenario} failed: {report}\n{self._log.read_text(encoding='utf-8')[-4000:]}"
        return report

    async def end(self) -> None:
        if self._running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        await self._running.wait()


@dataclass(frozen=True)
class Act:
    """What is played: the order system's mapping, the size of the cart and of a call, and the kinds of steps this takes.

    With `settle` a killed process is only succeeded when the sandbox has taken in what it had sent: an order that is live at
    once may be sent again after the quiet time, and the clock is moved on.
    """

    mapping: str
    items: int
    items_per_call: int
    kinds: frozenset[str]
    settle: bool = False


@dataclass
class Played:
    """One scenario: where it was to be killed, how often it was, and the checkout at its end.

    `points` is how many points the last process passed, the one that was not killed.
    """

    kill_at: tuple[int, ...]
    root: str
    kills: int
    points: int
    checkout: dict[str, Any]

    @property
    def struck(self) -> bool:
        """Tell whether it was killed wherever it was to be: a process may end before the point is reached."""
        return self.kills == len(self.kill_at)


@dataclass
class Stage:
    """See the module. `mutant` names what is wrong on purpose in every play."""

    world: World
    act: Act
    sandbox_address: str
    folder: Path
    cart_id: str
    cart: dict[str, Any]
    forkers: list[Forker]
    mappings_folder: str
    mutant: str | None = None
    played: list[Played] = field(default_factory=list)
    _random: Random = field(default_factory=lambda: Random(7))

    async def warm_up(self) -> None:
        """Let each forker play once by itself."""
        for forker in self.forkers:
            await self.play((), forker, warm_up=True)

    async def play(self, kill_at: Sequence[int], forker: Forker, *, warm_up: bool = False) -> Played:
        """Play from acceptance to the end; the first process is killed at `kill_at[0]`, its successor at `kill_at[1]` ..."""
        root = "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz234567", k=16))
        database = self.folder / f"{root}.db"
        shutil.copy(self.folder / "accepted.db", database)
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE checkout SET marker_root = ?", (root,))
        scenario = {
            "database": str(database),
            "base_url": self.sandbox_address + systems.API_ROOTS[self.act.mapping],
            "mapping": self.act.mapping,
            "mappings_folder": self.mappings_folder,
            "mutant": self.mutant,
            "warm_up": warm_up,
        }
        kills = 0
        for point in (*kill_at, None):
            report = await forker.play({**scenario, "kill_at": point})
            kills += report["killed"]
            if not report["killed"]:
                break
            if self.act.settle:
                await self._sandbox_has_seen_everything()
        assert report["checkout"] is not None
        for path in self.folder.glob(f"{root}.db*"):
            path.unlink()
        played = Played(tuple(kill_at), root, kills, report["points"], report["checkout"])
        self.played.append(played)
        return played

    async def _sandbox_has_seen_everything(self) -> None:
        """Return when the sandbox has taken in what a killed process had sent: it takes connections in their order."""
        url = urlsplit(self.sandbox_address)
        for _ in range(3):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            writer.write(b"GET /_sandbox HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
            await reader.read()
            writer.close()

    async def play_all(self, scenarios: Sequence[Sequence[int]]) -> None:
        """Play scenarios on all forkers at once, each until it was killed wherever it was to be, or TRIES times.

        How many points there are varies a little: whether an answer comes in one piece, whether the sandbox had heard of a
        call when its sender was killed.
        """
        waiting = iter(scenarios)

        async def player(forker: Forker) -> None:
            for kill_at in waiting:
                for _ in range(TRIES):
                    if (await self.play(kill_at, forker)).struck:
                        break

        async with asyncio.TaskGroup() as players:
            for forker in self.forkers:
                players.create_task(player(forker))

    def verdicts(self) -> list[tuple[Played, Verdict]]:
        """Judge every scenario that was played."""
        by_root: dict[str, dict[str, Trail]] = {}
        for number, trail in read_ledger(systems.ledger_path(self.world)).items():
            by_root.setdefault(trail.root or "", {})[number] = trail
        return [
            (
                played,
                judge(
                    {self.cart_id: self.cart},
                    [played.checkout],
                    by_root.get(played.root, {}),
                    ended=frozenset({"submitted"}),
                    lines_known="submit" in self.act.kinds,
                ),
            )
            for played in self.played
        ]


@asynccontextmanager
async def stage(world: World, act: Act, *, mutant: str | None = None, forkers: int = 2) -> AsyncIterator[Stage]:
    """Set the stage: a cart, one of its items altered in price, is accepted and nothing has been sent."""
    folder = world.folder / "plays"
    folder.mkdir()
    mappings_folder = _smaller_calls(world.folder, act.mapping, act.items_per_call)
    sandbox = systems.sandbox(world, mapping=act.mapping, options=["--state-delay", "100000"])
    await sandbox.start()
    port = world.port()
    gateway = systems.gateway(
        world,
        sandbox.address,
        port=port,
        mapping=act.mapping,
        storage_url=f"sqlite:///{folder / 'accepted.db'}",
        settings={"server": {"worker": False}, "mappings": {"folder": mappings_folder}},
    )
    await gateway.start()
    cart = make_cart(Random(3), items=act.items, alterations_max=0)
    cart["cartItem"][0]["itemPrice"] = make_cart(Random(4), items=9, alterations_max=9)["cartItem"][0]["itemPrice"]
    async with systems.Client(port) as client:
        cart_id = await client.make_cart(cart)
        checkout = await client.check_out(cart_id, "the-one-checkout-of-the-stage")
    assert checkout["state"] == "accepted"
    gateway.stop()
    made = [Forker(world.folder / f"forker-{number}.log") for number in range(forkers)]
    try:
        for forker in made:
            await forker.start()
        made_stage = Stage(world, act, sandbox.address, folder, cart_id, cart, made, mappings_folder)
        await made_stage.warm_up()
        made_stage.played.clear()
        made_stage.mutant = mutant
        yield made_stage
    finally:
        for forker in made:
            await forker.end()


def _smaller_calls(folder: Path, mapping: str, items_per_call: int) -> str:
    """Write the shipped mapping with fewer items in a call, so that a small order takes every kind of step."""
    shipped = Path(__file__).resolve().parents[3] / "mappings" / f"{mapping}.toml"
    text = shipped.read_text(encoding="utf-8")
    text, replaced = re.subn(r"(?m)^items_max = [\d_]+", f"items_max = {items_per_call}", text)
    assert replaced == 1, f"{shipped.name} limits the items of a call in one place"
    # Nobody else orders here, so nothing can show that a search would have found the order: it is sent again after the quiet time.
    text = text.replace("[recovery]\n", '[recovery]\nuncontrolled_absence = "resend"\n', 1)
    made = folder / "mappings"
    made.mkdir()
    (made / shipped.name).write_text(text, encoding="utf-8")
    return str(made)
