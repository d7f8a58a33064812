"""Every setting: its type, default, unit (in its name) and one line of documentation.

Settings come from a TOML file and from the environment (`GATEWAY_` + the path in upper case, `__` between levels); a value
`FILE:/path` is read from that file, which keeps secrets out of both. An unknown name is an error, and so is a combination
that would make the service unsafe: all mistakes are reported together.
"""

from __future__ import annotations

from gateway.settings.base import (
    setting,
)
from gateway.settings.cors import (
    CorsSettings,
)
from gateway.settings.hub import (
    HubSettings,
)
from gateway.settings.identity import (
    ClientCertificateSettings,
    LoginSettings,
    OidcSettings,
    SecuritySettings,
)
from gateway.settings.limits import (
    ClientRate,
    LimitSettings,
    TenantRate,
)
from gateway.settings.retention import (
    RetentionSettings,
)
from gateway.settings.service import (
    LogSettings,
    MappingSettings,
    ServerSettings,
    StorageSettings,
)
from gateway.settings.stages import (
    CartSettings,
    CheckoutSettings,
    SubmissionSettings,
    TrackingSettings,
)
from gateway.settings.tree import (
    Settings,
)
from gateway.settings.unsafe import (
    LOOPBACK_HOSTS,
    unsafe_combinations,
)
from gateway.settings.upstreams import (
    AuthSettings,
    CatalogueSettings,
    NotificationSettings,
    QualificationSettings,
    UpstreamLimits,
    UpstreamSettings,
)

__all__ = [
    "LOOPBACK_HOSTS",
    "AuthSettings",
    "CartSettings",
    "CatalogueSettings",
    "CheckoutSettings",
    "ClientCertificateSettings",
    "ClientRate",
    "CorsSettings",
    "HubSettings",
    "LimitSettings",
    "LogSettings",
    "LoginSettings",
    "MappingSettings",
    "NotificationSettings",
    "OidcSettings",
    "QualificationSettings",
    "RetentionSettings",
    "SecuritySettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "SubmissionSettings",
    "TenantRate",
    "TrackingSettings",
    "UpstreamLimits",
    "UpstreamSettings",
    "setting",
    "unsafe_combinations",
]
