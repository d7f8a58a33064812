"""All settings as one tree, as the configuration file has it."""

from __future__ import annotations

from msgspec import Struct, field

from gateway.settings.cors import CorsSettings
from gateway.settings.hub import HubSettings
from gateway.settings.identity import SecuritySettings
from gateway.settings.limits import LimitSettings
from gateway.settings.retention import RetentionSettings
from gateway.settings.service import LogSettings, MappingSettings, ServerSettings, StorageSettings
from gateway.settings.stages import CartSettings, CheckoutSettings, SubmissionSettings, TrackingSettings
from gateway.settings.upstreams import CatalogueSettings, QualificationSettings, UpstreamSettings


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
    cors: CorsSettings = field(default_factory=CorsSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    log: LogSettings = field(default_factory=LogSettings)
    mappings: MappingSettings = field(default_factory=MappingSettings)
    upstreams: dict[str, UpstreamSettings] = field(default_factory=dict)
