"""From a request to an answer: host, route, caller, handler, and the one way from an exception to a client.

Litestar finds the handler. Ours take a request and return an answer, so they are called here: what Litestar does between the
two (arguments, dependencies, layers of middleware and of response classes, none of which we have) doubles the processor time
of a GET. `tests/api/test_dispatch.py` sends every route and every error through Litestar's own dispatch as well and compares.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeAlias

from litestar import Litestar, Request
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Receive, Send
from litestar.utils.path import normalize_path

from gateway.errors import NotFoundError
from gateway.http.answers import Answer, allowed_methods, answer_exception, error_answer
from gateway.http.headers import require_valid_host
from gateway.roles import EVERYBODY, PUBLIC, Roles

# Raises UnauthenticatedError (401) or ForbiddenError (403) unless the caller has one of the roles: none of them for what anybody
# may use, None where there is no route.
Admit: TypeAlias = Callable[[Request[Any, Any, Any], Roles | None], Awaitable[None]]
Handler: TypeAlias = Callable[[Request[Any, Any, Any]], Coroutine[Any, Any, Any]]
# Has a request worked on by its handler once its caller may come in; that may wait for a turn, or raise.
Work: TypeAlias = Callable[[Request[Any, Any, Any], Handler], Coroutine[Any, Any, Any]]

# Ids of our own, whole segments of a path; any of them leads where all do.
_ID: Final = re.compile(r"(?<=/)[0-9a-f]{32}(?=/|\Z)")
_ANY_ID: Final = "0" * 32
# The router remembers the last 1024 paths it was asked for, by anybody; ours have less than 400 characters.
PATH_CHARACTERS_MAX: Final = 2048


class Dispatch:
    """Answers one request of an application.

    The contract, in this order:

    - A path that no route can have (a NUL, or too long) is a 404 before anybody remembers it.
    - A request has one valid Host, otherwise 400.
    - Who calls is known before anything of the request is read, and before a 404 or a 405 says what there is; the roles that
      the route declares (`opt["roles"]`) are checked then, and it is worked on in a turn of its client and tenant.
    - The handler of the route gets the request, with `path_params` and `path_template` in its scope, and returns an ASGI
      application, mostly an `Answer`.
    - OPTIONS is answered with the methods of the path.
    - Every exception becomes the TMF Error of `answer_exception`; what breaks while the answer is on its way is raised.
    """

    def __init__(
        self,
        app: Litestar,
        admit: Admit,
        roles_by_path: Mapping[str, Roles],
        work: Work = lambda request, handler: handler(request),
    ) -> None:
        self._app = app
        self._admit = admit
        self._work = work
        # What a path's methods declare together: who may ask for the methods may use one of them.
        self._roles_by_path = roles_by_path

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer the request of `scope`."""
        if "\0" in scope["path"] or len(scope["path"]) > PATH_CHARACTERS_MAX:
            await error_answer(NotFoundError("There is nothing at this path."))(scope, receive, send)
            return
        scope["app"] = scope["litestar_app"] = self._app
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        try:
            answer = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - the one way from an exception to a client; what nobody foresaw is logged there
            answer = answer_exception(request, error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request[Any, Any, Any]) -> Any:
        scope: Any = request.scope
        require_valid_host(request)
        scope["path"] = path = normalize_path(scope["path"])
        try:
            handler, scope["path_params"], scope["path_template"] = self.routed(path, scope["method"])
        except HTTPException:
            # Callers who may not come in are not told what there is either.
            await self._admit(request, None)
            raise
        scope["route_handler"] = handler
        await self._admit(request, handler.opt.get("roles", self._roles_by_path[scope["path_template"]]))
        if scope["method"] == "OPTIONS":
            return Answer(status=204, headers=[(b"allow", self._allowed(path).encode())])
        return await self._work(request, handler.fn)

    def routed(self, path: str, method: str) -> tuple[Any, dict[str, Any], str]:
        """Return handler, path parameters and path template.

        Litestar remembers where the last 1024 paths led. Most paths hold an id, so it is asked for a path with any id.
        """
        ids = _ID.findall(path)
        given = ids[0] if len(ids) == 1 else _ANY_ID
        _, handler, _, parameters, template = self._app.asgi_router.handle_routing(
            path=path if given is _ANY_ID else _ID.sub(_ANY_ID, path), method=method
        )
        return handler, {name: given if value == _ANY_ID else value for name, value in parameters.items()}, template

    def _allowed(self, path: str) -> str:
        """Return the methods of a path, for Allow: what Litestar says to one that no path has."""
        try:
            self.routed(path, "TRACE")
        except MethodNotAllowedException as error:
            return allowed_methods(error)
        return "TRACE"


def require_declared_roles(routes: Iterable[BaseRoute]) -> dict[str, Roles]:
    """Return the roles of each path, those of all its methods together; a path that anybody may use has none.

    Raises LookupError with every route that does not say in `opt["roles"]` who may use it.
    """
    found: dict[str, Roles] = {}
    silent = []
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if not handler.http_methods - {"OPTIONS"}:
                continue
            roles: Any = handler.opt.get("roles")
            if not isinstance(roles, frozenset) or roles - EVERYBODY:
                silent.append(f"{', '.join(sorted(handler.http_methods))} {route.path_format}")
                continue
            found[route.path_format] = found.get(route.path_format, PUBLIC) | roles
    if silent:
        raise LookupError(f"Routes that do not declare their roles: {'; '.join(sorted(silent))}.")
    return found
