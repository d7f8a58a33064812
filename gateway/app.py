"""The one place where everything is wired: services, routes, start and stop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any, Final, TypeAlias

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.types import Message, Receive, Send
from litestar.utils.path import normalize_path

from gateway.carts import api as carts
from gateway.carts.dialects.openapi import SCHEMAS as CART_DIALECT_SCHEMAS
from gateway.carts.openapi import SCHEMAS as CART_SCHEMAS
from gateway.checkouts import api as checkouts
from gateway.checkouts import figures
from gateway.checkouts.openapi import SCHEMAS as CHECKOUT_SCHEMAS
from gateway.errors import NotFoundError
from gateway.http import operation
from gateway.http.answers import Answer, allowed_methods, answer_exception, error_answer, internal_error
from gateway.http.headers import correlation_id, require_valid_host
from gateway.http.openapi import openapi_document, openapi_page
from gateway.hub.subscriptions import api as hub
from gateway.hub.subscriptions.openapi import SCHEMAS as HUB_SCHEMAS
from gateway.logs import correlation, get_logger, safe_traceback
from gateway.metrics import UNROUTED
from gateway.security.guard import require_client
from gateway.services import Services
from gateway.settings import Settings
from gateway.storage import Database, open_database
from gateway.storage.schema import migrate, require_current_schema
from gateway.tmf.json import encode_json
from gateway.tracking import api as tracking

# Something that runs while the service does: entered at the start with the services, left (and waited for) at the stop.
Background: TypeAlias = Callable[[Services], AbstractAsyncContextManager[Any]]

ROUTES: Final[list[Any]] = [
    *carts.handlers,
    *checkouts.handlers,
    *tracking.handlers,
    *hub.handlers,
    *operation.handlers,
]
SCHEMAS: Final[dict[str, Any]] = {**CART_SCHEMAS, **CART_DIALECT_SCHEMAS, **CHECKOUT_SCHEMAS, **HUB_SCHEMAS}

# Ids of our own, whole segments of a path; any of them leads where all do.
_ID: Final = re.compile(r"(?<=/)[0-9a-f]{32}(?=/|\Z)")
_ANY_ID: Final = "0" * 32
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# The router remembers the last 1024 paths it was asked for, whoever asked; ours have less than 400 characters.
PATH_CHARACTERS_MAX: Final = 2048

_log = get_logger("gateway.app")


class GatewayApp(Litestar):
    """The ASGI application. Around every request: correlation id, figures, and an answer whatever happens."""

    services: Services

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _serve(self, scope: Any, receive: Receive, send: Send) -> None:
        started = perf_counter()
        identifier = correlation_id(next((v for n, v in scope["headers"] if n == b"x-correlation-id"), None))
        correlation.set(identifier)
        status = 0

        async def send_with_identifier(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-correlation-id", identifier)]
            await send(message)

        try:
            if "\0" in scope["path"] or len(scope["path"]) > PATH_CHARACTERS_MAX:
                # No id holds this character, and not every database can be asked for it; no id is as long as that.
                await error_answer(NotFoundError("There is nothing at this path."))(
                    scope, receive, send_with_identifier
                )
            else:
                await self._dispatch(scope, receive, send_with_identifier)
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
                services.events_out.ring()
            route = scope.get("path_template") or UNROUTED
            services.metrics.request_answered(route, scope["method"], status, seconds)
            if services.settings.log.access:
                _log.info(
                    "request", method=scope["method"], route=route, status=status, milliseconds=round(seconds * 1000, 1)
                )

    async def _dispatch(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request: who calls comes first, before anything of it is read.

        Litestar finds the handler. Ours take a request and return an answer, so they are called here: what Litestar does
        between the two (arguments, dependencies, layers of middleware and of response classes, of which we have none) would
        cost a GET a quarter of its time.
        """
        scope["app"] = scope["litestar_app"] = self
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            require_valid_host(request)
            scope["path"] = path = normalize_path(scope["path"])
            try:
                handler, scope["path_params"], scope["path_template"] = self._routed(path, scope["method"])
            except HTTPException:
                # Who may not come in is not told what there is either.
                require_client(request)
                raise
            scope["route_handler"] = handler
            require_client(request)
            if scope["method"] == "OPTIONS":
                answer = Answer(status=204, headers=[(b"allow", self._allowed(path).encode())])
            else:
                answer = await handler.fn(request)
        except Exception as error:  # noqa: BLE001 - the one way from an exception to a client; what nobody foresaw is logged there
            answer = answer_exception(request, error)
        await answer(scope, receive, send)

    def _allowed(self, path: str) -> str:
        """Return the methods of a path, for Allow: what Litestar says to one that no path has."""
        try:
            self._routed(path, "TRACE")
        except MethodNotAllowedException as error:
            return allowed_methods(error)
        return "TRACE"

    def _routed(self, path: str, method: str) -> tuple[Any, dict[str, Any], str]:
        """Return handler, path parameters and path template.

        Litestar remembers where the last 1 024 paths led. Most paths hold an id, so it is asked for a path with any id.
        """
        ids = _ID.findall(path)
        given = ids[0] if len(ids) == 1 else _ANY_ID
        _, handler, _, parameters, template = self.asgi_router.handle_routing(
            path=path if given is _ANY_ID else _ID.sub(_ANY_ID, path), method=method
        )
        return handler, {name: given if value == _ANY_ID else value for name, value in parameters.items()}, template


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    mappings: Mapping[str, Any] | None = None,
    upstreams: Mapping[str, Any] | None = None,
    qualifications: Any = None,
    catalogue: Any = None,
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
        mappings=mappings or {},
        upstreams=upstreams or {},
        qualifications=qualifications,
        catalogue=catalogue,
    )
    app = GatewayApp(
        route_handlers=ROUTES,
        lifespan=[_lifespan(services, background, close_database=owned)],
        state=State({"services": services, "readiness": operation.Readiness(services)}),
        # Bodies are bounded where they are read, the API is described by gateway.http.openapi, logs are our own.
        request_max_body_size=None,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.services = services
    services.metrics.refreshers.append(figures.refresher(services))
    document = openapi_document(app.routes, SCHEMAS)
    app.state.openapi_json = encode_json(document)
    app.state.openapi_page = openapi_page(document)
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
