"""Mapping files: every mistake named with its key, what is wrong and what would be right; all of them at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.errors import MappingError
from gateway.ordering.loading import parse_mapping

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
DRAFT = '[draft]\nsupported = true\nsubmit_attributes = {state = "Go"}\nstates = ["Draft"]\n'


def mapping_text(extra: str = "", top: str = "") -> bytes:
    return f'name = "shop"\n{top}\n[api]\nresource = "productOrder"\n{extra}'.encode()


def problems_of(text: bytes, source: str = "shop.toml") -> dict[str, str]:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, source)
    assert caught.value.source == source
    return {problem.path: problem.message for problem in caught.value.problems}


# How a message begins that says what is wrong, and what is in one that says what would be right.
WRONG = re.compile(r"(is|are|has|must be|lacks|sets|names|and|Invalid) ")
RIGHT = re.compile(
    r"did you mean `|known are |belongs |must be (a|an|true|>=|<=)|one of |use |set |write |remove |add it|allow it|name one"
    r"|names joined by dots, e\.g\.|is needed when .*: "
)
MISTAKES = [
    ("[limits]\nitems_maximum = 5", "limits.items_maximum", "did you mean `items_max`"),
    ("[limit]\nitems_max = 5", "limit", "did you mean `limits`"),
    ("[api.paging]\nitems_max = 5", "api.paging.items_max", "belongs in [limits]"),
    ("[price]\nzzz = 1", "price.zzz", "known are item_prices"),
    ('[limits]\nitems_max = "50"', "limits.items_max", "must be an integer, not a string"),
    ("[limits]\nitems_max = 0", "limits.items_max", ">= 1"),
    ("[limits]\nitems_max = 100001", "limits.items_max", "<= 100000"),
    ("[limits]\nbytes_max = 10", "limits.bytes_max", ">= 1000"),
    ("[limits]\ndepth_max = 33", "limits.depth_max", "<= 32"),
    ("[item]\nhierarchy = 'tree'", "item.hierarchy", "`nested`"),
    ("[item]\nrelationships = 'yes'", "item.relationships", "true or false"),
    ("[item]\nproduct_code = 'productOffering.id'", "item.product_code", "must be an array"),
    ("[item]\nproduct_code = []", "item.product_code", "length >= 1"),
    ("[item]\nproduct_code = ['productOffering..id']", "item.product_code", "names joined by dots"),
    ("[item]\nactions = {buy = 'Add'}", "item.actions.buy", "no cart action"),
    ("[item]\nactions = {nochange = 'modify'}", "item.actions.nochange", "did you mean `noChange`"),
    ("[item]\nhierarchy = 'flat'\nrelationships = false", "item.relationships", 'hierarchy = "nested"'),
    (
        "[item]\nhierarchy = 'flat'\nbundles_relationship = ''\nrelies_on_relationship = ''",
        "item.bundles_relationship",
        "lose their parents",
    ),
    ("[draft]\nsupported = true\nstates = ['Draft']", "draft.submit_attributes", "is needed when draft.supported"),
    ("[draft]\nsupported = true\nsubmit_attributes = {a = 1}", "draft.states", "is needed when draft.supported"),
    ("[draft]\ngrowth = 'additive'", "draft.growth", "only a draft grows"),
    ("[draft]\ncreate_attributes = {submitCart = false}", "draft.create_attributes", "has no effect while"),
    ("[price]\nalterations = 'patch-per-line'", "price.alterations", "only the lines of a draft"),
    (
        DRAFT + "growth = 'cumulative-merge'\n[price]\nalterations = 'patch-per-line'",
        "price.alterations",
        "would replace the others",
    ),
    ("[price]\nrecurring_required = ['name']", "price.recurring_required", "has no effect unless"),
    ("[price]\naltered_prices = 'separate'", "price.altered_prices", "has no effect unless"),
    (DRAFT + "create_attributes = {externalId = 'x'}", "draft.create_attributes", "sets externalId"),
    (DRAFT + "add_attributes = {productOrderItem = []}", "draft.add_attributes", "sets productOrderItem"),
    (DRAFT + "growth = 'additive'\n[limits]\ndepth_max = 1", "limits.depth_max", "use 2 or more"),
    ("[recovery]\nfind = 'filter'\nfilter_parameter = ''", "recovery.filter_parameter", "is needed when"),
    ("[recovery]\nscan_parameters = {state = 'Draft'}", "recovery.scan_parameters", 'recovery.find = "scan"'),
    (DRAFT + "[recovery]\nabandon = 'tombstone'", "recovery.tombstone_attributes", "is needed when"),
    ("[recovery]\ntombstone_attributes = {a = 1}", "recovery.tombstone_attributes", "has no effect unless"),
    (DRAFT + "[recovery]\nabandon = 'delete'", "recovery.abandon", "api.delete_allowed"),
    ("[recovery]\nabandon = 'delete'", "recovery.abandon", "delete"),
    ("[recovery]\nmarker_length_max = 8", "recovery.marker_length_max", ">= 24"),
    ("[order]\nstart_date_required = true\nattributes = ['note']", "order.attributes", "lacks requestedStartDate"),
    ("[order]\nparty_required = true\nattributes = ['note']", "order.attributes", "lacks relatedParty"),
    ("[order]\nattributes = ['note']\ndefaults = {category = 'B2C'}", "order.defaults", "does not send"),
    ("[order]\ndefaults = {externalId = 'x'}", "order.defaults", "carries the marker"),
    ("[states]\nfinal = ['done']", "states.final", "no TM Forum order state"),
    ("[states.order]\nActive = 'inprogress'", "states.order.Active", "did you mean `inProgress`"),
    ("[states]\nfinal = []", "states.final", "length >= 1"),
    ("draft = 5", "api.draft", "belongs at the top"),
    ("[codes.products]\nunknown = 'error'", "codes.products", "has no file"),
    ("[codes.products]\nfile = '../a.csv'", "codes.products.file", "a CSV file"),
    ("[codes.products]\nfile = 'a.toml'", "codes.products.file", "dot in its stem"),
    ("[codes.products]\nfile = 'a.csv'\nunknown = 'guess'", "codes.products.unknown", "guess"),
    ("[codes.products]\nfile = 'a.csv'\nunknown = 'default'", "codes.products.default", "is needed when"),
    ("[codes.values]\nfile = 'a.csv'\ndefault = 'X'", "codes.values.default", "has no effect unless"),
    ("[codes.product]\nfile = 'a.csv'", "codes.product", "did you mean `products`"),
    ("[codes]\nproducts = 'a.csv'", "codes.products", "must be a table"),
    ("[catalogue]\nfile = 'a.csv'", "catalogue.file", "a TOML file"),
    ("[recovery]\nmarker_slot = 'productOrderItem'", "recovery.marker_slot", "holds something else"),
    (
        DRAFT + "[recovery]\nabandon = 'tombstone'\ntombstone_attributes = {state = 'Go', a = 1}",
        "recovery.tombstone_attributes",
        "would submit what is abandoned",
    ),
    ("[order]\ndefaults = {relatedParty = 'x'}", "order.defaults.relatedParty", "write an array of tables"),
    ("[order]\ndefaults = {priority = 1}", "order.defaults.priority", "write a text"),
    ("[order]\nattributes = ['descripton']", "order.attributes", "did you mean `description`"),
    ("[item]\nattributes = ['itemterm']", "item.attributes", "did you mean `itemTerm`"),
    ("[item]\nproduct_attributes = ['plase']", "item.product_attributes", "did you mean `place`"),
    (
        DRAFT + "[price]\nalterations = 'patch-per-line'\nrecurring_required = ['applicationDuratoin']",
        "price.recurring_required",
        "did you mean `applicationDuration`",
    ),
    ("[item]\nmandatory_child_action = ''", "item.mandatory_child_action", "length >= 1"),
    ("[item]\nactions = {add = ''}", "item.actions.add", "is empty"),
    ("[item]\nproduct_code = ['action']", "item.product_code", "holds something else"),
    ("[limits]\nbudget = 1\nbudget_item_weight = 5", "limits.budget", "use 5 or more"),
    ("[price]\ncharge_periods = {monthly = 1}", "price.charge_periods.monthly", "must be a string, not an integer"),
    ("[item]\nboolean_characteristics = 'yes'", "item.boolean_characteristics", "BooleanCharacteristic"),
]


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
    assert words in problems_of(mapping_text(top=top))[path]


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
