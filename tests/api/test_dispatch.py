"""Our dispatch and Litestar's own give the same answers: to every route, with every method, and to every kind of error."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from application_runs import started
from known_clients import known_clients
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.utils.path import normalize_path

from gateway.app import ROUTES, GatewayApp, create_app
from gateway.http.answers import answer_exception
from gateway.http.dispatch import require_declared_roles
from gateway.http.headers import require_valid_host
from gateway.operators.audit_api import AUDIT
from gateway.security.guard import Guard
from gateway.services import Services
from gateway.settings import ClientRate, LimitSettings, SecuritySettings, Settings, StorageSettings, TenantRate

CARTS = "/tmf-api/shoppingCart/v4/shoppingCart"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ID_OF_NONE = "0123456789abcdef0123456789abcdef"
BODIES: dict[str, bytes | None] = {"none": None, "empty": b"{}", "broken": b'{"a": ', "list": b"[]"}
# What differs between two runs by its nature (the audit tells ids of entries and of requests).
MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z")


class Plain(Litestar):
    """Litestar as it is; where our handlers find the services is all that is added."""

    services: Services


class LitestarsOwn:
    """The same routes through Litestar's dispatch. What it cannot do in this order is done before: the host, and who calls."""

    def __init__(self, app: GatewayApp) -> None:
        self.litestar = Plain(
            route_handlers=ROUTES,
            exception_handlers={Exception: answer_exception},  # type: ignore[dict-item]
            state=State(dict(app.state)),
            request_max_body_size=None,
            openapi_config=None,
            logging_config=None,
            debug=False,
        )
        self.litestar.services = app.services
        self._guard = Guard()
        self._roles = require_declared_roles(app.routes)

    async def _admit(self, request: Request[Any, Any, Any]) -> None:
        scope: Any = request.scope
        try:
            routed = self.litestar.asgi_router.handle_routing(
                path=normalize_path(scope["path"]), method=scope["method"]
            )
        except HTTPException:
            await self._guard.admit(request, None)
            return
        _, scope["route_handler"], _, scope["path_params"], template = routed
        await self._guard.admit(request, scope["route_handler"].opt.get("roles", self._roles[template]))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["app"] = scope["litestar_app"] = self.litestar
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            require_valid_host(request)
            await self._admit(request)
        except Exception as error:  # noqa: BLE001 - as the dispatch of the application does
            await answer_exception(request, error)(scope, receive, send)
            return
        await self.litestar(scope, receive, send)


@asynccontextmanager
async def application(folder: Path, name: str, *, tokens: bool = False) -> AsyncIterator[GatewayApp]:
    """An application of its own whose ids and times are those of every other one."""
    security = SecuritySettings()
    if tokens:
        security = known_clients(folder, {role: ("acme", [role]) for role in ("channel", "notifier")})
    app = create_app(
        Settings(
            storage=StorageSettings(url=f"sqlite:///{folder / name}.db", readers_max=2),
            security=security,
            limits=LimitSettings(client=ClientRate(requests_per_second=0), tenant=TenantRate(requests_per_second=0)),
        )
    )
    numbers = itertools.count(1)
    app.services = replace(
        app.services, new_id=lambda: f"{next(numbers):032x}", clock=lambda: datetime(2026, 12, 1, tzinfo=UTC)
    )
    async with started(app):
        yield app


def paths(cart_id: str) -> list[str]:
    """Return every route of the application as two paths, of an id that is there and of one that is not; and three of none."""
    templates = {path for handler in ROUTES for path in handler.paths}
    found = {re.sub(r"\{[^}]*\}", one, path) for path in templates for one in (cart_id, ID_OF_NONE, "strange%20id")}
    return [*sorted(found), "/nothing", f"{CARTS}/", f"{CARTS}/{cart_id}/{cart_id}"]


async def answers_of(app: Any, token: str | None) -> list[tuple[str, int, list[tuple[str, str]], bytes]]:
    """Return what a client gets for every path, method and body, in order."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    told = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test", headers=headers) as client:
        made = await client.post(CARTS, json={"cartItem": []})
        cart_id = made.json().get("id", ID_OF_NONE)
        for path, method, (name, body) in itertools.product(paths(cart_id), METHODS, BODIES.items()):
            if path in {"/metrics", "/readyz", AUDIT} or (body is not None and method in {"GET", "HEAD", "OPTIONS"}):
                continue
            types = {"Content-Type": "application/json"} if body is not None else {}
            answer = await client.request(method, path, content=body, headers=types)
            shown = sorted((key, value) for key, value in answer.headers.items() if key != "x-correlation-id")
            told.append((f"{method} {path} {name}", answer.status_code, shown, MOMENT.sub(b"MOMENT", answer.content)))
        for hosts in ([("Host", "a"), ("Host", "b")], [("Host", "a b")]):
            answer = await client.get(CARTS, headers=hosts)
            told.append((f"hosts {hosts}", answer.status_code, [], answer.content))
    return told


@pytest.mark.parametrize("token", [None, "channel", "notifier", "unknown"])
async def test_every_route_and_every_error_is_answered_alike(tmp_path: Path, token: str | None) -> None:
    async with (
        application(tmp_path, "ours", tokens=token is not None) as ours,
        application(tmp_path, "other", tokens=token is not None) as other,
    ):
        # The description of the API is made once for each application, in no fixed order.
        other.state.update({"openapi_json": ours.state["openapi_json"]})
        told = await answers_of(ours, token)
        expected = await answers_of(LitestarsOwn(other), token)

    assert len(told) > 500
    assert {status for _, status, _, _ in told} >= ({401} if token == "unknown" else {404, 405})
    for mine, theirs in zip(told, expected, strict=True):
        if mine[0].startswith("OPTIONS "):
            # Litestar names the methods of one handler of a path, we name those of the path: see the next test.
            assert mine[:2] == theirs[:2]
        else:
            assert mine == theirs


async def test_options_names_the_methods_that_are_answered(tmp_path: Path) -> None:
    async with application(tmp_path, "ours") as ours:
        told = await answers_of(ours, None)

    allowed = {
        what.split()[1]: dict(headers)["allow"]
        for what, status, headers, _ in told
        if status == 204 and "OPTIONS" in what
    }
    answered: dict[str, set[str]] = {}
    for what, status, _, _ in told:
        if what.startswith("hosts"):
            continue
        method, path, _ = what.split()
        if status != 405 and path in allowed:
            answered.setdefault(path, set()).add(method)
    assert len(allowed) > 20
    assert {path: ", ".join(sorted(methods)) for path, methods in answered.items()} == allowed
