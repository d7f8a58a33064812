"""Operating the service: liveness, readiness, metrics."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from litestar import Request
from litestar.handlers import route
from sqlalchemy import Connection, text

from gateway.errors import GatewayError, UnavailableError
from gateway.http.answers import Answer, json_answer
from gateway.logs import get_logger
from gateway.metrics import CONTENT_TYPE
from gateway.roles import CLIENT_KEY, MEASURING, PUBLIC
from gateway.services import Services, services_of

PROBE_SECONDS_KEPT: Final = 2.0
PROBE_SECONDS_MAX: Final = 3.0
_TAGGED: Final = {"tags": ["operation"]}
_log = get_logger("gateway.http")


class Readiness:
    """Whether the database takes a write, asked at most once in PROBE_SECONDS_KEPT however many ask."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked_at = float("-inf")
        self._problem = ""
        self._lock = asyncio.Lock()

    async def problem(self) -> str:
        """Return why the service is not ready, or an empty text."""
        if self._services.condition.draining:
            return "The service is stopping."
        async with self._lock:
            if time.monotonic() - self._asked_at > PROBE_SECONDS_KEPT:
                self._problem = await self._probe()
                self._asked_at = time.monotonic()
        return self._problem

    async def _probe(self) -> str:
        try:
            await asyncio.wait_for(self._services.database.write(_write_nothing_new), PROBE_SECONDS_MAX)
        except (GatewayError, TimeoutError) as error:
            _log.warning("database_not_writable", error=type(error).__name__)
            return "The database does not take writes now."
        return ""


def _write_nothing_new(connection: Connection) -> None:
    """Write the one row that every installation has, as it is: this needs the lock, the disk and the schema."""
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


@route("/livez", http_method=["GET", "HEAD"], opt={"openapi": _TAGGED, "roles": PUBLIC})
async def livez(request: Request[Any, Any, Any]) -> Answer:  # noqa: ARG001 - Litestar passes it by this name
    """Say that the process answers; touches nothing."""
    return json_answer({"status": "alive"})


@route("/readyz", http_method=["GET", "HEAD"], opt={"openapi": _TAGGED, "roles": PUBLIC})
async def readyz(request: Request[Any, Any, Any]) -> Answer:
    """Say whether requests can be served: the database takes writes and the service is not stopping."""
    readiness: Readiness = request.app.state.readiness
    if problem := await readiness.problem():
        raise UnavailableError(problem, headers={"Retry-After": "2"})
    # Said to anybody, so without a name; the log and `gateway config check` say which. Other clients are served, so it is ready.
    figures, detail = services_of(request).metrics, []
    if mistakes := figures.identity_problems():
        detail.append(f"{mistakes} mistakes in the file of clients keep clients out")
    if figures.identity_provider_is_failing():
        detail.append("the keys of the identity provider cannot be read")
    return json_answer({"status": "ready", **({"detail": detail} if detail else {})})


@route("/metrics", http_method=["GET", "HEAD"], opt={"openapi": _TAGGED, "roles": MEASURING})
async def metrics(request: Request[Any, Any, Any]) -> Answer:
    """Return figures in Prometheus' text format: those of the client's tenant, of all tenants for the role platform."""
    scope: Any = request.scope
    client = scope[CLIENT_KEY]
    tenant = None if "platform" in client.roles else client.tenant
    body = await services_of(request).metrics.exposition(tenant)
    return Answer(body, media_type=CONTENT_TYPE.encode())


handlers: Final[list[Any]] = [livez, readyz, metrics]
