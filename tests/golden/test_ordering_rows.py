"""The golden cases cover the mapping tables and the order system's scenarios: every row, every version of carts, every mapping."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ordering_outcome import CASES, MAPPINGS, case_settings, cases

ROWS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "rows.toml").read_text("utf-8"))["row"]
VERSIONS = ("R17", "v4", "v5")
CASES_MIN = 60


def name_of(row: dict[str, Any]) -> str:
    return f"{row['table']}: {row['attribute']}"


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_is_shown_for_each_mapping(row, mapping):
    wanted = row["shows"].get(mapping) or row["shows"]["all"]
    outcomes = [(CASES / case / f"{mapping}.json").read_text("utf-8") for case in row["cases"]]
    assert any(re.search(wanted, one) for one in outcomes), f"none of {row['cases']} shows {wanted}"


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_is_shown_from_each_version_that_has_it(row):
    versions = {case_settings(case)["source"] for case in row["cases"]}
    assert versions >= set(row.get("sources", ()))


def test_the_rows_are_those_of_the_tables():
    counts = {table: sum(row["table"] == table for row in ROWS) for table in {row["table"] for row in ROWS}}
    assert counts == {"cart": 13, "item": 20, "price": 13, "product": 14, "code": 5, "plan": 3, "scenario": 13}
    assert len({name_of(row) for row in ROWS}) == len(ROWS)


def test_every_case_stands_in_a_row():
    assert set(cases()) == {case for row in ROWS for case in row["cases"]}


def test_there_are_enough_cases_of_each_version():
    sources = [case_settings(case)["source"] for case in cases()]
    assert len(sources) >= CASES_MIN
    assert set(sources) == set(VERSIONS)
    assert min(sources.count(version) for version in VERSIONS) >= 7
