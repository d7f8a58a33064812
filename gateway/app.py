"""The one place where everything is wired: services, routes, start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import cache, partial
from time import monotonic, perf_counter
from typing import Any, Final, TypeAlias

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import Message, Receive, Send

from gateway import oauth
from gateway.carts import api as carts
from gateway.carts.openapi import SCHEMAS as CART_SCHEMAS
from gateway.checkouts import api as checkouts
from gateway.checkouts.schemas import SCHEMAS as CHECKOUT_SCHEMAS
from gateway.checkouts.stored import figures
from gateway.correlation import api as correlation_api
from gateway.correlation import history_api, process_flow_api
from gateway.correlation.openapi import SCHEMAS as CORRELATION_SCHEMAS
from gateway.correlation.process_flow_openapi import SCHEMAS as PROCESS_FLOW_SCHEMAS
from gateway.errors import UnavailableError
from gateway.fair_shares import FairShares
from gateway.http import headers, operation
from gateway.http.answers import internal_error
from gateway.http.cors import allowed_origin, answer_headers, is_preflight, preflight_answer
from gateway.http.dispatch import Dispatch, require_declared_roles
from gateway.http.openapi import openapi_document
from gateway.http.reference import page as reference_page
from gateway.hub.operations import api as hub_operations
from gateway.hub.operations.openapi import SCHEMAS as HUB_OPERATION_SCHEMAS
from gateway.hub.subscriptions import api as hub
from gateway.hub.subscriptions import openapi as hub_reference
from gateway.login import api as login_api
from gateway.login.api import Login
from gateway.login.openapi import SCHEMAS as LOGIN_SCHEMAS
from gateway.logs import correlation, get_logger, safe_traceback, trace_parent
from gateway.metrics import UNROUTED
from gateway.oauth import TokenIssuer
from gateway.operators import api as operators
from gateway.operators.openapi import SCHEMAS as OPERATOR_SCHEMAS
from gateway.ordering import Mapping as OrderMapping
from gateway.partners import api as partners
from gateway.partners import cancel_api as cancellations
from gateway.roles import ADDED_HEADERS_KEY, CLIENT_KEY
from gateway.security.guard import Guard, identity_problems
from gateway.security.refusals import NO_TENANT, REFUSED_KEY, Refusals, RefusedCredential, network_of
from gateway.security.tokens import Client
from gateway.services import Catalogues, Qualifications, Services
from gateway.settings import Settings
from gateway.storage import Database, audit, open_database
from gateway.storage.audit import Deed
from gateway.storage.opening import write_ahead_log_bytes
from gateway.storage.schema import migrate, require_current_schema
from gateway.tmf.json import encode_json
from gateway.tracking import api as tracking
from gateway.tracking import inbox_api
from gateway.tracking.inbox_openapi import SCHEMAS as INBOX_SCHEMAS
from gateway.tracking.intake import Intake
from gateway.upstream.port import Upstream

# Something that runs while the service does: entered at the start with the services, left (and waited for) at the stop.
Background: TypeAlias = Callable[[Services], AbstractAsyncContextManager[Any]]

ROUTES: Final[list[Any]] = [
    *carts.handlers,
    *checkouts.handlers,
    *operators.handlers,
    *correlation_api.handlers,
    *partners.handlers,
    *history_api.handlers,
    *process_flow_api.handlers,
    *cancellations.handlers,
    *tracking.handlers,
    *inbox_api.handlers,
    *oauth.handlers,
    *hub.handlers,
    *hub_operations.handlers,
    *login_api.handlers,
    *operation.handlers,
    *reference_page.handlers,
]
SCHEMAS: Final[dict[str, Any]] = {
    **CART_SCHEMAS,
    **CHECKOUT_SCHEMAS,
    **hub_reference.SCHEMAS,
    **HUB_OPERATION_SCHEMAS,
    **OPERATOR_SCHEMAS,
    **LOGIN_SCHEMAS,
    **CORRELATION_SCHEMAS,
    **PROCESS_FLOW_SCHEMAS,
    **oauth.SCHEMAS,
    **INBOX_SCHEMAS,
}

HTTP_FORBIDDEN: Final = 403
PATH_CHARACTERS_KEPT: Final = 200
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_log = get_logger("gateway.app")


def _more(missed: int) -> str:
    return f"{missed} more were refused before and are not recorded"


class GatewayApp(Litestar):
    """The ASGI application. Around every request: correlation id, figures, and an answer whatever happens."""

    services: Services
    dispatch: Dispatch
    refusals: Refusals

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _serve(self, scope: Any, receive: Receive, send: Send) -> None:
        started = perf_counter()
        identifier = headers.correlation_id(scope["headers"])
        correlation.set(identifier)
        trace_parent.set(headers.trace_parent(scope["headers"]))
        status = 0

        async def send_with_identifier(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = scope.get(ADDED_HEADERS_KEY, ())
                message["headers"] = [*message["headers"], *added, (b"x-correlation-id", identifier)]
            await send(message)

        cors = self.services.settings.cors
        origin = allowed_origin(scope["headers"], cors)
        scope[ADDED_HEADERS_KEY] = answer_headers(origin, cors)
        try:
            if origin is not None and is_preflight(scope["method"], scope["headers"]):
                scope[ADDED_HEADERS_KEY] = []
                await preflight_answer(origin, cors)(scope, receive, send_with_identifier)
            else:
                await self.dispatch(scope, receive, send_with_identifier)
        except Exception as error:
            # Exceptions are answered where they happen; what comes here broke while the answer was on its way.
            _log.error("answer_failed", error=type(error).__name__, traceback=safe_traceback(error))
            if status:
                raise
            await internal_error()(scope, receive, send_with_identifier)
        finally:
            seconds = perf_counter() - started
            services = self.services
            if scope["method"] not in SAFE_METHODS:
                # It may have changed something that subscribers are to be told of.
                services.events_out.notify()
            route = scope.get("path_template") or UNROUTED
            client = scope.get(CLIENT_KEY)
            tenant = NO_TENANT if client is None else client.tenant
            services.metrics.request_answered(tenant, route, scope["method"], status, seconds)
            if status == HTTP_FORBIDDEN and client is not None:
                await self._record_refusal(scope, client)
            if REFUSED_KEY in scope:
                await self._record_refused_credential(scope, route, scope[REFUSED_KEY])
            if services.settings.log.access:
                _log.info(
                    "request", method=scope["method"], route=route, status=status, milliseconds=round(seconds * 1000, 1)
                )

    async def _record_refusal(self, scope: Any, client: Client) -> None:
        """Record in the audit that a client was not allowed to do something, unless it was told that often already."""
        missed = self.refusals.passed_over(client.tenant, client.name, monotonic())
        if missed is None:
            return
        deed = Deed(
            tenant=client.tenant,
            client=client.name,
            roles=tuple(sorted(client.roles)),
            action=scope["method"].lower(),
            resource="path",
            resource_id=scope["path"][:PATH_CHARACTERS_KEPT],
            outcome="refused",
            detail=_more(missed) if missed else None,
        )
        await self._record(deed)

    async def _record_refused_credential(self, scope: Any, route: str, refused: RefusedCredential) -> None:
        """Record in the audit that credentials let nobody in, unless that happened often already; of the address its network."""
        network = network_of((scope.get("client") or ("",))[0])
        if refused.tenant == NO_TENANT:
            missed = self.refusals.unknown_passed_over(network, monotonic())
        else:
            missed = self.refusals.passed_over(refused.tenant, refused.client, monotonic())
        if missed is None:
            return
        parts = [refused.why, f"From {network}." if network else "", f"{_more(missed)}." if missed else ""]
        deed = Deed(
            tenant=refused.tenant,
            client=refused.client,
            roles=refused.roles,
            action=scope["method"].lower(),
            resource="path",
            # Not the path that was sent: who is not known says nothing that is kept.
            resource_id=route,
            outcome="unauthenticated",
            detail=" ".join(part for part in parts if part),
        )
        await self._record(deed)

    async def _record(self, deed: Deed) -> None:
        services = self.services
        with suppress(UnavailableError):
            # Its answer is on its way already.
            await services.database.write(lambda connection: audit.record(connection, deed, services.clock()))


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    mappings: Mapping[str, OrderMapping] | None = None,
    upstreams: Mapping[str, Upstream] | None = None,
    qualifications: Qualifications | None = None,
    catalogue: Catalogues | None = None,
    background: Sequence[Background] = (),
) -> GatewayApp:
    """Return the application.

    A `database` that is handed in stays the caller's to close; otherwise the one of the settings is opened now and closed at
    the stop. `background` runs from start to stop, in this order, and is left in the reverse order.
    """
    owned = database is None
    services = Services(
        settings=settings,
        database=open_database(settings.storage) if database is None else database,
        mappings=dict(mappings or {}),
        upstreams=upstreams or {},
        qualifications=qualifications,
        catalogue=catalogue,
        shares=FairShares(settings.limits.tenant.processor_percent / 100),
    )
    app = GatewayApp(
        route_handlers=ROUTES,
        lifespan=[_lifespan(services, background, close_database=owned)],
        state=State(
            {
                "services": services,
                "readiness": operation.Readiness(services),
                "intake": Intake(services),
                "token_issuer": TokenIssuer(services),
            }
        ),
        # Bodies are bounded where they are read, the API is described by gateway.http.openapi, logs are our own.
        request_max_body_size=None,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.services = services
    app.refusals = Refusals()
    oidc = settings.security.oidc
    login = app.state.login = Login(oidc) if settings.security.mode == "oidc" and oidc.login.client_id else None
    guard = Guard(None if login is None else login.access_tokens)
    app.dispatch = Dispatch(app, guard.admit, require_declared_roles(app.routes), guard.work)
    services.metrics.refreshers.append(figures.refresher(services))
    services.metrics.identity_problems = partial(identity_problems, services)
    services.metrics.identity_provider_is_failing = guard.provider_is_failing
    services.metrics.write_ahead_log_bytes = partial(write_ahead_log_bytes, services.database.engine)
    # Written when somebody asks for it.
    app.state.openapi_json = cache(lambda: encode_json(openapi_document(app.routes, SCHEMAS, hub_reference.webhooks())))
    return app


def _lifespan(
    services: Services, background: Sequence[Background], *, close_database: bool
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if close_database:
                stack.push_async_callback(services.database.close)
            prepare_schema(services.database)
            for enter in background:
                await stack.enter_async_context(enter(services))
            services.condition.draining = False
            yield
            services.condition.draining = True

    return lifespan


def prepare_schema(database: Database) -> None:
    """Give an embedded file its schema; of a server only ask whether it has it (SchemaError: run `gateway migrate`)."""
    if database.engine.dialect.name == "sqlite":
        migrate(database.engine)
    else:
        require_current_schema(database.engine)
