"""What a search for a marker is worth: the orders it found, and whether "not found" means "not there". Pure values.

State is a code; the sentence beside it is for people. Nothing is decided from a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.ordering import ObservedOrder, Spelling, is_changed, readable

AbsenceCode: TypeAlias = Literal[
    # The search did not see everything, or did not understand what it saw.
    "no_search",
    "page_failed",
    "paging_unclear",
    "too_many_pages",
    "out_of_time",
    "totals_disagree",
    "row_unreadable",
    "marker_not_understood",
    "markers_not_shown",
    "filter_not_shown",
    "marker_changed",
    "young_order_unmarked",
    "young_order_alike",
    "hit_unreadable",
    "told_not_confirmed",
    "from_a_cache",
    "known_order_not_found",
    # The search saw everything it was shown, and nothing shows that it would have been shown our order.
    "not_controlled",
    "nothing_to_control_with",
    "marker_never_seen",
    "nothing_older",
    "nothing_younger",
]

SENTENCES: Final[dict[AbsenceCode, str]] = {
    "no_search": "the mapping names no way to search for a marker",
    "page_failed": "a page of the list could not be read",
    "paging_unclear": "the same page came twice: paging does not work as the mapping says",
    "too_many_pages": "the list has more pages than a search reads (recovery.scan_pages_max)",
    "out_of_time": "the search took too long",
    "totals_disagree": "the number of orders that the list names does not agree with the orders it shows",
    "row_unreadable": "the list holds something that is not an order with an id",
    "marker_not_understood": "the marker's slot of an order holds something that is not understood",
    "markers_not_shown": "the list shows no marker of any order",
    "filter_not_shown": "the filtered list holds orders that do not show what was filtered by",
    "marker_changed": "an order holds our marker in another spelling or in another place",
    "young_order_unmarked": "an order made after the call shows no marker, so it may be ours",
    "young_order_alike": "an order made after the call holds what was sent, or most of it, and carries another marker",
    "hit_unreadable": "an order that the search found could not be read",
    "told_not_confirmed": "a notification named an order with our marker, and reading that order did not confirm it",
    "from_a_cache": "the list came from a cache that is older than the call",
    "known_order_not_found": "an order that this order system is known to have was not found in the same way",
    "not_controlled": "whether this search finds orders was not controlled",
    "nothing_to_control_with": "the order system shows no order that the search could be controlled with",
    "marker_never_seen": "no order shows a marker of the gateway: whether this order system keeps them was not seen",
    "nothing_older": "no order made before the call could be found in the same way",
    "nothing_younger": "no order made after the call could be found in the same way",
}
"""Why "not found" does not mean "not there"; for the logs and the pages of operators, too."""


class Absence(Struct, frozen=True):
    """What it is worth that a search found nothing more.

    `incomplete`: it may be there. `uncontrolled`: the search saw all that it was shown. `proven`: it also found, in the same
    way, orders that were made before and after the call in question.
    """

    kind: Literal["incomplete", "uncontrolled", "proven"]
    code: AbsenceCode | None = None
    detail: str = ""

    @property
    def sentence(self) -> str:
        """Return why it is not proof, or what proves it, for people."""
        said = (
            SENTENCES[self.code] if self.code is not None else "orders made before and after were found in the same way"
        )
        return f"{said} ({self.detail})" if self.detail else said


def incomplete(code: AbsenceCode, detail: str = "") -> Absence:
    """Return that the search saw less than everything."""
    return Absence("incomplete", code, detail)


def uncontrolled(code: AbsenceCode = "not_controlled", detail: str = "") -> Absence:
    """Return that the search saw everything it was shown, and that this is all that is known."""
    return Absence("uncontrolled", code, detail)


def proven(detail: str = "") -> Absence:
    """Return that the same search found orders made before and after the call in question."""
    return Absence("proven", None, detail)


class Hint(Struct, frozen=True):
    """An order that may be ours and does not show our marker as the mapping expects.

    `how` says how `shown` differs from our marker; `where` is `slot` for the marker's own place, else `elsewhere`. An order made
    after the call that shows nothing to tell it by has `how` `none` or `unreadable`, and an empty `shown`.
    """

    order_id: str
    state: str
    how: Spelling
    shown: str = ""
    where: Literal["slot", "elsewhere"] = "slot"

    @property
    def sentence(self) -> str:
        """Return what was seen, for people."""
        if not self.shown:
            return f"order {self.order_id} was made after the call and shows no marker that can be read"
        place = "" if self.where == "slot" else " in another place"
        return f"order {self.order_id} shows {readable(self.shown)}{place}"


class KnownOrder(Struct, frozen=True):
    """An order that this order system accepted from us, with the time of ours (the database's) at which it had."""

    id: str
    marker: str
    accepted_at: datetime


Answered: TypeAlias = Literal["lost", "turned_away", "refused"]
"""How a call that makes a live order was answered: not at all or not readably, with "later" (429, 401, a full 503), or with a refusal."""


class CallInDoubt(Struct, frozen=True, kw_only=True):
    """A call that makes a live order, for a search that is to tell whether it had an effect.

    `answered`: after a lost answer the search must prove the absence. After a refusal both agree, and it must only not pass over
    what may be the order; an order without a marker may be that of a call that was refused for good only if it is alike.

    `sent_at` is when it was sent last (the first time, where each call was refused), `now` the time of the same clock at the
    beginning of the search. `known` are orders that this order system accepted from us, best the last one before `sent_at` and the
    first one after. `offerings` are the product codes that the call sent, as the order system writes them: a young order without a
    marker that shows none of them is not ours. Without them each may be. `is_alike` tells whether an order holds what the call
    sent: one that does is not taken for a stranger's because it carries another marker.
    """

    sent_at: datetime
    now: datetime
    answered: Answered = "lost"
    known: tuple[KnownOrder, ...] = ()
    offerings: frozenset[str] = frozenset()
    is_alike: Callable[[ObservedOrder], bool] | None = None


class MarkedOrders(Struct, frozen=True):
    """The orders of a list that carry a marker of a gateway, by their heads, and whether the list was seen whole.

    `since_only`: the list holds orders made from a time on, so that an older one may rightly be missing.
    """

    orders: tuple[ObservedOrder, ...]
    absence: Absence
    since_only: bool = False

    @property
    def complete(self) -> bool:
        """Tell whether there are no more of them than those found."""
        return self.absence.kind != "incomplete"


class NotifiedOrder(Struct, frozen=True):
    """An order that a notification named, and our marker as the notification carried it."""

    id: str
    marker: str


class FindResult(Struct, frozen=True):
    """The orders that carry a marker, what it is worth that there are no others, and those that may be ours otherwise.

    `by_event` are the ids of those that a notification named; `unconfirmed` are further ones that a notification named and that
    could not be read, or do not show whose they are.

    The orders may come without their lines: a search asks for few attributes. Read an order by its id before using it.
    """

    orders: tuple[ObservedOrder, ...] = ()
    absence: Absence = uncontrolled()
    hints: tuple[Hint, ...] = ()
    by_event: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether, for an ordinary look, there are no more orders with the marker than those found."""
        return self.absence.kind != "incomplete"

    @property
    def changed(self) -> tuple[Hint, ...]:
        """Return the hints that hold our marker in another spelling or place: there is no doubt whose orders they are."""
        return tuple(hint for hint in self.hints if hint.where == "elsewhere" or is_changed(hint.how))

    def allows_sending_again(self, uncontrolled_absence: Literal["hold", "resend"]) -> bool:
        """Tell whether nothing was found in a way that a call which makes a live order may be sent a second time.

        `uncontrolled_absence` is the mapping's word for where nothing can tell whether a search would have found the order.
        """
        if self.orders or self.hints:
            return False
        cannot_be_known = self.absence.kind == "uncontrolled" or self.absence.code == "no_search"
        return self.absence.kind == "proven" or (cannot_be_known and uncontrolled_absence == "resend")
