"""TMF701 process flows over HTTP, read only: a checkout's calls as a standard consumer reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from litestar import Request
from litestar.handlers import route
from sqlalchemy import Connection

from gateway.callers import Caller, caller_of
from gateway.checkouts.reading import listing
from gateway.checkouts.shown.viewing import ask_again_headers
from gateway.checkouts.stored import store
from gateway.correlation import process_flow_openapi as openapi
from gateway.correlation.around import Around, load
from gateway.correlation.lookup import Asked, Named, find
from gateway.correlation.process_flows import (
    FLOWS_PATH,
    FlowState,
    checkout_states,
    flow_document,
    task_document,
    task_id,
)
from gateway.errors import NotFoundError, Problem
from gateway.filters.projection import Selection, parse_fields, project
from gateway.http.answers import Answer, json_answer
from gateway.http.bodies import require_json_accepted
from gateway.http.lists import list_answer
from gateway.http.queries import only_fields, page_of, query_pairs, refuse, report_unknown, values_of
from gateway.roles import READING
from gateway.services import Services, services_of

ONE: Final = f"{FLOWS_PATH}/{{checkout_id:str}}"
TASKS: Final = f"{ONE}/taskFlow"


@route(FLOWS_PATH, http_method=["GET", "HEAD"], opt={"openapi": openapi.FLOWS, "roles": READING})
async def list_process_flows(request: Request[Any, Any, Any]) -> Answer:
    """List process flows, the newest first: by id, by state, or by the id of anything that belongs to it."""
    require_json_accepted(request)
    services, caller = services_of(request), caller_of(request)
    pairs, problems = query_pairs(request), list[Problem]()
    server = services.settings.server
    selection = parse_fields(values_of(pairs, "fields"), problems)
    page = page_of(pairs, server, problems)
    report_unknown(pairs, {"fields", "limit", "offset", "id", "state", "relatedEntity.id"}, problems)
    states = [state for value in values_of(pairs, "state") for state in value.split(",")]
    if unknown := sorted(set(states) - set(get_args(FlowState))):
        problems.append(
            Problem("state", f"knows no {', '.join(unknown)[:100]}; there are {', '.join(get_args(FlowState))}")
        )
    ids, entities = values_of(pairs, "id"), values_of(pairs, "relatedEntity.id")
    problems += [Problem("id", "holds the character U+0000") for value in (*ids, *entities) if "\0" in value]
    refuse(problems)
    filters = {"state": checkout_states(states)} if states else {}

    def function(connection: Connection) -> tuple[Around, int]:
        wanted = set(ids) if ids else None
        for entity in entities:
            found = find(connection, Asked(caller.tenant, caller.owner_scope, entity, 0, server.page_items_max))
            of_entity = {named.id for named in found.page if named.resource == "checkout"}
            wanted = of_entity if wanted is None else wanted & of_entity
        asked = listing.Asked({**filters, **({} if wanted is None else {"id": sorted(wanted)})})
        records, total = listing.list_page(
            connection, caller.tenant, asked, offset=page.offset, limit=page.limit, owner=caller.owner_scope
        )
        return load(connection, caller.tenant, [Named("checkout", record.id) for record in records]), total

    around, total = await services.database.read_list(caller.tenant, function)
    shown = [_selected(_flow(around, caller, index), selection) for index in range(len(around.records))]
    return list_answer(shown, page, total, FLOWS_PATH, pairs)


@route(ONE, http_method=["GET", "HEAD"], opt={"openapi": openapi.FLOW, "roles": READING})
async def retrieve_process_flow(request: Request[Any, Any, Any]) -> Answer:
    """Retrieve the process flow of a checkout, by the checkout's id."""
    services, caller = services_of(request), caller_of(request)
    selection = _fields(request)
    around = await _of_one(request, services, caller)
    headers = ask_again_headers(around.records[0], services.clock())
    return json_answer(_selected(_flow(around, caller, 0), selection), headers=headers)


@route(TASKS, http_method=["GET", "HEAD"], opt={"openapi": openapi.TASKS, "roles": READING})
async def list_task_flows(request: Request[Any, Any, Any]) -> Answer:
    """List the tasks of a process flow, in the order in which they are done: each is a call to the order system."""
    services, caller = services_of(request), caller_of(request)
    selection = _fields(request)
    around = await _of_one(request, services, caller)
    record = around.records[0]
    tasks = [task_document(record, step, caller.base_url) for step in around.steps.get(record.id, ())]
    total = str(len(tasks)).encode()
    headers = [(b"x-total-count", total), (b"x-result-count", total)]
    return json_answer([_selected(task, selection) for task in tasks], headers=headers)


@route(f"{TASKS}/{{task_id:str}}", http_method=["GET", "HEAD"], opt={"openapi": openapi.TASK, "roles": READING})
async def retrieve_task_flow(request: Request[Any, Any, Any]) -> Answer:
    """Retrieve one task of a process flow."""
    services, caller = services_of(request), caller_of(request)
    selection = _fields(request)
    around = await _of_one(request, services, caller)
    record, wanted = around.records[0], request.scope["path_params"]["task_id"]
    for step in around.steps.get(record.id, ()):
        if task_id(step) == wanted:
            return json_answer(_selected(task_document(record, step, caller.base_url), selection))
    raise NotFoundError("The process flow has no such task.")


handlers: Final[list[Any]] = [list_process_flows, retrieve_process_flow, list_task_flows, retrieve_task_flow]


async def _of_one(request: Request[Any, Any, Any], services: Services, caller: Caller) -> Around:
    """Return what there is of the checkout that the path names. Raises NotFoundError (404)."""
    checkout_id: str = request.scope["path_params"]["checkout_id"]

    def function(connection: Connection) -> Around | None:
        record = store.get(connection, caller.tenant, checkout_id, owner=caller.owner_scope)
        return None if record is None else load(connection, caller.tenant, [Named("checkout", checkout_id)])

    around = await services.database.read(function)
    if around is None:
        raise NotFoundError("There is no such process flow.")
    return around


def _flow(around: Around, caller: Caller, index: int) -> dict[str, Any]:
    record = around.records[index]
    steps: Sequence[Any] = around.steps.get(record.id, ())
    return flow_document(record, steps, around.documents.get(record.id, {}), caller.base_url)


def _fields(request: Request[Any, Any, Any]) -> Selection | None:
    require_json_accepted(request)
    return only_fields(request)


def _selected(document: dict[str, Any], selection: Selection | None) -> dict[str, Any]:
    return document if selection is None else project(document, {**selection, "@type": None})
