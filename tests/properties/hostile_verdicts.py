"""What became of a checkout, in a word, judged by what the order system holds."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from hostile_carts import WANTED, contents
from hostile_host import Host
from hostile_world import OPEN_STATES, Ended, Weather
from virtual_time import EndlessError

from gateway.checkouts.reasons import OF_THE_UPSTREAM
from gateway.sandbox.faults import Fault
from gateway.sandbox.misbehaviours import MISBEHAVIOURS

Mode = Literal["sometimes", "always"]
WRONG = frozenset({"doubled", "unnoticed", "denied", "lost", "mistaken", "contents", "unexplained", "open", "endless"})
"""Ends that are a defect, whatever the order system did.

- doubled: two calls of ours made live orders. unnoticed: the order system doubled ours, and nobody is told.
- denied: told as refused or cancelled, and live. lost: told as ordered, and nothing is live. mistaken: another order is followed.
- contents: what is live is not what was sent, and nobody is told.
- unexplained, open: held or waiting without a reason, or without a next attempt. endless: the world itself came to no end.
"""
SOMETIMES = 0.4
SOMETIMES_CALL = 0.1
CALLS = ("write", "create")
# Many times what any world needs: one that takes more spins.
TURNS_MAX = 200_000
SECONDS_MAX = 8 * 86400.0


def verdict(ended: Ended) -> str:
    """Return the end: one of `WRONG`, or completed, told (completed with a difference that is told), rejected, cancelled, held, waits.

    Or unverified: the checkout ended as the order system said, and a finding on it says that no search could verify that nothing else
    is live. It is right only where no read shows more: no single misbehaviour may end so, and without one of the lists none at all.
    """
    word = _of_orders(ended)
    if word not in WRONG and ended.unexplained:
        return "unexplained"
    return word


def _of_orders(ended: Ended) -> str:  # noqa: PLR0911 - one return for each end, the worst first
    state, live = ended.state, ended.live
    if ended.calls_live > 1:
        return "doubled"
    if state in {"rejected", "cancelled"}:
        if live and (
            _is_told(ended.document, "refusal_not_verified") or _is_told(ended.document, "order_not_verified")
        ):
            return "unverified"
        return "denied" if live else state
    if state == "held":
        return "held" if ended.reason else "unexplained"
    if state in OPEN_STATES and not (state == "submitted" and live and ended.reason not in OF_THE_UPSTREAM):
        return "waits" if ended.reason else "open"
    if not live:
        return "lost"
    if len(live) > 1:
        return "unverified" if _is_told(ended.document, "order_not_verified") else "unnoticed"
    followed = str((ended.document.get("productOrder") or {}).get("id"))
    if followed.removeprefix("R").removeprefix("A-") != live[0].number.removeprefix("R"):
        return "mistaken"
    if state in OPEN_STATES:
        return "waits" if ended.reason else "open"
    if contents(live[0], added_children=ended.added_children) == WANTED:
        return "completed"
    return "told" if _difference_is_told(ended.document) else "contents"


def a_person_is_told(ended: Ended) -> bool:
    """Tell whether a person learns of what the order system did by itself.

    The checkout is held, shows it as an error, says that the order system cannot be read, for as long as it cannot, or names both
    orders where one took the place of the other, which is not shown any more.
    """
    unreadable = ended.state in OPEN_STATES and bool(ended.reason)
    replaced = _is_told(ended.document, "followed_by_marker")
    return ended.state == "held" or unreadable or replaced or _difference_is_told(ended.document)


def _is_told(document: dict[str, Any], code: str) -> bool:
    return any(finding.get("code") == code for finding in document.get("finding") or ())


def _difference_is_told(document: dict[str, Any]) -> bool:
    reason = (document.get("reason") or {}).get("code")
    codes = {
        str(finding.get("code")) for finding in document.get("finding") or () if finding.get("severity") == "error"
    }
    return reason == "contents_differ" or bool(codes)


@dataclass(frozen=True)
class Played:
    """One world, its end in a word, and what misbehaved in it."""

    seed: int
    verdict: str
    ended: Ended
    met: dict[str, int]
    crashes: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        live = [(order.number, order.state) for order in self.ended.live]
        return (
            f"seed {self.seed}: {self.verdict}, {self.ended.state} ({self.ended.reason}: "
            f"{str(self.ended.document.get('statusReason'))[:160]}), live {live}, {self.ended.unexplained[:2]}, met {self.met}"
        )


def fault_of(name: str, mode: Mode) -> Fault:
    """Return a misbehaviour as a fault of the sandbox: always, or now and then."""
    each = MISBEHAVIOURS[name]
    rate = 1.0 if mode == "always" else SOMETIMES_CALL if each.strikes in CALLS else SOMETIMES
    return Fault(name, rate) if each.seconds is None else Fault(name, rate, each.seconds)


def play(host: Host, seed: int, weather: Weather) -> Played:
    """Run one world to its end; return what became of its first checkout."""
    return play_all(host, seed, weather)[0]


def play_all(host: Host, seed: int, weather: Weather) -> list[Played]:
    """Run one world to its end; return what became of each of its checkouts."""
    world = host.make_world(seed, weather)
    run = host.loop.create_task(world.run())
    carts = 1 + len(weather.later)
    try:
        host.loop.bound(turns=TURNS_MAX * carts, seconds=SECONDS_MAX)
        ends = [(verdict(ended), ended) for ended in host.loop.run_until_complete(run)]
    except EndlessError as error:
        seen = [states[-1:] for states in world.states.values()]
        ends = [("endless", Ended({"state": seen, "statusReason": str(error)}, [], 0))]
        host.loop.unbound()
        run.cancel()
        run.add_done_callback(lambda _: host.loop.stop())
        host.loop.run_forever()  # what runs is ended by the world itself
    finally:
        host.loop.unbound()
    met = dict(world.server.application.hostility.state.met)
    names = tuple(fault.name for fault in weather.faults)
    return [Played(seed, word, ended, met, world.crashes, names) for word, ended in ends]


def alone(name: str, mode: Mode, *, crashes: bool = False) -> Weather:
    """Return the weather in which one misbehaviour happens."""
    events = MISBEHAVIOURS[name].strikes == "event" or name == "id-by-event"
    strikes = MISBEHAVIOURS[name].strikes
    # Nobody lists, or looks at when an order was made, but after a lost answer.
    first: tuple[str, ...] = ("reset-after",) if strikes == "list" or name.startswith("dates-") else ()
    if mode == "sometimes" and strikes in CALLS:
        first = (name,)
    return Weather(
        (fault_of(name, mode),),
        frozenset({name} if mode == "sometimes" else ()),
        crashes=crashes,
        events=events,
        first=first,
    )


ORDINARY = (
    "throttle",
    "error-before",
    "error-after",
    "reset-after",
    "silent-after",
    "cut-body",
    "half-patch",
    "late-commit",
    "read-error-before",
    "read-reset-after",
    "notify-lost",
    "notify-double",
    "notify-reorder",
    "notify-early",
)
ORDINARY_RATES = (0.0, 0.05, 0.1)
MISBEHAVIOURS_MAX = 3
LATER_SECONDS = (1.0, 60.0, 900.0)


def drawn(seed: int, *, drafts: bool, carts: int = 1) -> Weather:
    """Draw what happens to one world: ordinary faults, and up to three misbehaviours, now and then or always.

    Further carts are checked out a moment after the first, or a while.
    """
    random = Random(f"weather {seed}")
    faults = [Fault(name, random.choice(ORDINARY_RATES)) for name in ORDINARY]
    fitting = [name for name, each in MISBEHAVIOURS.items() if each.kinds in ("both", "drafts" if drafts else "live")]
    passing = set(ORDINARY)
    for name in random.sample(fitting, random.randint(0, MISBEHAVIOURS_MAX)):
        mode: Mode = random.choice(("sometimes", "sometimes", "always"))
        faults.append(fault_of(name, mode))
        if mode == "sometimes":
            passing.add(name)
    return Weather(
        tuple(fault for fault in faults if fault.rate),
        frozenset(passing),
        crashes=random.random() < 0.5,
        events=random.random() < 0.25,
        later=tuple(random.uniform(0.0, random.choice(LATER_SECONDS)) for _ in range(carts - 1)),
    )
