from __future__ import annotations

import pytest

from gateway.errors import Problem
from gateway.filters.paging import Page, page_headers, page_status, parse_page


def parsed(limits: list[str], offsets: list[str]) -> tuple[Page, list[Problem]]:
    problems: list[Problem] = []
    return parse_page(limits, offsets, default=100, largest=1000, problems=problems), problems


def test_without_parameters_the_defaults_hold_and_nothing_was_asked_for() -> None:
    assert parsed([], []) == (Page(100, 0, asked=False), [])


def test_limit_and_offset_are_taken() -> None:
    assert parsed(["1000"], ["7"]) == (Page(1000, 7, asked=True), [])


@pytest.mark.parametrize("value", ["0", "-1", "1001", "1000000000", "1.5", "", "abc", "٣", "1" * 5000, "+5", " 5"])
def test_a_wrong_limit_is_a_problem(value: str) -> None:
    assert [problem.path for problem in parsed([value], [])[1]] == ["limit"]


def test_every_problem_is_reported() -> None:
    assert [problem.path for problem in parsed(["1", "2"], ["-1"])[1]] == ["limit", "offset"]


@pytest.mark.parametrize(
    ("page", "count", "total", "status"),
    [
        (Page(100, 0, asked=False), 100, 500, 200),
        (Page(10, 0, asked=True), 10, 11, 206),
        (Page(10, 0, asked=True), 10, 10, 200),
        (Page(10, 5, asked=True), 5, 10, 200),
        (Page(10, 50, asked=True), 0, 10, 200),
    ],
)
def test_206_only_for_a_page_that_was_asked_for_and_that_more_follow(
    page: Page, count: int, total: int, status: int
) -> None:
    assert page_status(page, count, total) == status


def test_headers_of_a_page_in_the_middle() -> None:
    headers = dict(page_headers(Page(10, 20, asked=True), 10, 45, "/carts", [("fields", "a b"), ("offset", "20")]))

    assert headers[b"x-total-count"] == b"45"
    assert headers[b"x-result-count"] == b"10"
    assert headers[b"content-range"] == b"items 20-29/45"
    assert headers[b"link"].decode().split(", ") == [
        '</carts?fields=a+b&limit=10&offset=20>; rel="self"',
        '</carts?fields=a+b&limit=10&offset=0>; rel="first"',
        '</carts?fields=a+b&limit=10&offset=10>; rel="prev"',
        '</carts?fields=a+b&limit=10&offset=30>; rel="next"',
        '</carts?fields=a+b&limit=10&offset=40>; rel="last"',
    ]


def test_an_empty_list_has_no_next_and_no_prev() -> None:
    link = dict(page_headers(Page(10, 0, asked=True), 0, 0, "/carts", []))[b"link"].decode()

    assert 'rel="next"' not in link
    assert 'rel="prev"' not in link


def test_the_page_after_one_that_ended_early_begins_where_it_ended() -> None:
    link = dict(page_headers(Page(10, 20, asked=True), 3, 45, "/carts", []))[b"link"].decode()
    assert '</carts?limit=10&offset=23>; rel="next"' in link
