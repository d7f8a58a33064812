"""Who may call: tokens of a file, tokens of an identity provider (OpenID Connect), certificates that a proxy checked."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Struct, field

from gateway.settings.base import setting

# Signatures by a private key of the identity provider; a shared secret would let who checks a token make one.
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)


class LoginSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who log in with a browser, at the identity provider: authorization code with PKCE, then a session of the gateway."""

    client_id: Annotated[
        str, setting("the gateway's name as an application at the provider; empty: nobody logs in with a browser")
    ] = ""
    client_secret: Annotated[str, setting("its secret there, where it has one (secret)")] = ""
    scopes: Annotated[tuple[str, ...], setting("what is asked for; `openid` is among it")] = ("openid",)
    session_hours: Annotated[
        float, setting("a session ends so long after the login, whatever was done in it", gt=0, le=720)
    ] = 8.0
    idle_hours: Annotated[float, setting("a session in which nothing is asked for so long ends", ge=0.05, le=720)] = 0.5
    sessions_max: Annotated[
        int, setting("sessions of one person at a time; a further login ends the oldest", ge=1, le=1_000)
    ] = 10


class OidcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Access tokens (JWT) of an identity provider, for mode `oidc`. A claim inside a claim is named with dots."""

    issuer: Annotated[
        str, setting("`iss` of its tokens, exactly; where no `jwks_url` is given its keys are discovered there")
    ] = ""
    audience: Annotated[str, setting("what `aud` of a token must name: this gateway")] = ""
    jwks_url: Annotated[
        str, setting("where its keys are; empty: as /.well-known/openid-configuration of the issuer says")
    ] = ""
    algorithms: Annotated[tuple[str, ...], setting("algorithms that a token may be signed with", min_length=1)] = (
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
    )
    nbf_required: Annotated[
        bool,
        setting("refuse tokens without `nbf`; turn it off for a provider that leaves it out (Keycloak and Auth0 do)"),
    ] = True
    leeway_seconds: Annotated[int, setting("how far the clocks of the two may differ", ge=0, le=60)] = 30
    roles_claims: Annotated[
        tuple[str, ...],
        setting(
            "claims that list roles, all of them together; `resource_access.gateway.roles` are Keycloak's roles of the client "
            "`gateway`",
            min_length=1,
        ),
    ] = ("roles",)
    roles_prefix: Annotated[str, setting("what the names of roles begin with there; others are left alone")] = ""
    tenant_claim: Annotated[str, setting("claim that names the tenant", min_length=1)] = "tenant"
    tenant: Annotated[
        str,
        setting("tenant of tokens without that claim; empty: they are refused", pattern="^([a-z0-9][a-z0-9-]{0,62})?$"),
    ] = ""
    owner_claim: Annotated[
        str,
        setting(
            "claim that names the client: whose a partner's carts are, and who is in the audit; `azp` makes all that use one "
            "application one client",
            min_length=1,
        ),
    ] = "sub"
    token_bytes_max: Annotated[int, setting("largest token", ge=1024, le=65_536)] = 8_192
    refresh_seconds: Annotated[
        float, setting("how long keys are used before they are read again", ge=30, le=86_400)
    ] = 600.0
    cooldown_seconds: Annotated[
        float, setting("how long keys are not read again, whatever tokens name", ge=1, le=3_600)
    ] = 30.0
    stale_seconds: Annotated[
        float, setting("how much longer the last keys are used while the provider is down", ge=0, le=604_800)
    ] = 86_400.0
    timeout_seconds: Annotated[float, setting("reading keys", gt=0, le=60)] = 5.0
    ca_file: Annotated[str, setting("certificate authorities to trust instead of the system's")] = ""
    login: LoginSettings = field(default_factory=LoginSettings)


class ClientCertificateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Clients known by a certificate that a proxy in front has checked (mutual TLS)."""

    subject_header: Annotated[
        str,
        setting(
            "header in which the proxy names the subject of the certificate; empty: none is believed. The proxy must take it out of "
            "what clients send"
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], setting("networks of the proxies whose header is believed, such as 10.1.2.0/24")
    ] = ()


class SecuritySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call. `none` is for a loopback address only."""

    mode: Annotated[
        Literal["none", "tokens", "oidc"],
        setting(
            "`none`: no authentication, loopback only; `tokens`: bearer tokens of `tokens_file`; `oidc`: access tokens of an "
            "identity provider, and those of `tokens_file` where one is given"
        ),
    ] = "none"
    tokens_file: Annotated[str, setting("TOML file of clients and the SHA-256 of their tokens")] = ""
    tenant: Annotated[str, setting("tenant of everybody while mode is `none`", pattern="^[a-z0-9][a-z0-9-]{0,62}$")] = (
        "default"
    )
    access_token_seconds: Annotated[
        int, setting("how long a token of our own /oauth2/token is valid", ge=60, le=86_400)
    ] = 3_600
    oidc: OidcSettings = field(default_factory=OidcSettings)
    client_certificate: ClientCertificateSettings = field(default_factory=ClientCertificateSettings)
