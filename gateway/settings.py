"""Every setting: its type, default, unit (in its name) and one line of documentation.

Settings come from a TOML file and from the environment (`GATEWAY_` + the path in upper case, `__` between levels); a value
`FILE:/path` is read from that file, which keeps secrets out of both. An unknown name is an error, and so is a combination
that would make the service unsafe: all mistakes are reported together.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from gateway.errors import Problem


def setting(text: str, **limits: Any) -> Meta:
    """Return the documentation of a setting, with its limits."""
    return Meta(description=text, **limits)


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens and what it accepts."""

    public_url: Annotated[
        str, setting("what clients put before the paths, for `href`; empty: as the request came in")
    ] = ""
    host: Annotated[str, setting("address to listen on", min_length=1)] = "127.0.0.1"
    port: Annotated[int, setting("port to listen on; 0 picks a free one", ge=0, le=65535)] = 8663
    body_bytes_max: Annotated[int, setting("largest request body", ge=1024, le=1_000_000_000)] = 1_048_576
    head_bytes_max: Annotated[int, setting("request line and headers together, at most", ge=8_192, le=1_048_576)] = (
        65_536
    )
    depth_max: Annotated[int, setting("deepest nesting of a JSON body", ge=8, le=200)] = 32
    page_items_default: Annotated[int, setting("items of a list when no limit is asked for", ge=1, le=10_000)] = 100
    page_items_max: Annotated[int, setting("largest limit of a list", ge=1, le=10_000)] = 1_000
    drain_seconds: Annotated[float, setting("how long a stop waits for calls in flight", ge=0, le=600)] = 40.0
    worker: Annotated[bool, setting("run the submission worker in the server's process")] = True


class StorageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where everything is kept."""

    url: Annotated[
        str, setting("`sqlite:///PATH` (embedded, one host) or `postgresql://...` (many replicas)", min_length=1)
    ] = "sqlite:///var/gateway.db"
    busy_timeout_seconds: Annotated[float, setting("how long a write waits for another process's", ge=0.1, le=60)] = 5.0
    read_seconds_max: Annotated[
        float, setting("longest read of a request; a list filter that takes longer is answered 503", ge=0.1, le=600)
    ] = 5.0
    readers_max: Annotated[int, setting("reads under way at once", ge=1, le=64)] = 4
    connections_max: Annotated[int, setting("PostgreSQL connections of this process", ge=2, le=200)] = 16
    write_queue_max: Annotated[int, setting("writes waiting before requests are turned away", ge=1, le=100_000)] = 2_000


class CartSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shopping carts."""

    items_max: Annotated[int, setting("items of one cart, nested ones included", ge=1, le=100_000)] = 2_000
    text_characters_max: Annotated[int, setting("longest text in a document", ge=64, le=1_000_000)] = 4_096
    characteristics_max: Annotated[int, setting("characteristics of one item", ge=1, le=10_000)] = 200
    if_match_required: Annotated[bool, setting("changing a cart needs If-Match (428 without)")] = False
    v1_patch_status: Annotated[
        Literal[200, 201], setting("answer to a PATCH in v1: 201 as in the R17 specification, or 200 as since v2")
    ] = 201
    valid_days: Annotated[
        float,
        setting("how long a cart is valid after its last change, unless its client says otherwise", gt=0, le=36_500),
    ] = 90.0
    valid_empty_days: Annotated[float, setting("the same while it is empty", gt=0, le=36_500)] = 7.0
    expired_kept_days: Annotated[
        float, setting("how long an expired cart can still be read before it is removed", ge=0, le=36_500)
    ] = 7.0
    sweep_seconds: Annotated[float, setting("time between two searches for expired carts", ge=1, le=86_400)] = 300.0
    sweep_carts_max: Annotated[int, setting("expired carts removed by one search", ge=1, le=1_000_000)] = 10_000


class CheckoutSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checkouts: what happens between cart and order."""

    default_upstream: Annotated[
        str, setting("upstream of a checkout that names none; empty: the only one there is")
    ] = ""
    submit_default: Annotated[bool, setting("submit when the request does not say")] = True
    require_qualification: Annotated[
        bool,
        setting(
            "items to be added need evidence: a productOfferingQualification of the request, which `[qualification]` can "
            "have confirmed"
        ),
    ] = False
    idempotency_key_required: Annotated[bool, setting("a checkout without Idempotency-Key is refused")] = False
    open_max: Annotated[int, setting("checkouts of one tenant waiting or under way", ge=1, le=1_000_000)] = 10_000
    price_tolerance: Annotated[
        float, setting("difference of a total from expectedTotalPrice that is accepted, in the currency's unit", ge=0)
    ] = 0.0
    drift_action: Annotated[
        Literal["off", "hold", "go-on"],
        setting(
            "before an order is submitted, its prices in the order system are compared with the cart's totals: `hold` the "
            "checkout when they differ until an operator submits or cancels it, `go-on` with a finding, or do not compare"
        ),
    ] = "off"
    drift_tolerance_amount: Annotated[
        float, setting("difference of one total that is accepted, in the currency's unit", ge=0)
    ] = 0.01
    drift_tolerance_percent: Annotated[
        float, setting("the same in percent of the cart's total; the larger of the two counts", ge=0, le=100)
    ] = 0.0
    price_lower_accepted: Annotated[bool, setting("a total lower than expectedTotalPrice is accepted")] = True


class SubmissionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worker that performs the steps."""

    concurrency_max: Annotated[int, setting("checkouts worked on at once by this process", ge=1, le=1_000)] = 16
    lease_seconds: Annotated[float, setting("how long a claimed checkout is this worker's", ge=1, le=3600)] = 60.0
    poll_seconds: Annotated[
        float, setting("how often due work is looked for when nothing wakes the worker", gt=0, le=60)
    ] = 1.0
    guard_seconds: Annotated[float, setting("safety margin between deadline and lease", ge=0.1, le=60)] = 5.0
    settle_seconds: Annotated[
        float,
        setting(
            "after the deadline of a lost call: how long to look for its effect before its draft is abandoned", ge=0.1
        ),
    ] = 15.0
    retry_seconds: Annotated[
        tuple[float, ...],
        setting("waits between attempts that provably had no effect; the last one repeats", min_length=1),
    ] = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
    probe_seconds: Annotated[
        tuple[float, ...],
        setting("waits between looks for the effect of a lost call; the last one repeats", min_length=1),
    ] = (1.0, 2.0, 5.0, 15.0, 60.0)
    attempts_max: Annotated[int, setting("attempts of one step before the checkout is held", ge=1, le=10_000)] = 100
    limit_recovery_seconds: Annotated[
        float,
        setting(
            "after an order system refused a call as too large, calls to it stay small and grow by a quarter each time this "
            "passes without a refusal",
            ge=1,
        ),
    ] = 3600.0
    generations_max: Annotated[int, setting("drafts of one checkout before it is held", ge=1, le=1_000)] = 50
    claims_without_progress_max: Annotated[
        int, setting("claims without progress before the checkout is held", ge=2)
    ] = 50
    cleanup_seconds: Annotated[
        tuple[float, ...],
        setting("when abandoned drafts are looked for and cleaned up, after they were given up", min_length=1),
    ] = (30.0, 3600.0, 86400.0)


class TrackingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Following submitted orders."""

    poll_seconds: Annotated[
        tuple[float, ...],
        setting("waits between reads of an order that is not final; the last one repeats", min_length=1),
    ] = (60.0, 300.0, 900.0, 3600.0)
    coalesce_seconds: Annotated[
        float, setting("at most one read of an order in this time, however many events", ge=0)
    ] = 1.0
    unmatched_hours: Annotated[float, setting("how long an event of an unknown order is kept", gt=0, le=8760)] = 72.0
    body_bytes_max: Annotated[int, setting("largest notification", ge=1024, le=10_000_000)] = 262_144
    attempts_max: Annotated[int, setting("attempts to process an event before it is set aside", ge=1, le=1_000)] = 20


class HubSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events out: who may be told, how deliveries are tried, and when a subscriber is given up."""

    subscriptions_max: Annotated[int, setting("subscriptions of one tenant", ge=0, le=10_000)] = 50
    callback_characters_max: Annotated[int, setting("longest callback URL", ge=64, le=8192)] = 2_048
    query_characters_max: Annotated[int, setting("longest query of a subscription", ge=64, le=8192)] = 2_048
    allow_http: Annotated[bool, setting("callbacks may be http: for development only")] = False
    allowed_ports: Annotated[
        tuple[int, ...], setting("ports that callbacks may have; an empty list allows every port")
    ] = (443, 8443)
    allowed_networks: Annotated[
        tuple[str, ...],
        setting(
            "networks that callbacks may be in although they are not public, e.g. 10.1.0.0/16; callbacks may also name "
            "addresses in these networks, instead of hosts"
        ),
    ] = ()
    ca_file: Annotated[str, setting("certificate authorities to trust for callbacks, beside the system's")] = ""
    timeout_seconds: Annotated[
        float, setting("one delivery, from looking the host up to the end of the answer", ge=1, le=60)
    ] = 20.0
    retry_seconds: Annotated[
        tuple[float, ...],
        setting(
            "waits before each attempt to deliver an event, the first one included; an event that was refused this often "
            "is given up once its subscriber takes others",
            min_length=1,
        ),
    ] = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)
    pause_seconds: Annotated[
        tuple[float, ...],
        setting(
            "waits between attempts at a subscriber that takes nothing at all; the last one repeats. Only one event is "
            "tried each time, and the rest follows as soon as it is taken",
            min_length=1,
        ),
    ] = (5.0, 30.0, 60.0, 300.0)
    failures_before_pause: Annotated[
        int, setting("failures in a row after which a subscriber counts as one that takes nothing", ge=1, le=1_000)
    ] = 5
    disable_after_seconds: Annotated[
        float, setting("a subscriber that took nothing for this long is switched off", gt=0)
    ] = 432_000.0
    backlog_events_max: Annotated[
        int, setting("a subscriber that this many events wait for is switched off", ge=100, le=100_000_000)
    ] = 1_000_000
    blocked_resources_max: Annotated[
        int,
        setting("resources of which a subscriber refused an event, before the others wait too", ge=1, le=100_000),
    ] = 1_000
    concurrency_max: Annotated[int, setting("deliveries under way at once to one subscriber", ge=1, le=100)] = 4
    subscribers_max: Annotated[
        int, setting("subscribers served at once by this process; failing ones get at most half", ge=2, le=10_000)
    ] = 200
    page_events_max: Annotated[int, setting("events held in memory for one subscriber", ge=1, le=10_000)] = 100
    page_bytes_max: Annotated[
        int, setting("bytes of them, unless one event alone is larger", ge=1024, le=100_000_000)
    ] = 1_048_576
    lease_seconds: Annotated[float, setting("how long a subscriber is one process's", ge=5, le=3600)] = 60.0
    poll_seconds: Annotated[
        float, setting("how often events are looked for when nothing tells of them", gt=0, le=60)
    ] = 1.0


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls to an upstream are authorised."""

    kind: Annotated[Literal["none", "bearer", "oauth2-client-credentials"], setting("which scheme")] = "none"
    token: Annotated[str, setting("bearer token (secret)")] = ""
    token_url: Annotated[str, setting("OAuth2 token endpoint")] = ""
    client_id: Annotated[str, setting("OAuth2 client id")] = ""
    client_secret: Annotated[str, setting("OAuth2 client secret (secret)")] = ""
    scope: Annotated[str, setting("OAuth2 scope; empty leaves it out")] = ""
    credentials_in: Annotated[Literal["body", "header"], setting("where the client's credentials go")] = "body"


class UpstreamLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one upstream may be loaded, and how long it may take."""

    concurrency_max: Annotated[int, setting("calls under way at once from this process", ge=1, le=1_000)] = 8
    rate_per_second: Annotated[float, setting("calls a second from this process; 0 for no limit", ge=0)] = 0.0
    connect_timeout_seconds: Annotated[float, setting("connecting", gt=0, le=60)] = 3.0
    read_timeout_seconds: Annotated[float, setting("silence between two parts of an answer", gt=0, le=900)] = 25.0
    deadline_seconds: Annotated[float, setting("one call, from the first byte to the last", gt=0, le=900)] = 30.0
    scan_interval_seconds: Annotated[
        float, setting("time between two searches through its orders; one search serves all that wait", ge=0, le=600)
    ] = 5.0
    response_bytes_max: Annotated[int, setting("largest answer read", ge=1024, le=1_000_000_000)] = 8_388_608
    quiet_seconds: Annotated[
        float,
        setting(
            "overrides the mapping's quiet time of a lost POST that is live at once; -1 keeps the mapping's", ge=-1
        ),
    ] = -1.0


class UpstreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order system. `base_url` is the API root, without the resource."""

    base_url: Annotated[
        str, setting("API root, e.g. https://host/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1")
    ]
    mapping: Annotated[str, setting("name of the mapping file, without its ending", min_length=1)]
    ca_file: Annotated[str, setting("certificate authorities to trust instead of the system's")] = ""
    notification_token_sha256: Annotated[
        str, setting("SHA-256 of the bearer token its notifications must carry; empty: as `security.mode` says")
    ] = ""
    auth: AuthSettings = field(default_factory=AuthSettings)
    limits: UpstreamLimits = field(default_factory=UpstreamLimits)


class QualificationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TMF679 service that confirms evidence, where `checkout.require_qualification` is on."""

    base_url: Annotated[
        str, setting("API root, without the resource; empty: a checkout's evidence is not looked at, only demanded")
    ] = ""
    resource: Annotated[
        str,
        setting(
            "the resource's name in the path: `productOfferingQualification`, v5 `checkProductOfferingQualification`"
        ),
    ] = "productOfferingQualification"
    references_max: Annotated[int, setting("qualifications read for one checkout", ge=1, le=100)] = 10
    connect_timeout_seconds: Annotated[float, setting("connecting", gt=0, le=60)] = 3.0
    deadline_seconds: Annotated[float, setting("reading one qualification, repetitions included", gt=0, le=60)] = 8.0
    concurrency_max: Annotated[int, setting("reads under way at once from this process", ge=1, le=1_000)] = 8
    response_bytes_max: Annotated[int, setting("largest answer read", ge=1024, le=1_000_000_000)] = 1_048_576
    ca_file: Annotated[str, setting("certificate authorities to trust instead of the system's")] = ""
    auth: AuthSettings = field(default_factory=AuthSettings)


class CatalogueSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TMF620 catalogue: which children of a bundle an order system adds by itself, where neither cart nor mapping says so."""

    base_url: Annotated[
        str,
        setting(
            "API root, without the resource, e.g. https://host/tmf-api/productCatalogManagement/v4; empty: none is asked, and "
            "children that nobody calls mandatory are sent with the cart's own actions"
        ),
    ] = ""
    resource: Annotated[str, setting("the resource's name in the path", min_length=1)] = "productOffering"
    fields: Annotated[str, setting("`fields` of each read, for small answers; empty leaves it out")] = (
        "id,bundledProductOffering"
    )
    offerings_max: Annotated[int, setting("offerings looked at for one checkout", ge=1, le=10_000)] = 100
    depth_max: Annotated[
        int,
        setting(
            "levels of bundles in bundles that are followed, where the cart has an item right beneath a bundle that does not "
            "list it",
            ge=0,
            le=16,
        ),
    ] = 4
    checkout_seconds: Annotated[
        float, setting("longest wait of one checkout or preview for the catalogue", gt=0, le=120)
    ] = 10.0
    fresh_seconds: Annotated[
        float, setting("how long an answer is used before it is asked for again", ge=0, le=31_536_000)
    ] = 3600.0
    unknown_seconds: Annotated[
        float, setting("the same for the answer that there is no such offering", ge=0, le=31_536_000)
    ] = 300.0
    stale_seconds: Annotated[
        float,
        setting("how much longer an answer is used, with a finding, while the catalogue is down", ge=0, le=31_536_000),
    ] = 86_400.0
    retry_seconds: Annotated[
        float, setting("how long an offering that could not be read is not asked for again", ge=0, le=3600)
    ] = 10.0
    cache_entries_max: Annotated[
        int, setting("offerings and their children kept in memory by this process", ge=1, le=100_000_000)
    ] = 100_000
    connect_timeout_seconds: Annotated[float, setting("connecting", gt=0, le=60)] = 2.0
    deadline_seconds: Annotated[float, setting("reading one offering, repetitions included", gt=0, le=60)] = 4.0
    concurrency_max: Annotated[int, setting("reads under way at once from this process", ge=1, le=1_000)] = 8
    response_bytes_max: Annotated[int, setting("largest answer read", ge=1024, le=16_000_000)] = 262_144
    ca_file: Annotated[str, setting("certificate authorities to trust instead of the system's")] = ""
    auth: AuthSettings = field(default_factory=AuthSettings)


class SecuritySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call. `none` is for a loopback address only."""

    mode: Annotated[
        Literal["none", "tokens"],
        setting("`none`: no authentication, loopback only; `tokens`: bearer tokens of `tokens_file`"),
    ] = "none"
    tokens_file: Annotated[str, setting("TOML file of clients and the SHA-256 of their tokens, for mode `tokens`")] = ""
    tenant: Annotated[str, setting("tenant of everybody while mode is `none`", pattern="^[a-z0-9][a-z0-9-]{0,62}$")] = (
        "default"
    )


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: ids and attribute paths, never values of documents."""

    level: Annotated[Literal["debug", "info", "warning", "error"], setting("least level written")] = "info"
    format: Annotated[
        Literal["auto", "json", "console"], setting("`auto`: console on a terminal, JSON lines otherwise")
    ] = "auto"
    access: Annotated[bool, setting("one line for each request")] = False


class MappingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where mapping files are."""

    folder: Annotated[
        str, setting("folder of further mapping files; one of the same name replaces the shipped one")
    ] = ""
    file_bytes_max: Annotated[int, setting("largest mapping file", ge=1024, le=100_000_000)] = 1_048_576
    table_bytes_max: Annotated[
        int, setting("largest file beside a mapping: a code table, a catalogue of bundles", ge=1024, le=1_000_000_000)
    ] = 16_777_216
    check_seconds: Annotated[
        float,
        setting(
            "how often to look whether mapping files changed, and read them again; 0: only on SIGHUP", ge=0, le=86_400
        ),
    ] = 0.0


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    server: ServerSettings = field(default_factory=ServerSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    cart: CartSettings = field(default_factory=CartSettings)
    checkout: CheckoutSettings = field(default_factory=CheckoutSettings)
    qualification: QualificationSettings = field(default_factory=QualificationSettings)
    catalogue: CatalogueSettings = field(default_factory=CatalogueSettings)
    submission: SubmissionSettings = field(default_factory=SubmissionSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    hub: HubSettings = field(default_factory=HubSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    log: LogSettings = field(default_factory=LogSettings)
    mappings: MappingSettings = field(default_factory=MappingSettings)
    upstreams: dict[str, UpstreamSettings] = field(default_factory=dict)


LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def unsafe_combinations(settings: Settings) -> list[Problem]:
    """Return every combination of settings that would lose or double orders, or open the service to strangers."""
    problems = [
        *_unsafe_server(settings),
        *_unsafe_hub(settings.hub),
        *(
            problem
            for name, upstream in settings.upstreams.items()
            for problem in _unsafe_upstream(settings, name, upstream)
        ),
    ]
    if settings.qualification.base_url:
        problems += _unsafe_address("qualification", settings.qualification.base_url, settings.qualification.auth)
    if settings.catalogue.base_url:
        problems += _unsafe_address("catalogue", settings.catalogue.base_url, settings.catalogue.auth)
    default = settings.checkout.default_upstream
    if default and default not in settings.upstreams:
        known = ", ".join(sorted(settings.upstreams)) or "none"
        problems.append(Problem("checkout.default_upstream", f"names no upstream; there are: {known}"))
    return problems


def _unsafe_server(settings: Settings) -> list[Problem]:
    problems = []
    if settings.security.mode == "none" and settings.server.host not in LOOPBACK_HOSTS:
        problems.append(
            Problem(
                "security.mode",
                "`none` is allowed only while server.host is a loopback address (127.0.0.1, ::1, localhost)",
            )
        )
    if settings.security.mode == "tokens":
        problems += [
            Problem(
                f"upstreams.{name}.notification_token_sha256",
                'is for mode "none": in mode "tokens" the order system needs a client of its tenant with the role notifier',
            )
            for name, upstream in settings.upstreams.items()
            if upstream.notification_token_sha256
        ]
    if settings.security.mode == "tokens" and not settings.security.tokens_file:
        problems.append(Problem("security.tokens_file", 'is needed when mode is "tokens"'))
    if settings.server.page_items_default > settings.server.page_items_max:
        problems.append(Problem("server.page_items_default", "must not be above server.page_items_max"))
    if not settings.storage.url.startswith(("sqlite:///", "postgresql://")):
        problems.append(Problem("storage.url", "must start with sqlite:/// or postgresql://"))
    return problems


def _unsafe_hub(hub: HubSettings) -> list[Problem]:
    problems = []
    for index, text in enumerate(hub.allowed_networks):
        try:
            ip_network(text)
        except ValueError:
            problems.append(
                Problem(f"hub.allowed_networks[{index}]", "must be a network such as 10.1.0.0/16 or fd00:1::/64")
            )
    if hub.lease_seconds < 2 * hub.timeout_seconds:
        problems.append(
            Problem(
                "hub.lease_seconds",
                "must be at least twice hub.timeout_seconds: a lease that ends during a delivery lets another process "
                "send the next event before it",
            )
        )
    if any(seconds < 0 for seconds in (*hub.retry_seconds, *hub.pause_seconds)):
        problems.append(Problem("hub.retry_seconds", "waits cannot be negative"))
    return problems


def _unsafe_upstream(settings: Settings, name: str, upstream: UpstreamSettings) -> list[Problem]:
    problems = []
    path = f"upstreams.{name}"
    limits, submission = upstream.limits, settings.submission
    needed = limits.deadline_seconds + submission.guard_seconds
    if submission.lease_seconds <= needed:
        problems.append(
            Problem(
                "submission.lease_seconds",
                f"must be above {path}.limits.deadline_seconds + submission.guard_seconds = {needed:g}: "
                "a lease that ends during a call lets a second worker send it again",
            )
        )
    if limits.read_timeout_seconds > limits.deadline_seconds:
        problems.append(Problem(f"{path}.limits.read_timeout_seconds", "must not be above deadline_seconds"))
    return [*problems, *_unsafe_address(path, upstream.base_url, upstream.auth)]


def _unsafe_address(path: str, base_url: str, auth: AuthSettings) -> list[Problem]:
    problems = []
    url = urlsplit(base_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        problems.append(Problem(f"{path}.base_url", "must be an http or https URL without query or fragment"))
    in_clear = url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS
    if in_clear and auth.kind in {"bearer", "oauth2-client-credentials"}:
        problems.append(Problem(f"{path}.base_url", "must be https when credentials are sent"))
    if auth.kind == "bearer" and not auth.token:
        problems.append(Problem(f"{path}.auth.token", 'is needed when kind is "bearer"'))
    if auth.kind == "oauth2-client-credentials":
        problems += [
            Problem(f"{path}.auth.{key}", 'is needed when kind is "oauth2-client-credentials"')
            for key in ("token_url", "client_id", "client_secret")
            if not getattr(auth, key)
        ]
    return problems
