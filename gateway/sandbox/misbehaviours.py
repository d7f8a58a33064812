"""The table of misbehaviours: the name of each, what it does, and which belief of a client it attacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Strikes = Literal["create", "change", "submit", "write", "read", "list", "order", "event"]
"""What is struck: a POST, a PATCH of items or prices, a PATCH that submits, any of the three, a GET by id, a GET of the list, an
order for its whole life (drawn when it is made), or an event."""
Kinds = Literal["both", "drafts", "live"]
"""Where it can happen: on a system with drafts, on one whose POST is live at once, or on both."""

RULES: Final[dict[str, str]] = {
    "named": "an answer that names an order is never absence",
    "understood": 'not understood is not "not there"',
    "control": "absence needs a positive control",
    "refusal": 'a refusal is not "no effect"',
    "identity": "an id is a hint, the marker is evidence, the contents decide",
    "contents": "what is live is compared, when it is accepted and before its end is told",
    "final": "a final state is an answer like any other",
    "reason": "every end and every wait has a reason",
    "late": "what is shown late is waited for, not judged",
    "lost": "a lost answer is looked into, never repeated",
    "bounds": "an answer is bounded in bytes, depth and time",
}
"""The beliefs that are attacked, by the rule that a client needs against it."""


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One thing an order system does. `seconds` is its time where it has one: `--fault NAME=SECONDS`."""

    name: str
    strikes: Strikes
    rule: str
    does: str
    kinds: Kinds = "both"
    seconds: float | None = None
    invented: bool = False
    """Nobody has seen it yet: thought of where an implementer would cut a corner."""


_REFUSED_DONE = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503)
_REFUSED = (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503)
_REPLAYED = (400, 409, 422, 429, 500)
RETRY_AFTER: Final[dict[str, str]] = {
    "zero": "0",
    "negative": "-1",
    "word": "soon",
    "past": "Thu, 01 Jan 2015 00:00:00 GMT",
    "future": "Fri, 31 Dec 2027 00:00:00 GMT",
    "digits": "9" * 30,
    "ten-years": "315360000",
    "none": "",
}
"""Forms of the Retry-After header of a 429, by the name `retry-after-NAME`."""

