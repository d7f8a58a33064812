"""Lists of values towards order systems that have no place for them: one value, a text of several, or one characteristic for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.ordering.findings import Findings
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.translation.characteristics import Characteristics

ROOT = Path(__file__).resolve().parents[4]


def sent(value: Any, *, name: str = "salesforce-v4", **item: Any) -> tuple[list[Any], list[tuple[str, str, str]]]:
    loaded = parse_mapping((ROOT / "mappings" / f"{name}.toml").read_bytes(), f"{name}.toml")
    findings = Findings()
    characteristics = Characteristics(replace(loaded, item=replace(loaded.item, **item)), findings)
    found = characteristics.translate([{"name": "color", "value": value}], "c", renamed=False)
    assert all(one["name"] == "color" for one in found)
    return [one["value"] for one in found], [(one.severity, one.code, one.path) for one in findings.all()]


CONVERTED = [("info", "converted", "c[0].value")]
DROPPED = [("warning", "dropped", "c[0]")]


@pytest.mark.parametrize(
    ("value", "several_values", "expected", "told"),
    [
        (["White"], "as-is", ["White"], CONVERTED),
        ([8], "as-is", ["8"], CONVERTED * 2),
        ([True], "separated", ["true"], CONVERTED * 2),
        (["a", "b"], "separated", ["a;b"], CONVERTED),
        ([1, False], "separated", ["1;false"], CONVERTED),
        (["a;b", "c"], "separated", [], DROPPED),
        (["a", {"b": 1}], "separated", [], DROPPED),
        (["a", None], "separated", [], DROPPED),
        (["a", "b"], "repeated", ["a", "b"], CONVERTED),
        ([1, 2], "repeated", ["1", "2"], CONVERTED * 3),
        (["a", "b"], "as-is", [], DROPPED),
        (["a", "b"], "json", ['["a","b"]'], CONVERTED),
        ({"a": 1}, "json", ['{"a":1}'], CONVERTED),
        ({"a": 1}, "separated", [], DROPPED),
        ([["a"]], "repeated", [], [*CONVERTED, *DROPPED]),
        ([], "separated", [], DROPPED),
    ],
)
def test_values_where_an_order_system_keeps_texts(value, several_values, expected, told):
    assert sent(value, several_values=several_values) == (expected, told)


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
@pytest.mark.parametrize("value", [["White"], ["a", "b"], [], {"a": 1}])
def test_lists_and_objects_stay_where_they_have_a_place(name, value):
    assert sent(value, name=name) == ([value], [])


@pytest.mark.parametrize("name", ["tmf622-v4", "tmf622-v5"])
def test_lists_may_be_repeated_where_values_keep_their_types(name):
    assert sent([1, 2], name=name, several_values="repeated") == ([1, 2], CONVERTED)
    assert sent([1], name=name, several_values="repeated") == ([1], CONVERTED)
