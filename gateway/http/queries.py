"""Query strings: decoded once, bounded, every problem reported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request

from gateway.errors import InvalidQueryError, Problem
from gateway.filters.paging import Page, parse_page
from gateway.settings import ServerSettings

PARAMETERS_MAX: Final = 100


def query_pairs(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Return the parameters of the query string in their order, blanks included.

    Raises InvalidQueryError (400) for more than PARAMETERS_MAX of them and for percent escapes that are no UTF-8.
    """
    raw: bytes = request.scope["query_string"]
    if not raw:
        return []
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except UnicodeError:
        raise InvalidQueryError("The query string must be percent-encoded UTF-8.") from None
    except ValueError:
        raise InvalidQueryError(f"The query string has more than {PARAMETERS_MAX} parameters.") from None


def values_of(pairs: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Return every value of the parameter `name`."""
    return [value for key, value in pairs if key == name]


def page_of(pairs: Sequence[tuple[str, str]], server: ServerSettings, problems: list[Problem]) -> Page:
    """Return the page of a list that `limit` and `offset` ask for, within the server's bounds; what is wrong is added to `problems`."""
    return parse_page(
        values_of(pairs, "limit"),
        values_of(pairs, "offset"),
        default=server.page_items_default,
        largest=server.page_items_max,
        problems=problems,
    )


def report_unknown(pairs: Sequence[tuple[str, str]], known: Collection[str], problems: list[Problem]) -> None:
    """Report every parameter that is not known here, once each."""
    listed = ", ".join(sorted(known)) or "none"
    problems.extend(
        Problem(name[:100], f"is not supported here; supported are: {listed}")
        for name in dict(pairs)
        if name not in known
    )


def refuse(problems: Sequence[Problem]) -> None:
    """Raise InvalidQueryError (400) with all `problems`, if there are any."""
    if problems:
        message = "; ".join(str(problem) for problem in problems[:20])
        raise InvalidQueryError(message, problems=problems)
