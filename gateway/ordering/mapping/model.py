"""What a mapping file says, parsed: how one order system differs from another, as data.

A mapping is read-only once loaded. `gateway.ordering.lint.loading` reads and checks the files; everything else only reads these views.
Every key is documented where it is declared; the reference page is generated from here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Struct, field

from gateway.ordering.mapping.catalogue import Catalogue, CatalogueFile
from gateway.ordering.mapping.codes import Codes, CodeTable
from gateway.ordering.mapping.slots import DateForm, ItemSlots, OrderSlots, PriceRules, documented

MARKER_LENGTH: Final = 24
"""Characters that a marker may have: a slot that keeps fewer cannot carry it."""
NOT_IN_FILE: Final = frozenset({"tables", "hash"})
"""Attributes of a mapping that are not keys of its file: what the files beside it say."""


class Paging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How lists are paged."""

    style: Annotated[
        Literal["record", "page"], documented("`record`: offset counts orders; `page`: offset is a page number")
    ] = "record"
    first: Annotated[int, documented("the offset of the first page (0 for records, often 1 for pages)", ge=0, le=1)] = 0
    limit_parameter: Annotated[str, documented("name of the page size parameter", min_length=1)] = "limit"
    offset_parameter: Annotated[str, documented("name of the offset parameter", min_length=1)] = "offset"
    limit_max: Annotated[int, documented("largest page size the system accepts", ge=1, le=10_000)] = 100


