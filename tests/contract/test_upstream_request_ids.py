"""An order system is told which request a call is made for, where its mapping names the way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from upstream_server import PLAIN, answer, answering, client_of, create_step, order, serving

from gateway.errors import Problem
from gateway.logs import on_behalf_of
from gateway.ordering.lint.consistency import inconsistencies
from gateway.ordering.mapping.model import Mapping

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def told(mapping: Mapping = PLAIN, **api: object) -> Mapping:
    return replace(mapping, api=replace(mapping.api, **api))


async def sent_by(mapping: Mapping, correlation_id: str | None, parent: str | None) -> list[dict[str, str]]:
    """Return the headers of a call and of a read on behalf of a request."""
    behaviour = answering(lambda request: answer(201 if request.method == "POST" else 200, order(1, "gw1-a-1")))
    async with serving(behaviour) as server, client_of(server.url, mapping=mapping) as client:
        with on_behalf_of(correlation_id, parent):
            await client.send(create_step())
            await client.get_order("00000001")
        return [request.headers for request in server.requests]


async def test_a_call_names_the_request_and_is_a_part_of_its_trace():
    mapping = told(correlation_header="X-Correlation-ID", trace_context=True)
    sent = await sent_by(mapping, "shop-1", PARENT)

    assert [headers["x-correlation-id"] for headers in sent] == ["shop-1", "shop-1"]
    parents = [headers["traceparent"].split("-") for headers in sent]
    assert all((version, trace_id, flags) == ("00", TRACE_ID, "01") for version, trace_id, _, flags in parents)
    assert len({span for _, _, span, _ in parents} | {"00f067aa0ba902b7"}) == 3


async def test_nothing_is_told_that_the_mapping_does_not_name_or_the_request_did_not():
    for mapping, *request in (
        (PLAIN, "shop-1", PARENT),
        (told(correlation_header="X-Id", trace_context=True), None, None),
    ):
        for headers in await sent_by(mapping, *request):
            assert not {"x-correlation-id", "x-id", "traceparent"} & set(headers)


@pytest.mark.parametrize("header", ["Authorization", "content-type", "Host", "a b", "X-Id:", "x" * 65, "traceparent"])
def test_a_header_that_cannot_carry_an_id_is_a_mistake_of_the_mapping(header):
    found = list(inconsistencies(told(correlation_header=header), "m"))
    assert (
        Problem("api.correlation_header", "is not a header that may carry an id; write e.g. X-Correlation-ID") in found
    )
