from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from gateway import errors
from gateway.errors import GatewayError, RequestError

ERRORS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"


def every_error() -> dict[str, type[GatewayError]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, GatewayError) and kind.__module__ == errors.__name__
    }


def drawn() -> dict[str, tuple[int, str]]:
    """Return what the docstring draws: name, how far it stands to the right, the words beside it."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if drawing := re.match(r"    ([| ]*[|`]-- )?(\w+Error)(?:\s+(.+))?$", line):
            found[drawing[2]] = (len(drawing[1] or "") // 4, drawing[3] or "")
    return found


def test_the_tree_draws_every_error_where_it_hangs():
    tree = drawn()
    assert tree.keys() == every_error().keys()
    for name, kind in every_error().items():
        assert tree[name][0] == kind.__mro__.index(GatewayError), name
        if issubclass(kind, RequestError) and kind is not RequestError:
            assert tree[name][1].startswith(f"{kind.status}  "), name


def test_the_words_of_the_tree_stand_in_one_column():
    lines = [line for line in (errors.__doc__ or "").splitlines() if "-- " in line]
    columns = {re.search(r"Error\s+", line).end() for line in lines}

    assert len(columns) == 1


@pytest.mark.parametrize(("name", "kind"), every_error().items(), ids=every_error())
def test_every_answer_is_on_the_page(name: str, kind: type[GatewayError]):
    if issubclass(kind, RequestError) and kind is not RequestError:
        assert f"| {kind.status} | {kind.code} | {kind.reason} |" in ERRORS_PAGE.read_text()


def test_an_error_is_a_tmf_error():
    error = errors.InvalidBodyError([errors.Problem("cartItem[0].quantity", "must be above 0")])

    assert errors.tmf_error(error) == {
        "@type": "Error",
        "code": "24",
        "reason": "Invalid body field",
        "message": "cartItem[0].quantity: must be above 0",
        "status": "400",
        "problem": [{"path": "cartItem[0].quantity", "message": "must be above 0"}],
    }


def test_an_error_of_the_whole_body_has_a_path_too():
    error = errors.MalformedBodyError("The body is cut off.", problems=[errors.Problem("", "cut off")])

    assert errors.tmf_error(error)["problem"] == [{"path": "$", "message": "cut off"}]
