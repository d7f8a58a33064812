"""Worlds of the adversary by the thousand: what came of them, and a file that says so at any moment.

    python tests/properties/hostile_tally.py worlds.txt --minutes 60          # as many as fit, drafts and live POST by turns
    python tests/properties/hostile_tally.py --replay live:4711               # one world again
    python tests/properties/hostile_tally.py --quick --checkouts 100000       # of each kind, in memory: `quick_world`
    python tests/properties/hostile_tally.py --quick --replay live:4711

In each world several carts of the same contents are checked out. It is played from its seed: commit, kind and seed are all that a
replay needs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "support")]

from hostile_host import DRAFTED, LIVE  # noqa: E402 - tests are not a package
from hostile_mutants import BELIEFS  # noqa: E402
from hostile_verdicts import WRONG, Mode, Played, a_person_is_told, alone, drawn, play, play_all  # noqa: E402
from hostile_world import hosting  # noqa: E402
from misbehaviour_ends import Kind, ends_of  # noqa: E402
from quick_world import quick_hosting  # noqa: E402

from gateway.ordering import Mapping  # noqa: E402
from gateway.sandbox.misbehaviours import MISBEHAVIOURS  # noqa: E402

CARTS: Final = 8
CHUNK: Final = 5
QUICK_CARTS: Final = 2
QUICK_CHUNK: Final = 100
BELIEF_RUNS: Final = 5
# What happens now and then may not happen in fewer worlds than this.
MET_SEEDS_MIN: Final = 12
MAPPINGS: Final[dict[Kind, Mapping]] = {"drafts": DRAFTED, "live": LIVE}


def offence(played: Played, kind: Kind) -> bool:
    """Tell whether an end is wrong. Where the order system itself makes a second live order, a person must be told.

    That nothing could be verified is right only where something struck the lists: else a search would have shown it.
    """
    if played.verdict == "unverified":
        return not any(name in MISBEHAVIOURS and MISBEHAVIOURS[name].strikes == "list" for name in played.met)
    if played.verdict not in WRONG:
        return False
    ends = [ends_of(name, kind) for name in played.met if name in MISBEHAVIOURS]
    doubles = any(each is not None and each.live_max > 1 for each in ends)
    allowed = any(each is not None and played.verdict in each.sometimes for each in ends)
    return not allowed and not (played.verdict == "doubled" and doubles and a_person_is_told(played.ended))


def complaint(played: Played, name: str, kind: Kind, mode: Mode, *, better: bool = False) -> str | None:
    """Return what is wrong with the end of a world in which one thing misbehaved. `better`: `completed` is right instead of any end."""
    ends = ends_of(name, kind)
    assert ends is not None
    if not played.met.get(name):
        right = played.verdict == "completed"
    else:
        right = played.verdict in (ends.always if mode == "always" else ends.sometimes)
        right = right or (better and played.verdict == "completed")
        # What the order system makes twice by itself is no defect of ours when a person is told.
        right = right or (played.verdict == "doubled" and ends.live_max > 1 and a_person_is_told(played.ended))
    return None if right and len(played.ended.live) <= ends.live_max else f"{name} {mode}: {played}"


def complaints(
    host: Any, kind: Kind, names: list[str], modes: tuple[Mode, ...], seeds: range, *, better: bool = False
) -> list[str]:
    """Return what is wrong with the ends of worlds in which one of `names` misbehaves, for each of these seeds.

    `better`: `completed` is right instead of any other end of the table, which is that of another order system of the kind.
    """
    found = []
    for name in names:
        if ends_of(name, kind) is None:
            continue
        for mode in modes:
            met = 0
            for seed in seeds:
                crashes = seed % 3 == 2
                played = play(host, seed, alone(name, mode, crashes=crashes))
                met += bool(played.met.get(name))
                # A live POST that died with its process is held where no order made after it proves that lists show such orders.
                if crashes and kind == "live" and played.ended.reason == "not_verifiable":
                    continue
                if (wrong := complaint(played, name, kind, mode, better=better)) is not None:
                    found.append(wrong)
            if not met and len(seeds) >= MET_SEEDS_MIN:
                found.append(f"{name} {mode}: never met")
    return found


@dataclass
class Tally:
    """What came of the checkouts of one kind of order system."""

    kind: Kind
    checkouts: int = 0
    worlds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    """How often each misbehaviour struck."""
    met_in: Counter[str] = field(default_factory=Counter)
    """In how many worlds."""
    checkouts_with: Counter[str] = field(default_factory=Counter)
    """How many checkouts these worlds had, by the misbehaviour."""
    held_with: Counter[str] = field(default_factory=Counter)
    """How many of them ended held."""
    held_for: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, played: Sequence[Played]) -> list[str]:
        """Count one world; return what was wrong in it."""
        self.worlds += 1
        self.checkouts += len(played)
        self.met += Counter(played[0].met)
        self.met_in += Counter(played[0].met.keys())
        held = sum(each.verdict == "held" for each in played)
        for name in played[0].met:
            self.checkouts_with[name] += len(played)
            self.held_with[name] += held
        self.ends += Counter(each.verdict for each in played)
        self.held_for += Counter(each.ended.reason for each in played if each.verdict == "held")
        wrong = [str(each) for each in played if offence(each, self.kind)]
        self.wrong += wrong
        return wrong

    def told(self) -> str:
        """Return the figures as text."""
        checkouts = max(self.checkouts, 1)
        ends = ", ".join(f"{name} {number}" for name, number in self.ends.most_common())
        held = ", ".join(f"{name} {number}" for name, number in self.held_for.most_common())
        met = "\n".join(
            f"  {name}: {self.met[name]} times in {self.met_in[name]} worlds, "
            f"{100 * self.held_with[name] / self.checkouts_with[name]:.1f} % of their checkouts held"
            for name in sorted(self.met)
        )
        return (
            f"{self.kind}: {self.checkouts} checkouts in {self.worlds} worlds, {len(self.wrong)} wrong\n"
            f"ends: {ends}\nheld: {100 * self.ends['held'] / checkouts:.2f} % ({held})\nmet:\n{met}\n"
            + "\n".join(self.wrong)
        )


def commit() -> str:
    """Return the commit that is played, with a mark where files differ from it."""
    command = ["git", "-C", str(FOLDER), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Way:
    """How worlds are played: with a database, or in memory."""

    quick: bool = False

    @property
    def carts(self) -> int:
        """How many carts are checked out in each world."""
        return QUICK_CARTS if self.quick else CARTS

    def hosting(self, kind: Kind) -> AbstractContextManager[Any]:
        """Give a host for one kind of order systems."""
        return (quick_hosting if self.quick else hosting)(MAPPINGS[kind])

    def play(self, host: Any, seed: int, kind: Kind) -> list[Played]:
        """Play the world of a seed."""
        return play_all(host, seed, drawn(seed, drafts=kind == "drafts", carts=self.carts))


def run(file: Path, way: Way, kinds: Sequence[Kind], minutes: float, first: int, checkouts: int | None) -> int:
    """Play until the time is over or there were enough, some worlds of each kind by turns; keep the figures in the file.

    Return the exit code.
    """
    ends_at, played_commit = time.monotonic() + minutes * 60, commit()
    tallies = [Tally(kind) for kind in kinds]
    chunk = QUICK_CHUNK if way.quick else CHUNK
    for seed in count(first, chunk):
        for tally in tallies:
            with way.hosting(tally.kind) as host:
                for each in range(seed, seed + chunk):
                    for line in tally.add(way.play(host, each, tally.kind)):
                        print(f"{tally.kind}: {line}", flush=True)
                    if time.monotonic() > ends_at:
                        break
            _write(file, way, played_commit, first, tallies)
        enough = checkouts is not None and all(tally.checkouts >= checkouts for tally in tallies)
        if enough or time.monotonic() > ends_at:
            return 1 if any(tally.wrong for tally in tallies) else 0
    raise AssertionError("seeds have no end")


def _write(file: Path, way: Way, played_commit: str, first: int, tallies: Sequence[Tally]) -> None:
    spent = time.process_time() / sum(tally.checkouts for tally in tallies)
    seeds = ", ".join(f"{tally.kind} {first} to {first + tally.worlds - 1}" for tally in tallies if tally.worlds)
    how = "in memory" if way.quick else "with a database"
    head = (
        f"commit {played_commit}, {how}, {way.carts} checkouts in each world, seeds: {seeds}; "
        f"{1000 * spent:.0f} ms of CPU for each checkout"
    )
    written = file.with_suffix(".new")
    written.write_text("\n\n".join([head, *(tally.told() for tally in tallies)]) + "\n")
    written.replace(file)


def replay(way: Way, which: str) -> int:
    """Play one world again and print what became of each checkout; return the exit code."""
    name, _, seed = which.partition(":")
    kind: Kind = "drafts" if name == "drafts" else "live"
    with way.hosting(kind) as host:
        played = way.play(host, int(seed), kind)
    print(drawn(int(seed), drafts=kind == "drafts", carts=way.carts))
    for each in played:
        print("WRONG" if offence(each, kind) else "right", each)
    return 1 if any(offence(each, kind) for each in played) else 0


def found_after(way: Way, belief: str, first: int) -> tuple[int, str]:
    """Play from a seed on with a gateway that holds a belief again; return at which checkout it ends wrong, and how.

    In the same world the gateway as it is must end right.
    """
    mutation, name = BELIEFS[belief]
    kind: Kind = "drafts" if name == "drafts" else "live"
    checkouts = 0
    with way.hosting(kind) as host:
        for seed in count(first):
            with mutation():
                played = way.play(host, seed, kind)
            wrong = [number for number, each in enumerate(played, 1) if offence(each, kind)]
            if wrong and not any(offence(each, kind) for each in way.play(host, seed, kind)):
                return checkouts + wrong[0], str(played[wrong[0] - 1])
            checkouts += len(played)
    raise AssertionError("seeds have no end")


def without(way: Way, beliefs: Sequence[str], first: int) -> int:
    """Print after how many checkouts the adversary shows each belief to be wrong, from several seeds on; return the exit code."""
    for belief in beliefs:
        found = [found_after(way, belief, first + number * 100_000) for number in range(BELIEF_RUNS)]
        print(f"{belief}: wrong at checkout {', '.join(str(at) for at, _ in found)}", flush=True)
        print(f"  {found[0][1]}", flush=True)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or replay, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file", type=Path, nargs="?", default=Path("worlds.txt"), help="where the figures are kept [%(default)s]"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="how long [%(default)s]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [%(default)s]")
    parser.add_argument("--replay", metavar="KIND:SEED", help="play one world again: drafts or live")
    parser.add_argument("--quick", action="store_true", help="without a database and without HTTP requests of a client")
    parser.add_argument("--checkouts", type=int, help="how many of each kind are enough")
    parser.add_argument("--kind", choices=[*MAPPINGS], help="order systems of one kind only [both]")
    parser.add_argument(
        "--believing",
        metavar="BELIEF",
        choices=[*BELIEFS, "all"],
        help=f"let the gateway hold this belief again, and say at which checkout that shows: {', '.join(BELIEFS)}, all",
    )
    options = parser.parse_args(arguments)
    way = Way(quick=options.quick)
    if options.replay:
        return replay(way, options.replay)
    if options.believing:
        return without(way, list(BELIEFS) if options.believing == "all" else [options.believing], options.first)
    kinds: list[Kind] = [options.kind] if options.kind else [*MAPPINGS]
    return run(options.file, way, kinds, options.minutes, options.first, options.checkouts)


if __name__ == "__main__":
    sys.exit(main())
