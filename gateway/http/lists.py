"""Answers that are lists: one page of them, with the headers that tell of the others."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.filters.paging import Page, page_headers, page_status
from gateway.http.answers import Answer
from gateway.tmf.json import encode_json


def list_answer(shown: Sequence[object], page: Page, total: int, path: str, query: Sequence[tuple[str, str]]) -> Answer:
    """Return a page of a list as JSON, with its status and the headers of a page.

    Args:
        shown: what is on the page, each a JSON value.
        page: what was asked for.
        total: items in the whole list.
        path: the path of the list, which its links lead to.
        query: the parameters of the request; the links repeat them with other offsets.

    Raises:
        TypeError: something has no form in JSON: a fault of ours, never of a client.

    Source: TMF630 part 1 (pagination).
    """
    return page_answer(encode_json(shown), len(shown), page, total, path, query)


def page_answer(body: bytes, count: int, page: Page, total: int, path: str, query: Sequence[tuple[str, str]]) -> Answer:
    """Return a page of a list that is JSON text already: `count` items in `body`; the rest as `list_answer`."""
    headers = page_headers(page, count, total, path, query)
    return Answer(body, status=page_status(page, count, total), headers=headers)
