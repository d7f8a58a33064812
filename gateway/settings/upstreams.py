"""The systems that are called: order systems, and the services that are asked beside them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from gateway.settings.base import setting


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
    circuit_calls_min: Annotated[
        int, setting("recent calls below which the circuit never opens, however many of them failed", ge=1, le=10_000)
    ] = 20
    circuit_window_seconds: Annotated[float, setting("how long a call counts as recent", gt=0, le=3600)] = 30.0
    circuit_failed_percent: Annotated[
        float,
        setting("how many of the recent calls got no usable answer when the circuit opens", gt=0, le=100),
    ] = 50.0
    circuit_open_seconds: Annotated[
        float, setting("how long nothing is sent while the circuit is open, before one read tries", gt=0, le=3600)
    ] = 30.0


class NotificationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the notifications of an order system prove that they are its own. Each way that is set will do; none set: `security.mode` says.

    Several secrets of one kind are separated by blanks, so that one takes the place of another without a gap.
    """

    token_sha256: Annotated[str, setting("SHA-256 of bearer tokens that they may carry")] = ""
    client_id: Annotated[
        str, setting("client id with which the order system gets tokens for them at our /oauth2/token")
    ] = ""
    client_secret_sha256: Annotated[str, setting("SHA-256 of the client secrets that go with it")] = ""
    signing_secret: Annotated[
        str, setting("secrets (`whsec_...`) that they are signed with by Standard Webhooks (secret)")
    ] = ""
    certificate_subject: Annotated[
        str,
        setting("subject of its client certificate, as the trusted proxy of `security.client_certificate` names it"),
    ] = ""
    register: Annotated[
        bool,
        setting(
            "keep the gateway registered at the order system's hub (`api.hub_resource` of its mapping) with "
            "`server.public_url`/notifications/NAME; turned off, the registration is taken back"
        ),
    ] = False
    register_query: Annotated[
        str, setting("`query` of that registration, e.g. eventType=ProductOrderStateChangeEvent; empty: every event")
    ] = ""
    renew_hours: Annotated[float, setting("how often it is registered again", gt=0, le=8760)] = 24.0

    @property
    def is_set(self) -> bool:
        """Tell whether there is any way of its own."""
        return bool(self.token_sha256 or self.client_id or self.signing_secret or self.certificate_subject)


class UpstreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order system. `base_url` is the API root, without the resource."""

    base_url: Annotated[
        str, setting("API root, e.g. https://host/services/apexrest/vlocity_cmt/tmforum/productopenapi/v1")
    ]
    mapping: Annotated[str, setting("name of the mapping file, without its ending", min_length=1)]
    tenants: Annotated[
        tuple[str, ...],
        setting(
            "tenants that order there, and whose orders its notifications may be about; an empty list: every tenant"
        ),
    ] = ()
    ca_file: Annotated[str, setting("certificate authorities to trust instead of the system's")] = ""
    notification_token_sha256: Annotated[
        str,
        setting("the older name of `notifications.token_sha256`; what both name will do"),
    ] = ""
    reconcile_hours: Annotated[
        float,
        setting("how often its orders are compared with the checkouts, e.g. 24 for daily; 0 for never", ge=0, le=8760),
    ] = 0.0
    require_proven: Annotated[
        bool,
        setting(
            "refuse checkouts while `gateway doctor` has not seen it keep a marker and find orders by it; only where a POST is "
            "live at once"
        ),
    ] = False
    auth: AuthSettings = field(default_factory=AuthSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    limits: UpstreamLimits = field(default_factory=UpstreamLimits)

    @property
    def notification_tokens(self) -> tuple[str, ...]:
        """The SHA-256 of every bearer token that its notifications may carry, in lower case."""
        return tuple(f"{self.notification_token_sha256} {self.notifications.token_sha256}".lower().split())

    @property
    def has_own_notifier(self) -> bool:
        """Tell whether its notifications prove by themselves whose they are, whatever `security.mode` is."""
        return bool(self.notification_tokens) or self.notifications.is_set

    def serves(self, tenant: str) -> bool:
        """Tell whether this tenant orders there."""
        return not self.tenants or tenant in self.tenants


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
