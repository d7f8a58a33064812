"""A TMF620 catalogue of the test's own, and a client of it that waits for nothing."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from urllib.parse import unquote

from upstream_server import answer, answering, no_sleep

from gateway.settings import CatalogueSettings
from gateway.upstream.catalogue import CatalogueClient
from gateway.upstream.options import resource_options

IMPATIENT = {"deadline_seconds": 0.4, "checkout_seconds": 0.6}


class Clock:
    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead


@asynccontextmanager
async def catalogue_at(url, *, clock=time.monotonic, auth=None, **settings):
    wanted = CatalogueSettings(base_url=url, **{"deadline_seconds": 20.0, "checkout_seconds": 20.0} | settings)
    options = resource_options(
        "catalogue",
        wanted.resource,
        base_url=url,
        auth=auth,
        read_timeout_seconds=wanted.deadline_seconds,
        deadline_seconds=wanted.deadline_seconds,
        response_bytes_max=wanted.response_bytes_max,
        concurrency_max=wanted.concurrency_max,
    )
    client = CatalogueClient(options, wanted, sleep=no_sleep, clock=clock)
    try:
        yield client
    finally:
        await client.close()


def bundle(code, mandatory=(), optional=()):
    children = [(each, 1) for each in mandatory] + [(each, 0) for each in optional]
    bundled = [
        {"id": each, "bundledProductOfferingOption": {"numberRelOfferLowerLimit": lower, "numberRelOfferUpperLimit": 5}}
        for each, lower in children
    ]
    return {"id": code, "bundledProductOffering": bundled} if bundled else {"id": code}


def offering(*documents):
    """Return a catalogue of these offerings."""
    known = {document["id"]: document for document in documents}

    def reply(request):
        code = unquote(request.path.rpartition("/")[2])
        return answer(200, known[code]) if code in known else answer(404, {"code": "60", "reason": "not found"})

    return answering(reply)


def wanting(**bundles):
    return {code: frozenset(children) for code, children in bundles.items()}


async def codes(client, **bundles):
    """Return the codes of the doubts about bundles."""
    return {code: doubt.code for code, doubt in (await client.catalogue(wanting(**bundles))).doubts.items()}


def saying(reply):
    return answering(lambda _request: reply)
