"""What was seen of an order system, before anything is concluded from it. Plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from gateway.ordering import Marker, ObservedOrder


class ListedOrder(Struct, frozen=True, kw_only=True):
    """A row of a list: the order's head and the texts of its times, by the names of their attributes."""

    id: str
    state: str
    marker: Marker
    made_at: datetime | None = None
    dates: dict[str, str] = {}


class ListSeen(Struct, frozen=True, kw_only=True):
    """A list as it was read page by page by the mapping.

    `ended`: its end was reached, else `why` says what stopped the reading. `broken` counts rows that are not orders with an id,
    `totals` are the numbers of orders that the answers named, `age_seconds` is that of the oldest page in a cache, `empty_pages`
    counts pages that were empty and were not when they were asked for again, `repeated` rows that came twice.
    """

    orders: tuple[ListedOrder, ...] = ()
    ended: bool = True
    why: str = ""
    failed: bool = False
    broken: int = 0
    totals: frozenset[int] = frozenset()
    age_seconds: float = 0.0
    empty_pages: int = 0
    repeated: int = 0


class PagesSeen(Struct, frozen=True, kw_only=True):
    """The first orders of the list, and those on pages of `limit` orders by the offset that was asked for (None: refused)."""

    first: tuple[str, ...]
    limit: int
    by_offset: dict[int, tuple[str, ...] | None]


class Asked(Struct, frozen=True, kw_only=True):
    """One question to the search: the order that should be found, and the ids that were. `unmarked`: rows without what was asked for."""

    order_id: str
    found: tuple[str, ...]
    unmarked: tuple[str, ...] = ()
    failed: str = ""


class SearchSeen(Struct, frozen=True, kw_only=True):
    """The answers of the search to questions about orders that are there, and how many it found for a text that is nowhere."""

    asked: tuple[Asked, ...] = ()
    for_nothing: int | None = None
    ours: bool = False
    """One of the orders asked for carries a marker of the gateway."""


class ReadSeen(Struct, frozen=True, kw_only=True):
    """An order that was asked for by its id: what came, or why nothing did. `None` and no failure: there is no such order."""

    order_id: str
    order: ObservedOrder | None = None
    failed: str = ""


class MarkerSeen(Struct, frozen=True, kw_only=True):
    """A marker that an order was sent with, and the order; None where it could not be read."""

    sent: str
    order: ObservedOrder | None


class RepeatSeen(Struct, frozen=True, kw_only=True):
    """What came of the same POST a second time: the ids of the first and the second answer, or how the second was refused.

    `failed`: neither, in words.
    """

    first: str
    second: str = ""
    refused: str = ""
    failed: str = ""


class ShownAfter(Struct, frozen=True, kw_only=True):
    """After how many seconds a new order was shown; None where it was not within the time that was waited."""

    waited_seconds: float
    by_id: float | None = None
    in_list: float | None = None
    by_search: float | None = None


class WriteSeen(Struct, frozen=True, kw_only=True):
    """What was seen of the test order. `refused`: none could be looked at, and why.

    `named_by`: what named it, its answer or the search with its marker; with `nothing` it may be there all the same.
    """

    refused: str = ""
    named_by: Literal["", "answer", "search", "nothing"] = ""
    order_id: str = ""
    marker: str = ""
    created: ObservedOrder | None = None
    difference: str | None = None
    grown: str | None = None
    """How the draft differs from both calls after the second; None: it does not, or it was not grown (`grew` false)."""
    grew: bool = False
    shown: ShownAfter | None = None
    twins: int = 0
    """Further orders that carried its marker although it was sent once."""
    repeat: RepeatSeen | None = None
    keyed: RepeatSeen | None = None
    voided: str | None = None
    """Why it is not void; None: it is."""
    left: tuple[str, ...] = ()
    """Ids of test orders that are left as they are."""


class HubSeen(Struct, frozen=True, kw_only=True):
    """What came of registering an address at the hub and taking it back.

    `refused`: it was not taken, and why. `left`: the registration could not be taken back, and why.
    """

    callback: str
    hub_id: str = ""
    refused: str = ""
    left: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """All that was seen of one order system. `known` are markers of orders that it accepted from this gateway before."""

    listed: ListSeen
    pages: PagesSeen | None = None
    search: SearchSeen = SearchSeen()
    reads: tuple[ReadSeen, ...] = ()
    known: tuple[MarkerSeen, ...] = ()
    write: WriteSeen | None = None
    hub: HubSeen | None = None
