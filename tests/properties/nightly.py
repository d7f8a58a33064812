"""What `make nightly` runs: a million simulated checkouts over three kinds of order systems, and that all of them end when faults do.

    make nightly                                    # a million checkouts, on every core, at most eight hours
    make nightly NIGHTLY="--checkouts 20000"        # fewer
    make nightly NIGHTLY="--replay drafts:4711"     # one checkout again, every decision of it printed
    make nightly NIGHTLY="--replay live-scan:4711:liveness"

Each checkout is played from a seed of its own: (commit, kind, seed) is all that a replay needs, and all that is printed about one that
ended wrong. The exit code is 1 when one did, or when the time was over before all were played.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from secrets import randbelow
from typing import Final, NamedTuple
from unittest.mock import patch

FOLDER: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "support")]

from simulation_runs import FAMILIES, Tally, complaint, play, run_many, template  # noqa: E402 - tests are not a package

from gateway.submission import checkout_run  # noqa: E402

CHECKOUTS: Final = 1_000_000
HOURS: Final = 8.0
CHUNK: Final = 500
# Of every so many checkouts one is played with the calm, in which everything must end in time.
LIVENESS_EVERY: Final = 10
TOLD_EVERY_SECONDS: Final = 60.0
SHOWN_MAX: Final = 50


class Chunk(NamedTuple):
    """Checkouts of one kind with successive seeds."""

    family: str
    first: int
    count: int
    liveness: bool


@dataclass
class Result:
    """What came of one kind so far."""

    played: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, chunk: Chunk, tally: Tally) -> None:
        """Add what came of a chunk."""
        self.played += chunk.count
        self.verdicts += tally.verdicts
        self.figures += tally.figures
        if chunk.liveness:
            self.longest_seconds = max(self.longest_seconds, tally.longest_seconds)
        end = ":liveness" if chunk.liveness else ""
        self.wrong += [f"{chunk.family}:{seed}{end} {what}" for seed, what in tally.wrong]


def chunks(checkouts: int, seed: int) -> Iterator[Chunk]:
    """Yield what is to be played, the kinds by turns, so that a run that is cut off has played some of each."""
    share = -(-checkouts // len(FAMILIES))
    for number, first in enumerate(range(0, share, CHUNK)):
        count = min(CHUNK, share - first)
        for family in FAMILIES:
            yield Chunk(family, seed + first, count, liveness=number % LIVENESS_EVERY == LIVENESS_EVERY - 1)


def played(chunk: Chunk) -> Tally:
    """Play a chunk, in a process of the pool."""
    tally = run_many(chunk.family, range(chunk.first, chunk.first + chunk.count), liveness=chunk.liveness)
    tally.offenders.clear()  # they are played again from their seeds
    return tally


def commit() -> str:
    """Return the commit that is played, with a mark where files differ from it."""
    command = ["git", "-C", str(FOLDER), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run(checkouts: int, seed: int, hours: float, processes: int) -> int:
    """Play everything; return the exit code."""
    started, told_at = time.monotonic(), 0.0
    print(f"commit {commit()}, seed {seed}, {checkouts} checkouts, {processes} processes", flush=True)
    results = {family: Result() for family in FAMILIES}
    work = chunks(checkouts, seed)
    in_time = True
    with ProcessPoolExecutor(processes) as pool:
        under_way: dict[Future[Tally], Chunk] = {}
        while True:
            in_time = time.monotonic() - started < hours * 3600
            while in_time and len(under_way) < 2 * processes and (chunk := next(work, None)) is not None:
                under_way[pool.submit(played, chunk)] = chunk
            if not under_way:
                break
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                chunk = under_way.pop(done)
                before = len(results[chunk.family].wrong)
                results[chunk.family].add(chunk, done.result())
                for each in results[chunk.family].wrong[before:]:
                    print(f'WRONG {each}: make nightly NIGHTLY="--replay {each.split()[0]}"', flush=True)
            if time.monotonic() - told_at > TOLD_EVERY_SECONDS:
                told_at = time.monotonic()
                total = sum(result.played for result in results.values())
                print(f"{total} checkouts in {told_at - started:.0f} s", flush=True)
    return conclude(results, next(work, None) is None, time.monotonic() - started)


def conclude(results: dict[str, Result], finished: bool, seconds: float) -> int:
    """Print what came of it; return the exit code."""
    for family, result in results.items():
        print(
            f"{family}: {result.played} checkouts, {dict(result.verdicts)}, {dict(result.figures)}, "
            f"last end {result.longest_seconds:.0f} s after the faults"
        )
    wrong = sum(len(result.wrong) for result in results.values())
    print(f"{wrong} wrong in {seconds:.0f} s" + ("" if finished else "; the time was over before all were played"))
    return 1 if wrong or not finished else 0


class Aloud:
    """In the place of the log: prints what the worker would log."""

    def info(self, event: str, **named: object) -> None:
        """Print one line."""
        print(f"  {event}: " + ", ".join(f"{name}={value}" for name, value in named.items() if name != "tenant"))


def replay(which: str) -> int:
    """Play one checkout again and print what happened; return the exit code."""
    family_name, seed, *mode = which.split(":")
    family, liveness = FAMILIES[family_name], mode == ["liveness"]
    with patch.object(checkout_run, "log", Aloud()):
        played_again = play(template(family), family, int(seed), liveness=liveness)
    row = played_again.row
    print(f"commit {commit()}, {which}: {complaint(played_again, liveness=liveness) or 'right'}")
    print(f"told {played_again.told}, at the end {row.state} ({row.status_reason}), order {row.order_id}")
    print(f"{played_again.crashes} crashes, {played_again.stops} stops, {played_again.upstream.sent} calls")
    if liveness:
        print(
            f"faults ended after {played_again.calm_after:.0f} s, the checkout after {played_again.ended_at or 0:.0f} s"
        )
    for order in list(played_again.upstream.orders.values())[:SHOWN_MAX]:
        print(f"order {order.id} {order.marker}: submitted {order.submissions} times, {len(order.lines)} lines")
    for broken in played_again.broken[:SHOWN_MAX]:
        print(f"broken: {broken}")
    return 1 if complaint(played_again, liveness=liveness) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or replay, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", type=int, default=CHECKOUTS, help="how many [%(default)s]")
    parser.add_argument("--hours", type=float, default=HOURS, help="how long at most [%(default)s]")
    parser.add_argument("--seed", type=int, help="the first seed; drawn, and printed, unless given")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="[%(default)s]")
    parser.add_argument(
        "--replay", metavar="KIND:SEED[:liveness]", help=f"play one again; kinds: {', '.join(FAMILIES)}"
    )
    options = parser.parse_args(arguments)
    if options.replay:
        return replay(options.replay)
    seed = options.seed if options.seed is not None else randbelow(2**40)
    return run(options.checkouts, seed, options.hours, options.processes)


if __name__ == "__main__":
    sys.exit(main())
