"""What is exchanged with an order system on behalf of one task: collected where a call is made, for the history of a checkout."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.upstream.transport import Answer, ExchangeFailed, HttpPort


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and its answer: `status` is None, and `detail` says why, where there is no complete answer.

    `path` is without the query; `began` is a moment of `time.monotonic`. `sent` and `answer` are the bodies.
    """

    method: str
    path: str
    status: int | None
    detail: str | None
    began: float
    milliseconds: int
    sent: bytes
    answer: bytes


_collected: Final[ContextVar[list[Exchange] | None]] = ContextVar("exchanges", default=None)


@contextmanager
def collecting() -> Iterator[list[Exchange]]:
    """Collect what this task, and those that it begins, exchange with order systems from now on."""
    collected: list[Exchange] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


async def noted_exchange(
    port: HttpPort,
    method: str,
    url: str,
    *,
    within_seconds: float,
    parameters: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Do what `HttpPort.exchange` does, and note it for the collector."""
    began = time.monotonic()
    answer: Answer | None = None
    detail: str | None = None
    try:
        answer = await port.exchange(
            method, url, within_seconds=within_seconds, parameters=parameters, body=body, headers=headers
        )
    except ExchangeFailed as failure:
        detail = failure.detail
        raise
    finally:
        collected = _collected.get()
        if collected is not None:
            collected.append(
                Exchange(
                    method=method,
                    path=urlsplit(url).path,
                    status=answer.status if answer is not None else None,
                    detail=detail,
                    began=began,
                    milliseconds=round((time.monotonic() - began) * 1000),
                    sent=body or b"",
                    answer=answer.body if answer is not None else b"",
                )
            )
    return answer
