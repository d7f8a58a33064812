"""How a checkout ends with each misbehaviour: the table that the tests hold the gateway to, and that `docs/` shows.

Where several ends are given, which one it is depends on what was struck (the POST, the submission, a search): each of them is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from gateway.sandbox.misbehaviours import MISBEHAVIOURS, Misbehaviour

Kind = Literal["drafts", "live"]


@dataclass(frozen=True)
class Ends:
    """The ends that are right on one kind of order system: where it happens now and then, and where it always does."""

    sometimes: frozenset[str]
    always: frozenset[str]
    why: str = ""
    """What is known in the end where the checkout is held, waits or is told with a difference."""
    live_max: int = 1
    """Live orders there may be in the end: more than one only where the order system makes them itself."""


def _ends(sometimes: str, always: str = "", why: str = "", live_max: int = 1) -> Ends:
    return Ends(frozenset(sometimes.split("|")), frozenset((always or sometimes).split("|")), why, live_max)


_RIGHT: Final = _ends("completed")
_RIGHT_OR_WAITS: Final = _ends("completed", "waits|held", "what the order system answers, and when it is tried again")
_RIGHT_OR_HELD: Final = _ends("completed", "completed|held", "what was seen, and that nobody can tell more")
# Drafts whose every call is answered so are waited for: nothing of them is live.
_RIGHT_OR_WAITS_OR_HELD: Final = _ends(
    "completed", "completed|held|waits", "what the order system answers, and when it is tried again"
)
_KEPT_OTHERWISE: Final = _ends("completed|held", "held", "the draft never becomes what was sent")
_LIVE_OTHERWISE: Final = _ends("told|held|completed", "told|held", "what is live differs from what was sent")
_REFUSED: Final = _ends("completed|rejected", "rejected", "what the order system refused")
_MARKER: Final = _ends("completed|held", "completed|held", "the order system changed the external id from A to B")
_UNKNOWABLE: Final = _ends(
    "completed|held", "completed|held", "the order system cannot be searched in a way that proves anything"
)
_ERRORS: Final = _ends("completed", "held", "no call makes an order that can be found")
_FOLLOWED: Final = _ends(
    "completed|held|waits", "completed|held|waits", "the order that was followed is not there, or is another's"
)

_DRAFTS: Final[dict[str, Ends]] = {
    "read-bomb": _ends(
        "completed|rejected", "rejected", "a draft that is too large to be read back is not submitted unread"
    ),
    "lines-two": _KEPT_OTHERWISE,
    "refused-but-done": _ends("completed|rejected", "rejected"),
    "throttled-but-done": _RIGHT_OR_WAITS_OR_HELD,
    **{
        f"done-{status}": _ends("completed|rejected", "rejected|held|completed")
        for status in (400, 403, 404, 409, 413, 422)
    },
    **{f"done-{status}": _RIGHT_OR_HELD for status in (408, 500, 503)},
    **{f"done-{status}": _RIGHT_OR_WAITS_OR_HELD for status in (401, 429)},
    "done-500-limit": _ends("completed|rejected", "rejected"),
    "refused-then-done": _ends("completed|rejected|held", "completed|rejected|held"),
    "throttled-then-done": _ends("completed|held", "held|waits"),
    "duplicate-unfindable": _REFUSED,
    "replay": _ends(
        "completed|held|contents",
        "completed|held|contents",
        "the draft holds its lines twice, and so does the next one; a price "
        "alteration that was set twice cannot be read back: see the limits",
    ),
    **{f"replay-{status}": _ends("completed|rejected|held") for status in (400, 409, 422)},
    "replay-429": _RIGHT_OR_WAITS_OR_HELD,
    "replay-500": _RIGHT_OR_HELD,
    "foreign-id": _MARKER,
    "foreign-id-only": _MARKER,
    "foreign-order": _MARKER,
    "partial": _KEPT_OTHERWISE,
    "partial-lost": _ends("completed|held", "held"),
    "items-dropped": _KEPT_OTHERWISE,
    "root-added": _KEPT_OTHERWISE,
    "quantity-doubled": _KEPT_OTHERWISE,
    "quantity-one": _ends("completed|held", why="the draft never becomes what was sent"),
    "offering-replaced": _KEPT_OTHERWISE,
    "live-at-once": _ends("completed|held|told", "held|told", "the order was live before it was complete"),
    "hand-submit": _ends("completed|held|told", "completed|held|told", "somebody else submitted it", live_max=2),
    "hand-add": _ends(
        "completed|held|told", why="the draft never becomes what was sent, or what is live differs from it"
    ),
    "same-order": _ends("completed|held", why="the draft never becomes what was sent"),
    "redirect-307": _ends("completed|held", "waits|held", "what the order system answers, and when it is tried again"),
    "self-submit": _ends("completed|held", "completed|held", "a draft that was given up is live", live_max=2),
    "give-up-live": _ends("completed|held", "completed|held", "a draft that was given up is live", live_max=2),
    "submit-nothing": _ends(
        "completed|held", "held", "it was submitted twice, and the order system shows a draft: `retry` submits it again"
    ),
}
_LIVE: Final[dict[str, Ends]] = {
    "lines-two": _ends(
        "completed", why="what is shown of a live order differs from what was sent: the checkout says so"
    ),
    "refused-then-done": _ends("held|completed", "held|completed", "the refused order is live after all"),
    "throttled-then-done": _ends(
        "completed|held", "held|waits|completed", "calls that were turned away took effect later", live_max=3
    ),
    "duplicate-unfindable": _REFUSED,
    "replay": _ends("completed|held", "held", "two live orders carry the external id: both are named", live_max=2),
    "replay-later": _ends(
        "completed|held", "held", "two live orders carry the external id: both are named", live_max=2
    ),
    "replay-of-another-day": _ends("completed|held|unnoticed", live_max=2, why="nobody looks any more: see the limits"),
    "foreign-id": _MARKER,
    "foreign-id-only": _ends("completed|held", "held", "the order that the answer names is a stranger's"),
    "foreign-order": _MARKER,
    "partial": _LIVE_OTHERWISE,
    "partial-lost": _LIVE_OTHERWISE,
    "items-dropped": _LIVE_OTHERWISE,
    "child-added": _LIVE_OTHERWISE,
    "root-added": _LIVE_OTHERWISE,
    "quantity-doubled": _LIVE_OTHERWISE,
    "quantity-one": _LIVE_OTHERWISE,
    "offering-replaced": _LIVE_OTHERWISE,
    "drop-later": _LIVE_OTHERWISE,
    "split-later": _LIVE_OTHERWISE,
    "add-later": _LIVE_OTHERWISE,
    **{
        name: _UNKNOWABLE
        for name, each in MISBEHAVIOURS.items()
        if each.strikes == "list"
        and name
        not in (
            "filter-ignored",
            "list-lag",
            "list-none-204",
            "list-none-404",
            "list-open-only",
            "list-marker-cut",
        )
    },
}
_BOTH: Final[dict[str, Ends]] = {
    **{f"refused-{status}": _REFUSED for status in (400, 403, 404, 405, 409, 410, 413, 422)},
    **{f"refused-{status}": _RIGHT_OR_WAITS for status in (401, 429, 500, 503)},
    **{name: _RIGHT_OR_WAITS for name in MISBEHAVIOURS if name.startswith(("retry-after-", "redirect-"))},
    "redirect-301-done": _RIGHT_OR_HELD,
    **{name: _RIGHT_OR_HELD for name in MISBEHAVIOURS if name.startswith("bytes-")},
    "bytes-close-before": _RIGHT_OR_WAITS,
    **{name: _MARKER for name in MISBEHAVIOURS if name.startswith("marker-")},
    "own-external-id": _ends("completed|held", "held", "the order system changed the external id from A to B"),
    "no-state": _FOLLOWED,
    "state-object": _FOLLOWED,
    "soft-error": _ERRORS,
    "archived": _ends("completed|held", "held", "the order is not there any more, and how it ended is not known"),
    "back-to-draft": _FOLLOWED,
    "quantity-absent": _ends("completed|held|told", "completed|held|told"),
    "cancelled-for-twin": _ends(
        "completed|held", "completed|held", "another live order carries the external id, and is followed", live_max=2
    ),
    "deleted": _FOLLOWED,
    "merged": _FOLLOWED,
    "renamed": _FOLLOWED,
    "alias": _FOLLOWED,
    "id-reused": _FOLLOWED,
    **{name: _RIGHT_OR_WAITS for name in MISBEHAVIOURS if name.startswith("read-")},
    "read-slow": _RIGHT,
    "read-404": _ends("completed|held", "waits|held", "the order is not found"),
    "read-another": _ends("completed|held", "waits|held", "the answer is another order than the one asked for"),
    "read-list": _ends("completed", "completed|waits|held"),
}


def ends_of(name: str, kind: Kind) -> Ends | None:
    """Return the ends that are right; None where the misbehaviour cannot happen."""
    each: Misbehaviour = MISBEHAVIOURS[name]
    if each.kinds not in ("both", kind):
        return None
    own = _DRAFTS if kind == "drafts" else _LIVE
    return own.get(name) or _BOTH.get(name) or _RIGHT
