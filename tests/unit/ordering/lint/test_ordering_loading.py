"""Mapping files: every mistake named with its key, what is wrong and what would be right; all of them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mapping_mistakes import MISTAKES

from gateway.errors import MappingError
from gateway.ordering.lint.loading import parse_mapping

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"


def mapping_text(extra: str = "", top: str = "") -> bytes:
    return f'name = "shop"\n{top}\n[api]\nresource = "productOrder"\n{extra}'.encode()


def problems_of(text: bytes, source: str = "shop.toml") -> dict[str, str]:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, source)
    assert caught.value.source == source
    return {problem.path: problem.message for problem in caught.value.problems}


# How a message begins that says what is wrong, and what is in one that says what would be right.
WRONG = re.compile(r"(is|are|has|must be|lacks|sets|begins|would|and|Invalid) ")
RIGHT = re.compile(
    r"did you mean `|known are |belongs |must be (a|an|true|>=|<=)|one of |[Uu]se |set |[Ww]rite |remove |add it|allow it|name one"
    r"|names joined by dots, e\.g\.|is needed when .*: "
)


@pytest.mark.parametrize(("extra", "path", "words"), MISTAKES, ids=[path for _, path, _ in MISTAKES])
def test_each_mistake_names_its_key_and_what_would_be_right(extra, path, words):
    problems = problems_of(mapping_text(extra))
    assert words in problems[path]
    assert WRONG.match(problems[path]), "it says what is wrong"
    assert RIGHT.search(problems[path]), "it says what would be right"


def test_there_are_enough_kinds_of_mistakes_and_each_is_told_with_its_file():
    assert len({(path, words) for _, path, words in MISTAKES}) >= 30
    for extra, path, words in MISTAKES:
        with pytest.raises(MappingError) as caught:
            parse_mapping(mapping_text(extra), "shop.toml")
        told = [line for line in str(caught.value).splitlines() if line.startswith(f"shop.toml: {path}: ")]
        assert any(words in line for line in told)


@pytest.mark.parametrize(
    ("top", "path", "words"),
    [
        ('dialect = "tmf622-v6"', "dialect", "tmf622-v6"),
        ('dialect = "tmf622-v5"\n[item]\ntype_name = ""', "item.type_name", "TMF622 v5 demands it"),
        ("price = 3", "price", "must be a table: write [price]"),
        ('titel = "x"', "titel", "did you mean `title`"),
    ],
)
def test_mistakes_at_the_top(top, path, words):
    problem = problems_of(mapping_text(top=top))[path]
    assert words in problem
    assert "must be must be" not in problem


def test_a_missing_name_and_table_are_both_told():
    problems = problems_of(b"")
    assert set(problems) == {"name", "api"}
    assert problems["name"].startswith("is missing")


def test_a_missing_key_says_what_it_is():
    assert "the order resource's name" in problems_of(b'name = "shop"\n[api]\n')["api.resource"]


def test_the_name_must_be_the_file_s():
    assert 'write name = "other"' in problems_of(mapping_text(), "other.toml")["name"]
    assert parse_mapping(mapping_text(), "an upload").name == "shop"


def test_all_mistakes_are_told_at_once():
    text = b'name = "Shop!"\n[api]\nresource = 3\ncolour = 1\n[limits]\nitems_max = -1\n[draft]\nsupported = true\n'
    assert set(problems_of(text)) == {
        "name",
        "api.resource",
        "api.colour",
        "limits.items_max",
        "draft.submit_attributes",
        "draft.states",
    }


def test_one_mistake_is_not_told_twice():
    """A wrong value must not also be reported as contradicting another key."""
    problems = problems_of(mapping_text("[draft]\nsupported = true\nsubmit_attributes = 5\nstates = ['Draft']"))
    assert list(problems) == ["draft.submit_attributes"]


@pytest.mark.parametrize("text", [b"name = ", b"\xff\xfe", b"[api\n"])
def test_what_is_no_toml_is_one_problem(text):
    assert set(problems_of(text)) == {""}


@pytest.mark.parametrize("file", sorted(MAPPINGS.glob("*.toml")), ids=lambda file: file.stem)
def test_shipped_mappings_are_right(file):
    assert parse_mapping(file.read_bytes(), file.name).name == file.stem