class Api(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paths, media types and answers of the order system's HTTP interface."""

    resource: Annotated[str, documented("the order resource's name in the path, e.g. `productOrder`", min_length=1)]
    patch_media_type: Annotated[str, documented("Content-Type of a PATCH", min_length=1)] = "application/json"
    fields_parameter: Annotated[
        str, documented("name of the attribute selection parameter; empty when there is none")
    ] = "fields"
    cancel_resource: Annotated[
        str, documented("the cancel task resource, e.g. `cancelProductOrder`; empty when the system has none")
    ] = ""
    delete_allowed: Annotated[bool, documented("a draft can be deleted by DELETE")] = False
    created_id_from: Annotated[
        Literal["answer", "event", "search"],
        documented(
            "where the id of a new order comes from: the answer to its POST; or later, where the answer may accept the order without "
            "naming it, from a notification that carries our marker, or from the search for it (`submission.order_id_hours`)"
        ),
    ] = "answer"
    correlation_header: Annotated[
        str,
        documented(
            "name of the header in which it is told the correlation id of the request that a call is made for, e.g. "
            "`X-Correlation-ID`; empty: it is not told"
        ),
    ] = ""
    trace_context: Annotated[
        bool,
        documented("it is told the `traceparent` (W3C Trace Context) of that request, with a parent id for each call"),
    ] = False
    order_readable: Annotated[
        bool,
        documented(
            "an order can be read by its id; `false`: there is no such GET, and what its notifications say is believed. Only where a "
            "POST is live at once, its answer names the order, and `recovery.find` is `none`"
        ),
    ] = True
    hub_resource: Annotated[
        str, documented("the resource to register for its notifications at, e.g. `hub`; empty when it has none")
    ] = ""
    notification_status: Annotated[int, documented("status to answer its notifications with", ge=200, le=299)] = 201
    paging: Paging = field(default_factory=Paging)


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one call may carry. A call never exceeds any of them.

    Where `growth` is `cumulative-merge` a call repeats what is there already: `bytes_max` is then of the whole body, the others
    are of what the call adds. A call that the order system refuses as too large is sent again in halves; where even one more
    item is too much, the checkout ends.
    """

    items_max: Annotated[int, documented("items, nested ones included, in one call", ge=1, le=100_000)] = 50
    bytes_max: Annotated[int, documented("bytes of the body of one call", ge=1_000, le=100_000_000)] = 256_000
    characteristics_max: Annotated[int, documented("characteristics in one call", ge=1, le=1_000_000)] = 1_000
    depth_max: Annotated[int, documented("levels of items in one call", ge=1, le=32)] = 8
    budget: Annotated[
        int,
        documented(
            "weight of one call's items: (items + characteristics, weighted) x depth; 0 for no limit", ge=0, le=10**9
        ),
    ] = 0
    budget_item_weight: Annotated[int, documented("weight of an item", ge=0, le=1_000)] = 1
    budget_characteristic_weight: Annotated[
        int, documented("weight of each of its characteristics", ge=0, le=1_000)
    ] = 1
    budget_depth_weight: Annotated[
        int,
        documented(
            "what each level deeper adds, as a multiple of the item's weight; 0: depth does not count", ge=0, le=100
        ),
    ] = 1


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an order is kept inert until it is complete, and how it is submitted."""

    supported: Annotated[
        bool,
        documented(
            "false: the POST is the submission, the whole order goes in one call when the checkout is submitted"
        ),
    ] = False
    create_attributes: Annotated[
        dict[str, Any], documented("attributes of the POST that keep it a draft, e.g. `submitCart = false`")
    ] = field(default_factory=dict)
    growth: Annotated[
        Literal["none", "additive", "cumulative-merge", "json-patch-append"],
        documented(
            "how a PATCH adds items: not at all, only the new lines, the whole list so far, or JSON Patch appends"
        ),
    ] = "none"
    add_attributes: Annotated[dict[str, Any], documented("attributes of every PATCH that adds items")] = field(
        default_factory=dict
    )
    header_attributes: Annotated[
        tuple[str, ...],
        documented(
            "attributes of the order that a PATCH of the draft may set: a change of nothing else keeps the draft; without any, every "
            "change makes a new one"
        ),
    ] = ()
    submit_attributes: Annotated[
        dict[str, Any], documented('body of the PATCH that submits, e.g. `state = "Activated"`')
    ] = field(default_factory=dict)
    states: Annotated[
        tuple[str, ...],
        documented('values of the order\'s state that mean draft, in any case; `""`: a draft shows none'),
    ] = ()


class Lines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the order's lines are read back and addressed."""

    line_id: Annotated[str, documented("attribute that identifies a line, e.g. `orderLineItemId`", min_length=1)] = "id"
    item_id_echoed: Annotated[bool, documented("a line read back carries the item id that was sent")] = True
    offering: Annotated[
        tuple[str, ...], documented("dotted slots to read the product code from, first that is there", min_length=1)
    ] = ("productOffering.id",)
    characteristics: Annotated[
        tuple[str, ...], documented("names of the characteristics list in `product`, first that is there", min_length=1)
    ] = ("productCharacteristic",)
    characteristics_readable: Annotated[bool, documented("characteristics are complete when read back")] = True
    alterations_readable: Annotated[bool, documented("priceAlterations are there when read back")] = True
    added_children: Annotated[bool, documented("the system may add children of its own to a line that was ordered")] = (
        False
    )


class Recovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the outcome of a call is found out when its answer was lost."""

    marker_slot: Annotated[str, documented("attribute that carries the marker and can be read back", min_length=1)] = (
        "externalId"
    )
    marker_length_max: Annotated[int, documented("longest marker the slot keeps", ge=MARKER_LENGTH, le=255)] = 255
    marker_compare: Annotated[
        Literal["exact", "case-insensitive", "prefix"],
        documented(
            "how the marker comes back: as it was sent; in another case; or behind a text of the system's own "
            "(`WEB/gw1-...`). What differs otherwise is held"
        ),
    ] = "exact"
    find: Annotated[
        Literal["filter", "scan", "none"],
        documented("find an order by its marker with a filter, by scanning a list, or not at all"),
    ] = "filter"
    filter_parameter: Annotated[str, documented('query parameter of `find = "filter"`')] = "externalId"
    scan_parameters: Annotated[
        dict[str, str],
        documented(
            'query parameters that narrow a scan, e.g. `state = "Draft"`; `{since}` is the time of the first call, '
            "`{since_date}` the day before"
        ),
    ] = field(default_factory=dict)
    scan_pages_max: Annotated[
        int, documented("pages a scan reads before it gives up without proof", ge=1, le=10_000)
    ] = 200
    quiet_seconds: Annotated[
        float, documented("without a draft: how long a lost POST may still take effect", ge=0, le=86_400)
    ] = 665.0
    control_hours: Annotated[
        float,
        documented(
            "how long it counts, after a lost POST, that a search found an order: while no older order is left to look for",
            ge=0,
            le=720,
        ),
    ] = 24.0
    uncontrolled_absence: Annotated[
        Literal["hold", "resend"],
        documented(
            "without a draft, after a lost POST: a search finds nothing, and nothing shows that it would have found the order; "
            "hold the checkout, or send the order again after the quiet time"
        ),
    ] = "hold"
    abandon: Annotated[Literal["tombstone", "delete", "leave"], documented("what becomes of an abandoned draft")] = (
        "leave"
    )
    tombstone_attributes: Annotated[
        dict[str, Any], documented("body of the PATCH that marks a draft abandoned; `{marker}` is replaced")
    ] = field(default_factory=dict)
    rejection_may_leave_draft: Annotated[bool, documented("a refused POST may leave a draft behind")] = False


class States(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The order system's words for an order's state, and ours."""

    order: Annotated[
        dict[str, str],
        documented(
            "its state to the TM Forum state; `held.*` is every word that begins with `held.`; a value not listed is kept as it is"
        ),
    ] = field(default_factory=dict)
    item: Annotated[
        dict[str, str],
        documented(
            "the same for items, where their words mean something else than an order's; otherwise `states.order` says"
        ),
    ] = field(default_factory=dict)
    final: Annotated[tuple[str, ...], documented("TM Forum states that are never left", min_length=1)] = (
        "completed",
        "failed",
        "partial",
        "cancelled",
        "rejected",
    )


class Answers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Error answers that differ from the usual reading of HTTP statuses."""

    throttle_codes: Annotated[
        tuple[str, ...], documented("error codes in a 403 or 503 body that mean: not executed, slow down")
    ] = ()
    expired_codes: Annotated[tuple[str, ...], documented("error codes that mean: the token is no longer valid")] = ()
    pause_seconds_max: Annotated[
        float,
        documented(
            "longest pause of all calls that one answer (429, or another that asks for fewer calls) brings about; where its "
            "Retry-After says more, only the call that got it waits longer, 900 s at most",
            ge=1,
            le=900,
        ),
    ] = 120.0
    too_large_codes: Annotated[
        tuple[str, ...],
        documented("error codes or parts of the message that mean: the call is too large, nothing was done"),
    ] = ()
    unavailable_not_executed: Annotated[bool, documented("a 503 is sent by an edge that did not pass the call on")] = (
        False
    )
    duplicate_codes: Annotated[
        tuple[str, ...], documented("error codes that mean: an order with this marker exists")
    ] = ()


class Tables(Struct, frozen=True, kw_only=True):
    """The data beside a mapping; None where it names no file."""

    products: CodeTable | None = None
    characteristics: CodeTable | None = None
    values: CodeTable | None = None
    parties: CodeTable | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)


class Mapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order system, as data. `dialect` names the wire shapes in code; everything else is in the file."""

    name: Annotated[
        str,
        documented(
            "the file's name without its ending: small letters, digits and `-`", pattern="^[a-z0-9][a-z0-9-]{0,62}$"
        ),
    ]
    title: Annotated[str, documented("one line for people")] = ""
    dialect: Annotated[Literal["tmf622-v4", "tmf622-v5"], documented("wire shapes: TMF622 v4 or v5")] = "tmf622-v4"
    unknown_attributes: Annotated[
        Literal["keep", "drop"],
        documented(
            "attributes that TMF622 does not know, at any depth: sent under their names, or dropped with a finding; those that only "
            "v5 knows are never sent in an order of v4"
        ),
    ] = "keep"
    api: Api
    order: OrderSlots = field(default_factory=OrderSlots)
    item: ItemSlots = field(default_factory=ItemSlots)
    dates: DateForm = field(default_factory=DateForm)
    price: PriceRules = field(default_factory=PriceRules)
    limits: Limits = field(default_factory=Limits)
    draft: Draft = field(default_factory=Draft)
    lines: Lines = field(default_factory=Lines)
    recovery: Recovery = field(default_factory=Recovery)
    states: States = field(default_factory=States)
    answers: Answers = field(default_factory=Answers)
    codes: Codes = field(default_factory=Codes)
    catalogue: CatalogueFile = field(default_factory=CatalogueFile)
    tables: Tables = field(default_factory=Tables)
    # Names the text it was read from (see `gateway.ordering.mapping.tables.content_hash`); empty when it came from none.
    hash: str = ""