_ROWS: Final[tuple[Misbehaviour, ...]] = (
    # -- answers to a call that took effect
    Misbehaviour("refused-but-done", "write", "refusal", "takes effect; the answer is one of the refusals 400 to 422"),
    Misbehaviour("throttled-but-done", "write", "refusal", "takes effect; the answer is 429 with Retry-After"),
    *(
        Misbehaviour(
            f"done-{status}",
            "write",
            "refusal" if status < 500 and status != 408 else "lost",  # noqa: PLR2004
            f"takes effect; the answer is {status}",
        )
        for status in _REFUSED_DONE
    ),
    Misbehaviour("done-500-limit", "write", "refusal", "takes effect; the answer is the 500 of a governor limit"),
    *(
        Misbehaviour(f"refused-{status}", "write", "reason", f"has no effect; the answer is {status}")
        for status in _REFUSED
    ),
    Misbehaviour(
        "refused-then-done", "write", "refusal", "is refused with 400, and takes effect seconds later", invented=True
    ),
    Misbehaviour(
        "throttled-then-done", "write", "refusal", "is answered 429, and takes effect a minute later", invented=True
    ),
    Misbehaviour(
        "duplicate-unfindable",
        "create",
        "reason",
        "is refused as a duplicate (409) of an order that does not exist",
        invented=True,
    ),
    # -- a proxy repeats the call
    Misbehaviour("replay", "write", "contents", "comes twice, by a proxy; the second answer is passed on"),
    *(
        Misbehaviour(
            f"replay-{status}",
            "write",
            "refusal",
            f"comes twice, by a proxy; the second answer is {status} (a POST is refused as a duplicate)",
        )
        for status in _REPLAYED
    ),
    Misbehaviour(
        "replay-later",
        "create",
        "contents",
        "comes again, by a proxy, half a minute after it was answered",
        invented=True,
    ),
    Misbehaviour(
        "replay-of-another-day",
        "create",
        "contents",
        "comes again, by a queue, two hours after it was answered",
        invented=True,
    ),
    # -- the form of a success
    Misbehaviour("answer-empty", "create", "named", "201 without a body"),
    Misbehaviour("answer-html", "create", "named", "200 with a page of HTML"),
    Misbehaviour("answer-location", "create", "named", "202 without a body; Location names the order"),
    Misbehaviour(
        "answer-location-late", "create", "late", "202 with a Location of an order that is there a second later"
    ),
    Misbehaviour("answer-list", "create", "named", "201 with the order inside a list"),
    Misbehaviour("answer-wrapped", "create", "named", "201 with the order inside an object"),
    Misbehaviour("answer-200", "create", "named", "200 in the place of 201"),
    Misbehaviour("answer-207", "create", "named", "207 in the place of 201"),
    Misbehaviour("answer-no-marker", "create", "identity", "201 without externalId"),
    Misbehaviour("answer-id-number", "create", "identity", "201 with the id as a number"),
    Misbehaviour("answer-id-stripped", "create", "identity", "201 with the id without its leading zeros"),
    Misbehaviour("answer-id-padded", "create", "identity", "201 with a space after the id", invented=True),
    Misbehaviour("answer-id-cut", "create", "identity", "201 cut by a proxy to an object with half of the id"),
    Misbehaviour("answer-duplicate-names", "create", "identity", "201 that names id twice, a stranger's order first"),
    Misbehaviour("answer-nan", "create", "bounds", "201 with NaN in it"),
    Misbehaviour("answer-bom", "create", "understood", "201 with a byte order mark"),
    Misbehaviour("answer-utf16", "create", "understood", "201 in UTF-16"),
    Misbehaviour("answer-deep", "create", "bounds", "201 with 3 000 nested lists in it"),
    Misbehaviour("answer-text-type", "create", "understood", "201 with JSON and Content-Type text/xml"),
    Misbehaviour("answer-trailing", "create", "understood", "201 with a second document behind the first"),
    Misbehaviour(
        "answer-partial",
        "create",
        "contents",
        "201 whose body shows the first item only; the order is whole",
        invented=True,
    ),
    Misbehaviour("soft-error", "create", "named", "200 with an error in the body; nothing was made", invented=True),
    Misbehaviour("soft-error-done", "create", "named", "takes effect; 200 with an error in the body", invented=True),
    Misbehaviour(
        "same-order",
        "create",
        "identity",
        "201 with the caller's last order, taken for a repetition by its contents; nothing new was made",
        invented=True,
    ),
    Misbehaviour("id-by-event", "create", "identity", "202 without body and Location: the id comes by event only"),
    Misbehaviour("foreign-id", "create", "identity", "201 with the id of a stranger's order, without externalId"),
    Misbehaviour("foreign-id-only", "create", "identity", "201 with the id of a stranger's order; nothing was made"),
    Misbehaviour("foreign-order", "create", "identity", "201 with the whole order of a stranger"),
    Misbehaviour("redirect-301", "write", "reason", "301 to a page to log in; no effect"),
    Misbehaviour("redirect-301-done", "write", "lost", "takes effect; the answer is 301"),
    Misbehaviour("redirect-307", "write", "reason", "307 to another host; no effect"),
    # -- bytes
    Misbehaviour("bytes-drip", "write", "bounds", "takes effect; the answer comes one byte a second"),
    Misbehaviour("bytes-endless", "write", "bounds", "takes effect; the answer never ends"),
    Misbehaviour("bytes-bomb", "write", "bounds", "takes effect; the answer is 12 MB of zeros in gzip"),
    Misbehaviour("bytes-http10", "write", "lost", "HTTP/1.0: an answer without length"),
    Misbehaviour("bytes-http10-cut", "write", "lost", "HTTP/1.0: an answer without length, cut"),
    Misbehaviour("bytes-early-103", "write", "lost", "103 and 100 in front of the answer"),
    Misbehaviour("bytes-close-after", "write", "lost", "takes effect; the connection is closed"),
    Misbehaviour("bytes-header-close", "write", "lost", "takes effect; the connection is closed within a header"),
    Misbehaviour("bytes-close-before", "write", "lost", "the connection is closed; no effect"),
    Misbehaviour("bytes-second-answer", "write", "identity", "a second answer, of another order, behind the first"),
    # -- the marker
    Misbehaviour("marker-upper", "order", "named", "keeps externalId in upper case"),
    Misbehaviour("marker-cut", "order", "named", "keeps the first 18 characters of externalId"),
    Misbehaviour("marker-prefix", "order", "named", "keeps externalId with WEB/ before it"),
    Misbehaviour("marker-upper-found", "order", "named", "keeps externalId in upper case; its filter does not mind"),
    Misbehaviour("own-external-id", "order", "named", "sets an externalId of its own"),
    Misbehaviour("marker-list", "order", "understood", "shows externalId as a list of texts"),
    Misbehaviour("marker-object", "order", "understood", "shows externalId as an object in a list", invented=True),
    Misbehaviour("marker-absent", "order", "identity", "shows no externalId"),
    Misbehaviour("marker-null", "order", "understood", "shows externalId as null", invented=True),
    Misbehaviour("marker-number", "order", "understood", "shows externalId as a number of its own", invented=True),
    Misbehaviour("marker-moved", "order", "understood", "shows our externalId in another attribute", invented=True),
    Misbehaviour("marker-spaced", "order", "understood", "shows a space behind externalId", invented=True),
    Misbehaviour("marker-dashes", "order", "understood", "shows the hyphens of externalId as dashes", invented=True),
    Misbehaviour("marker-forgotten", "order", "identity", "shows externalId for a minute, then its own", invented=True),
    Misbehaviour(
        "marker-shared", "order", "identity", "shows our externalId on a stranger's order, too", invented=True
    ),
    # -- state words
    Misbehaviour("no-state", "order", "understood", "shows no state"),
    Misbehaviour("state-lower", "order", "understood", "shows its state in lower case"),
    Misbehaviour("state-upper", "order", "understood", "shows its state in upper case"),
    Misbehaviour(
        "state-unknown", "order", "reason", "shows a state that nobody has heard of after the first", invented=True
    ),
    Misbehaviour("state-object", "order", "understood", "shows its state as an object with a value", invented=True),
    Misbehaviour("live-at-once", "create", "named", "is live at once, although a draft was asked for", "drafts"),
    Misbehaviour("back-to-draft", "order", "final", "shows its first state again, seconds after its submission"),
    # -- lines, as they are kept
    Misbehaviour("partial", "write", "contents", "keeps a part of the items, and answers as if it had taken all"),
    Misbehaviour("partial-lost", "write", "contents", "keeps a part of the items; the answer is lost"),
    Misbehaviour("items-dropped", "create", "contents", "keeps no nested item"),
    Misbehaviour("child-added", "create", "contents", "adds a child of its own to the first item"),
    Misbehaviour("root-added", "create", "contents", "adds a line of its own"),
    Misbehaviour("quantity-doubled", "create", "contents", "takes the first item twice", invented=True),
    Misbehaviour("quantity-one", "create", "contents", "takes one of each, whatever the quantity", invented=True),
    Misbehaviour(
        "offering-replaced", "create", "contents", "takes another product in the place of the last", invented=True
    ),
    # -- lines, as they are shown
    Misbehaviour("quantity-number", "order", "understood", "shows quantities as 1.0"),
    Misbehaviour("quantity-text", "order", "understood", 'shows quantities as "1"'),
    Misbehaviour("quantity-absent", "order", "contents", "shows no quantities", invented=True),
    Misbehaviour("characteristics-reversed", "order", "understood", "shows characteristics in another order"),
    Misbehaviour("characteristics-added", "order", "understood", "shows a characteristic that it sets itself"),
    Misbehaviour("items-reversed", "order", "understood", "shows items in another order"),
    Misbehaviour("items-renumbered", "order", "understood", "shows other ids of lines after each call"),
    Misbehaviour("lines-two", "order", "contents", "shows the first two items of an order, and no more", invented=True),
    Misbehaviour("dates-behind", "order", "control", "shows its dates twelve hours early", invented=True),
    Misbehaviour("dates-ahead", "order", "control", "shows its dates twelve hours late", invented=True),
    Misbehaviour(
        "dates-local", "order", "control", "shows its dates by the local clock, without a zone", invented=True
    ),
    # -- afterwards
    Misbehaviour(
        "drop-later", "order", "contents", "drops a line while the order is in progress", "live", invented=True
    ),
    Misbehaviour(
        "split-later", "order", "contents", "splits a line in two while the order is in progress", "live", invented=True
    ),
    Misbehaviour("add-later", "order", "contents", "adds a line while the order is in progress", "live", invented=True),
    Misbehaviour(
        "cancelled-for-twin",
        "order",
        "final",
        "cancels the order in favour of a second one, with the same externalId",
        invented=True,
    ),
    Misbehaviour("deleted", "order", "reason", "does not show the order any more, seconds after its submission"),
    Misbehaviour("archived", "order", "reason", "answers 410 once the order has come to its end", invented=True),
    Misbehaviour("deleted-once", "order", "late", "does not show the order for three seconds after its submission"),
    Misbehaviour(
        "merged",
        "order",
        "identity",
        "answers with a stranger's order in progress, as if ours were merged into it",
        invented=True,
    ),
    Misbehaviour(
        "renamed",
        "order",
        "identity",
        "gives the order another id when it goes on; the old one is not found",
        invented=True,
    ),
    Misbehaviour(
        "alias", "order", "identity", "shows the order under another id than the one it is asked for", invented=True
    ),
    Misbehaviour(
        "id-reused",
        "order",
        "identity",
        "shows a stranger's order under the id, seconds after its submission",
        invented=True,
    ),
    Misbehaviour("hand-submit", "order", "identity", "is submitted by a person while it is a draft", "drafts"),
    Misbehaviour("hand-add", "order", "contents", "is given a line by a person while it is a draft", "drafts"),
    Misbehaviour(
        "self-submit", "order", "final", "submits a draft that is left alone for ten minutes", "drafts", invented=True
    ),
    Misbehaviour(
        "give-up-live",
        "write",
        "final",
        "submits the draft when it is renamed or touched after it was given up",
        "drafts",
        invented=True,
    ),
    # -- reads
    Misbehaviour("stale-read", "read", "late", "shows an order as it was SECONDS ago", seconds=5.0),
    Misbehaviour("stale-replica", "read", "late", "shows an order as it is, or as it was five seconds ago, by turns"),
    Misbehaviour("stale-submit", "read", "refusal", "shows a draft for ten seconds after its submission", "drafts"),
    Misbehaviour("late-lines", "read", "late", "shows lines SECONDS after they were taken", seconds=20.0),
    Misbehaviour("read-401", "read", "reason", "401"),
    Misbehaviour("read-404", "read", "reason", "404"),
    Misbehaviour("read-429", "read", "reason", "429"),
    Misbehaviour("read-redirect", "read", "reason", "302 to a page to log in"),
    Misbehaviour("read-html", "read", "reason", "200 with a page of HTML"),
    Misbehaviour("read-bom", "read", "reason", "200 with a byte order mark"),
    Misbehaviour("read-close", "read", "reason", "the connection is closed"),
    Misbehaviour("read-slow", "read", "reason", "an answer after ten seconds"),
    Misbehaviour("read-bomb", "read", "bounds", "12 MB of zeros in gzip"),
    Misbehaviour("read-another", "read", "identity", "a stranger's order", invented=True),
    Misbehaviour("read-list", "read", "understood", "the order inside a list", invented=True),
    # -- the list
    Misbehaviour("filter-empty", "list", "control", "a filter by externalId finds nothing, ever"),
    Misbehaviour("filter-ignored", "list", "control", "a filter by externalId finds everything"),
    Misbehaviour(
        "filter-other", "list", "understood", "a filter by externalId finds a stranger's order", invented=True
    ),
    Misbehaviour("filter-blind", "list", "understood", "a filter by externalId shows rows without it", invented=True),
    Misbehaviour(
        "filter-old-only", "list", "control", "a filter finds orders that are older than an hour", invented=True
    ),
    Misbehaviour("filter-shard", "list", "control", "a filter looks at one of two shards, by turns", invented=True),
    Misbehaviour(
        "filter-cached",
        "list",
        "control",
        "a filter answers what it answered in the last fifteen minutes",
        invented=True,
    ),
    Misbehaviour(
        "filter-lag",
        "list",
        "control",
        "a filter finds orders that are older than SECONDS",
        seconds=1200.0,
        invented=True,
    ),
    Misbehaviour("filter-final", "list", "control", "a filter finds orders that have come to their end", invented=True),
    Misbehaviour("list-lag", "list", "late", "a list shows orders that are older than SECONDS", seconds=5.0),
    Misbehaviour(
        "list-own-hidden", "list", "control", "a list leaves the orders of the caller's own channel out", invented=True
    ),
    Misbehaviour("list-row-broken", "list", "understood", "a list shows some rows as texts", invented=True),
    Misbehaviour(
        "list-young-blind",
        "list",
        "understood",
        "a list shows externalId only of orders older than a minute",
        invented=True,
    ),
    Misbehaviour("list-page-skips", "list", "control", "pages after the first begin one row too late"),
    Misbehaviour("list-page-repeats", "list", "control", "pages repeat the last row of the one before"),
    Misbehaviour("list-total-lies", "list", "reason", "X-Total-Count says one more than there are", invented=True),
    Misbehaviour("list-page-empty", "list", "control", "a page is empty now and then", invented=True),
    Misbehaviour("filter-refused", "list", "reason", "a filter by externalId is refused with 400", invented=True),
    Misbehaviour("list-forbidden", "list", "reason", "a list is refused with 403", invented=True),
    Misbehaviour("list-none-204", "list", "understood", "a list that finds nothing is a 204", invented=True),
    Misbehaviour("list-none-404", "list", "understood", "a list that finds nothing is a 404", invented=True),
    Misbehaviour("list-open-only", "list", "control", "a list leaves out orders that came to their end", invented=True),
    Misbehaviour(
        "list-marker-cut", "list", "understood", "a list shows the first letters of externalId and ...", invented=True
    ),
    # -- the submission
    Misbehaviour("submit-nothing", "submit", "reason", "is answered 200, and nothing happens", "drafts"),
    Misbehaviour("submit-later", "submit", "late", "is answered 202, and takes effect 2.5 s later", "drafts"),
    Misbehaviour("submit-much-later", "submit", "late", "is answered 202, and takes effect 20 s later", "drafts"),
    Misbehaviour(
        "submit-refused-later", "submit", "refusal", "is refused with 400, and takes effect a second later", "drafts"
    ),
    Misbehaviour(
        "submit-refused-stale",
        "submit",
        "refusal",
        "takes effect, is answered 409, and the order looks like a draft for three seconds",
        "drafts",
    ),
    Misbehaviour(
        "submit-gone-once", "submit", "late", "takes effect; the order is not found for eight seconds", "drafts"
    ),
    Misbehaviour("submit-lost", "submit", "lost", "takes effect; the answer is lost", "drafts"),
    # -- how often to come back
    *(
        Misbehaviour(
            f"retry-after-{name}", "write", "reason", f"429 with Retry-After: {value[:12] or '(none)'}; no effect"
        )
        for name, value in RETRY_AFTER.items()
    ),
    # -- events
    Misbehaviour("events-repeat", "event", "final", "each event comes COUNT times", seconds=4.0),
    Misbehaviour("event-other", "event", "identity", "events of orders that nobody here knows"),
    Misbehaviour("event-changed", "event", "identity", "an event with the id of an earlier one, and another state"),
    Misbehaviour(
        "event-lies",
        "event",
        "identity",
        "an event that says the order is completed, right after it was made",
        invented=True,
    ),
)

MISBEHAVIOURS: Final[dict[str, Misbehaviour]] = {each.name: each for each in _ROWS}
"""Every misbehaviour by its name, in the order of the documentation."""
