"""Query strings: decoded once, bounded, every problem reported."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request

from gateway.errors import InvalidQueryError, NotSupportedError, Problem
from gateway.filters.paging import Page, parse_page
from gateway.filters.projection import Selection, parse_fields
from gateway.settings import ServerSettings

PARAMETERS_MAX: Final = 100


def query_pairs(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Return the parameters of the query string in their order, decoded, blank values included.

    Args:
        request: only its query string is looked at.

    Raises:
        InvalidQueryError: (400) more than PARAMETERS_MAX parameters, or percent escapes that are not UTF-8.

    Source: RFC 3986 section 2.1; the WHATWG URL standard (`+` is a blank).
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
    """Return every value of a parameter, in their order; empty when it is absent.

    Args:
        pairs: the parameters of the request, decoded.
        name: the parameter, as it is spelled.

    Raises:
        Nothing.

    Source: our own.
    """
    return [value for key, value in pairs if key == name]


def page_of(pairs: Sequence[tuple[str, str]], server: ServerSettings, problems: list[Problem]) -> Page:
    """Return the page of a list that `limit` and `offset` ask for, within the server's bounds.

    Args:
        pairs: the parameters of the request, decoded.
        server: its `page_items_default` and `page_items_max` are the bounds, in items.
        problems: what is wrong is added here, and its default taken.

    Raises:
        Nothing: what is wrong is a problem, and `refuse` raises them together.

    Source: TMF630 part 1 (pagination).
    """
    return parse_page(
        values_of(pairs, "limit"),
        values_of(pairs, "offset"),
        default=server.page_items_default,
        largest=server.page_items_max,
        problems=problems,
    )


def refuse_json_path(pairs: Sequence[tuple[str, str]], example: str) -> None:
    """Refuse the `filter` parameter: taken for an attribute that nothing has, it would answer that there is nothing.

    Args:
        pairs: the parameters of the request, decoded.
        example: parameters that name attributes of the resource.

    Raises:
        NotSupportedError: (501) there is a `filter`.

    Source: TMF630 part 6 (JSONPath).
    """
    if values_of(pairs, "filter"):
        raise NotSupportedError(
            f"The JSONPath `filter` is not supported; name attributes as parameters, e.g. {example}."
        )


def report_unknown(pairs: Sequence[tuple[str, str]], known: Collection[str], problems: list[Problem]) -> None:
    """Add a problem for every parameter that a route does not know, once each.

    Args:
        pairs: the parameters of the request, decoded.
        known: the names that the route knows; the problem lists them.
        problems: what is wrong is added here.

    Raises:
        Nothing: what is wrong is a problem, and `refuse` raises them together.

    Source: our own rule: a filter that is misspelled must not show everything.
    """
    listed = ", ".join(sorted(known)) or "none"
    problems.extend(
        Problem(name[:100], f"is not supported here; supported are: {listed}")
        for name in dict(pairs)
        if name not in known
    )


def refuse(problems: Sequence[Problem]) -> None:
    """Refuse a query with all that is wrong with it; do nothing when nothing is.

    Args:
        problems: what was found, each with its parameter and what would be right.

    Raises:
        InvalidQueryError: (400) there is a problem.

    Source: TMF630 part 1 (errors).
    """
    if problems:
        message = "; ".join(str(problem) for problem in problems[:20])
        raise InvalidQueryError(message, problems=problems)


def only_fields(request: Request[Any, Any, Any]) -> Selection | None:
    """Return the selection of a request whose only parameter may be `fields`; None when everything is asked for.

    Args:
        request: only its query string is looked at.

    Raises:
        InvalidQueryError: (400) another parameter, or a selection that cannot be read.

    Source: TMF630 part 1 (attribute selection).
    """
    pairs = query_pairs(request)
    if not pairs:
        return None
    problems: list[Problem] = []
    selection = parse_fields(values_of(pairs, "fields"), problems)
    report_unknown(pairs, {"fields"}, problems)
    refuse(problems)
    return selection
