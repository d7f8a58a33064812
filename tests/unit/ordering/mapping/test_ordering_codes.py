"""Code tables and catalogues beside a mapping: read with every mistake told, applied with a finding each."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import MappingError
from gateway.ordering.lint.loading import parse_mapping
from gateway.ordering.mapping.catalogue import catalogue_of, mandatory_offerings
from gateway.ordering.mapping.tables import files_of, with_tables
from gateway.ordering.translation.translate import translate
from gateway.resources import load_mappings, mapping_files
from gateway.settings import MappingSettings

MAPPINGS = Path(__file__).resolve().parents[4] / "mappings"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TEXT = b"""name = "shop"
[api]
resource = "productOrder"
[codes.products]
file = "shop-products.csv"
unknown = "error"
[codes.characteristics]
file = "shop.characteristics.toml"
[codes.values]
file = "shop-values.csv"
unknown = "default"
default = "OTHER"
[codes.parties]
file = "shop-parties.csv"
[catalogue]
file = "shop.catalogue.toml"
"""
FILES = {
    "shop-products.csv": b"from,to\nPLAN,MOBILE_PLAN\nSIM,SIM_CARD\n\n OPTION , ROAMING \n",
    "shop.characteristics.toml": b'color = "ATTR_COLOR"\n"a b" = "ATTR_AB"\n',
    "shop-values.csv": b'\xef\xbb\xbfcharacteristic,from,to\ncolor,white,W\ncolor,"black, matt",B\non,true,YES\n',
    "shop-parties.csv": b"from,to\nWEB-7,CD000007\n",
    "shop.catalogue.toml": b'[[product]]\ncode = "PLAN"\nchild = [{code = "SIM", minimum = 1}, {code = "OPTION"}]\n',
}


def mapping(**files: bytes):
    return with_tables(parse_mapping(TEXT, "shop.toml"), FILES | files, "shop.toml")


def item(item_id, code, *characteristics, **more):
    listed = [{"name": name, "value": value} for name, value in characteristics]
    product = {"product": {"productCharacteristic": listed}} if listed else {}
    return {"id": item_id, "action": "add", "productOffering": {"id": code}, **product, **more}


def translated(*items, using=None, catalogue=None):
    cart = {
        "cartItem": list(items),
        "relatedParty": [{"id": "WEB-7", "@referredType": "Individual", "role": "customer"}],
    }
    return translate(cart, {}, using or mapping(), now=NOW, catalogue=catalogue)


def test_the_files_of_a_mapping_are_known_by_name():
    assert files_of(parse_mapping(TEXT, "shop.toml")) == tuple(FILES)


def test_codes_names_values_and_parties_are_the_order_system_s():
    listed = [("color", "black, matt"), ("color", "green"), ("on", True), ("free", "white")]
    result = translated(item("1", "PLAN", *listed))
    line = result.order.lines[0].item
    assert line["productOffering"] == {"id": "MOBILE_PLAN"}
    assert [(one["name"], one["value"]) for one in line["product"]["productCharacteristic"]] == [
        ("ATTR_COLOR", "B"), ("ATTR_COLOR", "OTHER"), ("on", "YES"), ("free", "white"),
    ]  # fmt: skip
    assert result.order.header["relatedParty"][0]["id"] == "CD000007"
    told = {(finding.code, finding.path) for finding in result.findings}
    where = "cartItem[0].product.productCharacteristic"
    assert told == {
        ("renamed", "cartItem[0].productOffering.id"),
        ("renamed", f"{where}[0].name"), ("renamed", f"{where}[0].value"),
        ("renamed", f"{where}[1].name"), ("defaulted", f"{where}[1].value"),
        ("renamed", f"{where}[2].value"),
        ("renamed", "relatedParty[0].id"),
    }  # fmt: skip


def test_two_characteristics_that_get_one_name_are_a_warning():
    one = mapping()
    table = replace(one.tables.characteristics, unknown="default", default="OTHER")
    listed = [("a", "1"), ("color", "2"), ("a", "3"), ("b", "4")]
    result = translated(
        item("1", "PLAN", *listed), using=replace(one, tables=replace(one.tables, characteristics=table))
    )
    told = [finding.path for finding in result.findings if "Another characteristic" in finding.message]
    assert told == ["cartItem[0].product.productCharacteristic[3].name"], (
        "that the cart has one twice is its own affair"
    )


def test_an_unknown_code_is_refused_with_its_path_and_table():
    result = translated(item("1", "NEW"), item("2", "PLAN"))
    assert result.order is None
    (error,) = [finding for finding in result.findings if finding.severity == "error"]
    assert (error.code, error.path) == ("unknown_code", "cartItem[0].productOffering.id")
    assert "code table products (shop-products.csv)" in error.message


@pytest.mark.parametrize(
    ("unknown", "default", "sent", "code"), [("pass", "", "NEW", None), ("default", "GENERIC", "GENERIC", "defaulted")]
)
def test_an_unknown_code_may_pass_or_have_a_default(unknown, default, sent, code):
    one = mapping()
    tables = replace(one.tables, products=replace(one.tables.products, unknown=unknown, default=default))
    result = translated(item("1", "NEW"), using=replace(one, tables=tables))
    assert result.order.lines[0].item["productOffering"]["id"] == sent
    codes = [finding.code for finding in result.findings if finding.path == "cartItem[0].productOffering.id"]
    assert codes == ([code] if code else [])


def mandatory(*items, using=None, catalogue=None):
    result = translated(*items, using=using, catalogue=catalogue)
    assert result.order is not None, result.findings
    return {line.id for line in result.order.lines if line.mandatory}


BUNDLE = item("1", "PLAN", cartItem=[item("2", "SIM"), item("3", "OPTION")])
OFFERINGS = [
    {
        "id": "PLAN",
        "bundledProductOffering": [
            {"id": "OPTION", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}},
            {"id": "SIM", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 0}},
            {"id": 5, "bundledProductOfferingOption": {"numberRelOfferLowerLimit": 1}},
            None,
        ],
    },
    {"id": "SIM"},
    {"name": "no id"},
    7,
]


@pytest.mark.parametrize(
    ("limit", "needed"),
    [(1, True), (0, False), (Decimal("1.0"), True), (Decimal("1E+999999"), True), ("1", True), ("10", True)]
    + [(bad, False) for bad in ("00", "", "one", "-1", True, [1], None)],
)
def test_a_lower_limit_is_a_number_however_a_catalogue_writes_it(limit, needed):
    offering = {
        "bundledProductOffering": [{"id": "SIM", "bundledProductOfferingOption": {"numberRelOfferLowerLimit": limit}}]
    }
    assert mandatory_offerings({"productOffering": offering}) == ({"SIM"} if needed else set())


def test_mandatory_children_come_from_the_file_by_the_cart_s_own_codes():
    assert mandatory(BUNDLE) == {"2"}


def test_a_tmf620_catalogue_is_asked_where_the_file_knows_nothing():
    catalogue = catalogue_of(OFFERINGS)
    assert catalogue.children("PLAN") == {"OPTION"}
    assert catalogue.children("SIM") == frozenset()
    assert catalogue.children("other") is None
    assert mandatory(BUNDLE, catalogue=catalogue) == {"2"}, "the file comes first"
    bare = mapping(**{"shop.catalogue.toml": b'[[product]]\ncode = "X"\n'})
    assert mandatory(BUNDLE, using=bare, catalogue=catalogue) == {"3"}
    assert mandatory(BUNDLE, using=bare) == set()


def test_the_cart_s_own_reference_comes_first():
    own = {"id": "PLAN", "bundledProductOffering": OFFERINGS[0]["bundledProductOffering"]}
    assert mandatory({**BUNDLE, "productOffering": own}) == {"3"}
    assert mandatory({**BUNDLE, "productOffering": {**own, "bundledProductOffering": []}}) == set()
    assert mandatory({**BUNDLE, "productOffering": {"href": "https://host/offering/PLAN"}}) == {"2"}


CSV, TOML, VALUES, CATALOGUE = (
    "shop-products.csv", "shop.characteristics.toml", "shop-values.csv", "shop.catalogue.toml",
)  # fmt: skip
MISTAKES = [
    (CSV, b"code,to\nA,B\n", f"{CSV} line 1", "header from,to"),
    (CSV, b"from;to\nA;B\n", f"{CSV} line 1", "commas between the columns, not semicolons"),
    (CSV, b"", f"{CSV} line 1", "header from,to"),
    (CSV, b"from,to\r\n", CSV, "has no code in it; add one, or remove codes.products"),
    (CSV, b"from,to\nA,B\nA,C\n", f"{CSV} line 3", f"first given in {CSV} line 2"),
    (CSV, b"from,to\nA\n", f"{CSV} line 2", "has 1 columns; it must have 2"),
    (CSV, b"from,to\nA;B\n", f"{CSV} line 2", "it must have 2: from,to"),
    (CSV, b"from,to\nA,\n", f"{CSV} line 2", "nothing in the column to"),
    (CSV, b'from,to\n"A,B\n', f"{CSV} line 2", "is not CSV"),
    (CSV, b"from,to\nA\xe2\x80\x8b,B\n", f"{CSV} line 2", "cannot be seen; remove it"),
    (CSV, b"\xff\xfe", CSV, "is not UTF-8 (byte 0); save it as UTF-8"),
    (CSV, b"from,to\nM\xfcnchen,B\n", CSV, "is not UTF-8 (byte 9)"),
    (VALUES, b"from,to\nA,B\n", f"{VALUES} line 1", "header characteristic,from,to"),
    (VALUES, b"characteristic,from,to\n,A,B\n", f"{VALUES} line 2", "nothing in the column characteristic"),
    (TOML, b"color = 5\n", f"{TOML} color", "must be a text"),
    (TOML, b'" color" = "x"\n', f"{TOML}  color", "begins or ends with a space; remove it"),
    (TOML, b"color = \n", TOML, "is not TOML"),
    (TOML, b"", TOML, "has no code in it; add one"),
    (CATALOGUE, b"[[products]]\n", f"{CATALOGUE} products", "did you mean `product`"),
    (CATALOGUE, b"", f"{CATALOGUE} product", "is missing"),
    (CATALOGUE, b"product = []", f"{CATALOGUE} product", "must be [[product]] tables with code and child"),
    (CATALOGUE, b"product = 5\n", f"{CATALOGUE} product", "must be an array of tables: write [[product]]"),
    (CATALOGUE, b"product = [5]\n", f"{CATALOGUE} product[0]", "must be a table of code, child"),
    (CATALOGUE, b"[[product]]\nname = 'x'\n", f"{CATALOGUE} product[0].code", "is missing; it is the cart's code"),
    (CATALOGUE, b"[[product]]\ncode = ''\n", f"{CATALOGUE} product[0].code", "length >= 1"),
    (CATALOGUE, b"[[product]]\ncode = 'x '\n", f"{CATALOGUE} product[0].code", "ends with a space"),
    (CATALOGUE, b"[[product]]\ncode = 'x'\n[[product]]\ncode = 'x'\n", f"{CATALOGUE} product[1].code", "is x again"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=['y']\n", f"{CATALOGUE} product[0].child[0]", "must be a table of code, minimum"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='y',min=1}]\n", f"{CATALOGUE} product[0].child[0].min", "known are code, minimum"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='y',minimum='1'}]\n",
     f"{CATALOGUE} product[0].child[0].minimum", "must be an integer, not a string"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='y',minimum=-1}]\n", f"{CATALOGUE} product[0].child[0].minimum", ">= 0"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='y',minimum=2,maximum=1}]\n",
     f"{CATALOGUE} product[0].child[0].maximum", "use 2 or more"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='y'},{code='y'}]\n", f"{CATALOGUE} product[0].child[1].code", "is y again"),
    (CATALOGUE, b"[[product]]\ncode='x'\nchild=[{code='x'}]\n", f"{CATALOGUE} product[0].child[0].code", "is the bundle's own"),
    (CATALOGUE, b"\xff", CATALOGUE, "is not UTF-8"),
    (CATALOGUE, b"[", CATALOGUE, "is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "raw", "path", "words"), MISTAKES)
def test_each_mistake_in_a_file_names_its_place(file, raw, path, words):
    with pytest.raises(MappingError) as caught:
        mapping(**{file: raw})
    problems = {problem.path: problem.message for problem in caught.value.problems}
    assert words in problems[path]


def test_all_mistakes_of_a_catalogue_are_told_at_once():
    raw = b"[[product]]\ncode = 5\n[[product]]\ncode='x'\nchild=[{minimum=-1}, {code='y', maximum='z'}]\n[other]\n"
    with pytest.raises(MappingError) as caught:
        mapping(**{CATALOGUE: raw})
    assert {problem.path.removeprefix(f"{CATALOGUE} ") for problem in caught.value.problems} == {
        "other", "product[0].code", "product[1].child[0].code", "product[1].child[0].minimum", "product[1].child[1].maximum",
    }  # fmt: skip


def test_what_a_table_s_mistake_says_is_not_whose_code_it_is():
    with pytest.raises(MappingError) as caught:
        mapping(**{"shop-parties.csv": b"from,to\nWEB-7,A\nWEB-7,B\n"})
    assert "WEB-7" not in str(caught.value)


def test_mistakes_of_all_files_are_told_at_once():
    with pytest.raises(MappingError) as caught:
        with_tables(
            parse_mapping(TEXT, "shop.toml"), {"shop-products.csv": b"", "shop-values.csv": b"from,to"}, "shop.toml"
        )
    assert {problem.path for problem in caught.value.problems} == {
        "codes.characteristics.file", "codes.parties.file", "catalogue.file", "shop-values.csv line 1", "shop-products.csv line 1",
    }  # fmt: skip


def test_values_in_toml_are_tables_by_characteristic():
    text = TEXT.replace(b"shop-values.csv", b"shop.values.toml")
    files = FILES | {"shop.values.toml": b'[color]\nwhite = "W"\n'}
    using = with_tables(parse_mapping(text, "shop.toml"), files, "shop.toml")
    result = translated(item("1", "PLAN", ("color", "white")), using=using)
    assert result.order.lines[0].item["product"]["productCharacteristic"][0]["value"] == "W"
    with pytest.raises(MappingError, match="must be a table"):
        with_tables(parse_mapping(text, "shop.toml"), FILES | {"shop.values.toml": b'color = "W"\n'}, "shop.toml")


def test_the_service_loads_what_is_beside_a_mapping(tmp_path):
    (tmp_path / "shop.toml").write_bytes(TEXT)
    for name, raw in FILES.items():
        (tmp_path / name).write_bytes(raw)
    settings = MappingSettings(folder=str(tmp_path))
    assert set(mapping_files(settings)) >= {"shop", "tmf622-v5"}
    loaded = load_mappings(settings)["shop"]
    assert replace(loaded, hash="") == mapping()
    (tmp_path / "shop-parties.csv").unlink()
    (tmp_path / "shop-products.csv").write_bytes(b"from,to\nA\n")
    with pytest.raises(MappingError) as caught:
        load_mappings(settings)
    assert {problem.path for problem in caught.value.problems} == {"codes.parties.file", "shop-products.csv line 2"}
