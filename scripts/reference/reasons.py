"""The page of the reasons of a checkout: what each means, what it asks of operators, and the limits that remain."""

from __future__ import annotations

from gateway.checkouts.reasons import ASKED, MEANING, OF_THE_UPSTREAM, WAYS
from scripts.reference.markdown import code, page, table

_INTRODUCTION = """
`reason.code` of a checkout: programs decide by it, `reason.message` is for people, and `reason.nextAttemptAt` is when the gateway
looks at it next by itself (null: not before somebody does something). A checkout that is `held` goes on or ends by one of the
commands of the last column and by nothing else ([decide about a checkout](../how-to/decide-about-a-checkout.md)); its sentence in
detail: [read why a checkout is held](../how-to/read-held-reasons.md). The codes marked with * end by themselves, for everything that
waits, within seconds of the order system answering again.
"""

_LIMITS: tuple[tuple[str, str, str], ...] = (
    (
        (
            "A submission whose answer was lost, or that was answered and did nothing, is sent once more for the same "
            "order. A system that shows its own submission later than that, and makes a supplemental order of the "
            "second call, has two."
        ),
        "`limits.deadline_seconds` + `submission.settle_seconds`",
        "raise `submission.settle_seconds` above the longest delay of its reads",
    ),
    (
        (
            "A live POST whose answer was lost is sent again only after a search that was seen to find orders made "
            "before and after it. A call that takes effect later than the quiet time is not known then."
        ),
        (
            "the longer of `limits.deadline_seconds` and `submission.lease_seconds`, + `limits.quiet_seconds` (-1: "
            "`recovery.quiet_seconds` of the mapping)"
        ),
        "raise it above the longest time that a proxy or queue before the order system keeps a call",
    ),
    (
        (
            "Where no order was made after such a call, by anybody, no search can be trusted: the checkout waits for "
            "the next one (`not_verifiable`), and is held when none came. Where none was made before it either, because the "
            "order system is new, the next one proves nothing, and it is held all the same."
        ),
        "six hours after the quiet time",
        (
            "before you go live make an order there (`gateway doctor NAME --write` makes one and voids it); afterwards make or "
            "wait for any order there and `retry`; look there and `close`; or set "
            '`recovery.uncontrolled_absence = "resend"` where the search is known to work: then it is sent again after '
            "the quiet time without a control"
        ),
    ),
    (
        "What the same kind of question found before the call counts as an order made before it.",
        "`recovery.control_hours` of the mapping",
        "lower it for an index that is rebuilt often",
    ),
    (
        "A search reads so many pages; an order on a later one is not seen, and the search proves nothing.",
        "`recovery.scan_pages_max` of the mapping; 20 pages of the plain list to control a filter",
        "raise it, or let the mapping filter",
    ),
    (
        (
            "An order that is shown late, or with fewer lines than were sent, is waited for; what comes later still is "
            "judged as not there."
        ),
        "`limits.deadline_seconds` + `submission.settle_seconds`",
        "raise `submission.settle_seconds`",
    ),
    (
        (
            "A refusal is believed when one search of the filter and of the list finds nothing. Where the search is seen to miss "
            "orders, or no order of a gateway was ever seen there, the finding `refusal_not_verified` says so. An order that is made "
            "later is found by the clean-up: the checkout is held then (`live_after_end`). One made after its last look is not noticed."
        ),
        "`submission.cleanup_seconds`",
        "add a later look",
    ),
    (
        (
            "A live POST that is turned away (429, 401, a full 503) is looked for after `submission.settle_seconds`, by the filter and "
            "on the list, and sent again, once, before all its time is over. Turned away again (429, a full 503), it is sent only when "
            "both had the time to be shown. A system that turns calls away and carries "
            "them out later has as many orders as were sent until the first of them is shown, two at most where that takes less than "
            "the time here, three where it takes less than twice as long; the checkout is held then, and names them (`duplicate_orders`)."
        ),
        (
            "`limits.deadline_seconds` + `submission.settle_seconds` between the second call and the third; then the longer of that and "
            "`submission.retry_seconds`"
        ),
        (
            "make the first of `submission.retry_seconds` longer than the queue of the order system: then the first call is found before "
            "any other is sent"
        ),
    ),
    (
        (
            "A call that begins a draft and is turned away is looked for before it is sent again. Where no search shows all drafts, each "
            "repetition may leave one more there: the checkout is held after so many (`not_verifiable`)."
        ),
        "`submission.generations_max`",
        "delete the drafts with the external id that the checkout names; let the mapping search",
    ),
    (
        (
            "Calls that something repeats are noticed at the first poll of an order and before its end is told. A filter that does not "
            "show the order itself is not believed, and the list is read; where that does not show it either, the finding "
            "`order_not_verified` says so. A repetition after that is not noticed."
        ),
        "the end of the order",
        "switch off repetition of POST and PATCH between the gateway and the order system",
    ),
    (
        (
            "Where searches show drafts only (`recovery.scan_parameters`), a second draft that something made of one call and "
            "somebody submits before the first poll is not seen by it."
        ),
        "the daily comparison",
        "read what `gateway reconcile` reports; switch off repetition",
    ),
    (
        (
            "A price alteration that is set twice by a repeated call cannot be read back where the order system shows "
            "no alterations."
        ),
        "`lines.alterations_readable` of the mapping",
        'switch off repetition; compare the price (`checkout.drift_action = "hold"`)',
    ),
    (
        (
            'Where the mapping names no search (`recovery.find = "none"`), a lost live POST cannot be looked for, nor '
            "a refusal verified."
        ),
        "at once",
        "give the order system a search, or drafts",
    ),
    (
        (
            "An order system that replaces the marker of one order alone, after a lost answer, and shows other "
            "contents under a stranger's, cannot be told from one without that order."
        ),
        "none",
        "`gateway_duplicate_orders_total` and the order system's own figures",
    ),
)


def reasons_page() -> str:
    """Return the page."""
    rows = [
        (
            code(name) + (" *" if name in OF_THE_UPSTREAM else ""),
            meaning,
            ASKED[name],
            ", ".join(code(way) for way in WAYS.get(name, ())),
        )
        for name, meaning in MEANING.items()
    ]
    limits = table(("what cannot be known", "the bound", "where it matters"), _LIMITS)
    return page(
        "Reasons of a checkout",
        _INTRODUCTION,
        table(("code", "meaning", "asks of operators", "where it is held"), rows),
        f"## Limits that remain\n\nNames of settings are those of [settings](settings.md) and [mapping files](mapping.md).\n\n{limits}",
    )
