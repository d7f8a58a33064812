"""Paging of lists (TMF630): `limit` and `offset` in, totals, status and links out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

from gateway.errors import Problem

OFFSET_MAX: Final = 1_000_000_000
PARTIAL: Final = 206


class Page(NamedTuple):
    """Which part of a list is wanted. `asked`: the client gave a limit, so a part may be answered as one (206)."""

    limit: int
    offset: int
    asked: bool


def parse_page(
    limits: Sequence[str], offsets: Sequence[str], *, default: int, largest: int, problems: list[Problem]
) -> Page:
    """Return the page that the values of `limit` and `offset` ask for; what is wrong is added to `problems`."""
    limit = _whole_number("limit", limits, 1, largest, problems)
    offset = _whole_number("offset", offsets, 0, OFFSET_MAX, problems)
    return Page(default if limit is None else limit, offset or 0, limit is not None)


def _whole_number(name: str, values: Sequence[str], smallest: int, largest: int, problems: list[Problem]) -> int | None:
    if not values:
        return None
    text = values[0]
    if len(values) > 1:
        problems.append(Problem(name, "is given more than once"))
    elif not (
        text.isascii() and text.isdigit() and len(text) <= len(str(OFFSET_MAX)) and smallest <= int(text) <= largest
    ):
        problems.append(Problem(name, f"must be a whole number from {smallest} to {largest}"))
    else:
        return int(text)
    return None


def page_status(page: Page, count: int, total: int) -> int:
    """Return the status of a list: 206 for a part that was asked for with a limit while more follows, otherwise 200.

    The conformance kit wants 200 for a list without a limit, whatever the server's default limit cuts off.

    Args:
        page: what was asked for.
        count: items in the answer.
        total: items in the whole list.

    Raises:
        Nothing.

    Source: TMF630 part 1 (pagination); the conformance kit of TMF663.
    """
    return PARTIAL if page.asked and page.offset + count < total else 200


def page_headers(
    page: Page, count: int, total: int, path: str, query: Sequence[tuple[str, str]]
) -> list[tuple[bytes, bytes]]:
    """Return the headers of a list: X-Total-Count, X-Result-Count, Link and, for a part, Content-Range.

    Args:
        page: what was asked for.
        count: items in the answer.
        total: items in the whole list.
        path: the path of the list, which its links lead to.
        query: the parameters of the request; the links repeat them with other offsets.

    Raises:
        Nothing.

    Source: TMF630 part 1 (pagination); RFC 8288 (Link), RFC 9110 section 14.4 (Content-Range).
    """
    headers = [(b"x-total-count", b"%d" % total), (b"x-result-count", b"%d" % count)]
    if page_status(page, count, total) == PARTIAL:
        last = page.offset + max(count, 1) - 1
        headers.append((b"content-range", b"items %d-%d/%d" % (page.offset, last, total)))
    kept = [(name, value) for name, value in query if name not in {"limit", "offset"}]
    # Encoded once: what differs between the links is a number.
    same = urlencode([*kept, ("limit", page.limit)])
    links = [
        f'<{path}?{same}&offset={offset}>; rel="{relation}"' for relation, offset in _neighbours(page, count, total)
    ]
    headers.append((b"link", ", ".join(links).encode("latin-1")))
    return headers


def _neighbours(page: Page, count: int, total: int) -> list[tuple[str, int]]:
    # What a page that had to end early leaves out is on the next one.
    following = page.offset + (count or page.limit)
    last = max(0, (total - 1) // page.limit * page.limit)
    found = [("self", page.offset), ("first", 0)]
    if page.offset > 0:
        found.append(("prev", max(0, page.offset - page.limit)))
    if following < total:
        found.append(("next", following))
    found.append(("last", last))
    return found
