"""The query language of lists: every form that TMF630 allows, what each type of value means, and what is refused."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.errors import Problem
from gateway.filters import match as matching
from gateway.filters.match import Matcher
from gateway.filters.parse import Filter, parse_filter
from gateway.filters.values import moment_of, pattern_of
from gateway.tmf.json import decode_stored

CART = decode_stored("""
{"id": "one", "href": "http://gateway.test/one", "name": "Grüße & more", "preferred": true, "created": "2026-03-01T12:00:00Z",
 "amount": 19.90, "big": 12345678901234567890.123, "@type": "ShoppingCart", "nothing": null,
 "relatedParty": [{"id": "42", "role": "customer"}, {"id": "43", "role": "user"}],
 "cartItem": [{"quantity": 2, "cartItem": [{"quantity": 7}]}, {"quantity": 3, "product": {"characteristic": ["a", "b"]}}],
 "table": [[1, 2], [3]]}
""")


def parsed(query: str) -> Filter:
    problems: list[Problem] = []
    found = parse_filter(parse_qsl(query, keep_blank_values=True), problems)
    assert problems == []
    return found


def problems_of(query: str) -> list[Problem]:
    problems: list[Problem] = []
    parse_filter(parse_qsl(query, keep_blank_values=True), problems)
    return problems


FORMS = [
    "amount.gt=19",
    "amount>19",
    "amount%3E19",
    "amount=%3E19",
    "amount%3E=19.9",
    "amount>=19.9",
    "amount%3E%3D19.90",
    "amount=%3E%3D19.90",
    "amount.gte=19.900",
    "amount<20",
    "amount%3C=19.9",
    "amount.lte=19.9",
    "amount==19.9",
    "amount%3D%3D19.9",
    "amount.eq=19.9",
    "amount.eq=1.99e1",
    "name=~more",
    "name*=more",
    "name%3D~^Gr",
    "name*%3Dmore$",
    "name.regex=^Gr.*more$",
]


@pytest.mark.parametrize("query", FORMS)
def test_every_form_of_an_operator_is_understood(query):
    assert Matcher(parsed(query)).fits(CART)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("id=one", True),
        ("id=two", False),
        ("id=", False),
        ("id=two,one", True),
        ("id=two&id=one", True),
        ("id=two;one", True),
        ("id=two;id=one", True),
        ("id=two;amount>19", True),
        ("id=two;amount.gt=19", True),
        ("id>z;amount<20", True),
        ("id>z;amount<2", False),
        ("created%3E2027-01-01;created%3C2026-12-01", True),
        ("id=one&amount=1", False),
        ("amount.gt=19&amount.lt=20", True),
        ("amount.gt=19&amount.lt=19.5", False),
        ("amount.gt=50&amount.gt=19", True),
        ("href=http://gateway.test/one", True),
        ("relatedParty.id=43", True),
        ("relatedParty.id=42&relatedParty.role=user", True),
        ("relatedParty=42", False),
        ("relatedParty.id.role=42", False),
        ("cartItem.quantity=3", True),
        ("cartItem.quantity.gt=3", False),
        ("cartItem.cartItem.quantity=7", True),
        ("cartItem.product.characteristic=b", True),
        ("table=1", False),
        ("big=12345678901234567890.123", True),
        ("big=12345678901234567890.124", False),
        ("big.gt=12345678901234567890.1229999", True),
        ("preferred=true", True),
        ("preferred=false", False),
        ("preferred=1", False),
        ("preferred.gt=false", False),
        ("nothing=null", False),
        ("nothing=", False),
        ("missing=", False),
        ("@type=ShoppingCart", True),
        ("created=2026-03-01T12:00:00.000Z", True),
        ("created=2026-03-01T13:00:00+01:00", True),
        ("created=2026-03-01T13:00:00%2B01:00", True),
        ("created.gt=2026-03-01", True),
        ("created.lt=2026-03-01T12:00:00-00:01", True),
        ("created.gt=2026-02-30", True),
        ("name=gr%C3%BC%C3%9Fe %26 more", False),
        ("name.eq=Gr%C3%BC%C3%9Fe %26 more", True),
        ("name.regex=^more", False),
        ("name.regex=.*", True),
        ("name.regex=e.*e.*e.*e", False),
        ("amount.regex=19", False),
    ],
)
def test_what_fits(query, fits):
    assert Matcher(parsed(query)).fits(CART) is fits


@pytest.mark.parametrize(
    "query",
    [
        "a.ne=1",
        "a..b=1",
        ".a=1",
        "a.=1",
        "a[0].b=1",
        "a!=1",
        "a>",
        "$.a=1",
        "%00=1",
        "a=%00",
        "a=" + "x" * 3_000,
        ".".join("a" * 17) + "=1",
        "a" * 300 + "=1",
        "ü=1",
        "a.regex=(a%2B)%2B$",
        "a.regex=[ab]",
        "a.regex=\\d",
        "a.regex=a|b",
        "a.regex=" + ".*a" * 20,
        "a.regex=" + "a" * 300,
    ],
)
def test_what_is_refused_says_what_is_supported(query):
    (problem,) = problems_of(query)

    assert problem.message


def test_bounds_and_all_problems_at_once():
    assert "200 values" in problems_of("a=" + ",".join("x" * 201))[0].message
    assert "20 conditions" in problems_of("&".join(f"a{n}=1" for n in range(21)))[0].message
    assert len(problems_of("a.ne=1&b.regex=(&c..d=1")) == 3


def test_no_pattern_can_blow_up():
    pattern = pattern_of(".*".join("a" * 8) + "$")
    assert pattern is not None
    started = time.process_time()

    assert not matching.fits(pattern, "a" * 100_000 + "b")
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T00:00:00.0000019Z", 1),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1969-12-31 23:59:59Z", -1_000_000),
        ("9999-12-31T23:59:59-23:59", 253_402_300_799_000_000 + 86_340_000_000),
        ("2026-02-30", None),
        ("0000-01-01", None),
        ("2026-01-01T24:00Z", None),
        ("2026-01-01T10:00+24:00", None),
        ("2026-01-01T10:00:60Z", None),
        ("20260101", None),
        ("2026-01", None),
        ("2026-01-01\n", None),
        ("٢٠٢٦-01-01", None),
    ],
)
def test_moments(text: str, moment: int | None):
    found: Any = moment_of(text)

    assert found == moment


def test_many_alternatives_walk_a_document_once():
    looked: list[int] = []
    wanted = parsed("cartItem.id=" + ",".join(f"other{number}" for number in range(199)))
    document = {"cartItem": [{"id": f"item{number}"} for number in range(2_000)]}

    assert not Matcher(wanted, looked.append).fits(document)
    assert looked == [2_000]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("amount=x,19.9,true", True),
        ("amount.gt=100,19,text", True),
        ("amount.lt=1,19.9", False),
        ("preferred=1,true", True),
        ("preferred=1,false", False),
        ("created=2026-03-01T13:00:00%2B01:00,x", True),
        ("created.gt=2026-03-02,2026-02-01", True),
        ("created.gt=2026-03-02,2026-03-03", False),
        ("name.lt=A,Z", True),
        ("name.gt=Z,z", False),
        ("id=other;name=~more", True),
        ("id=other;amount>20;name=~^more", False),
    ],
)
def test_alternatives_of_several_types_hold_where_one_alone_would(query, fits):
    assert Matcher(parsed(query)).fits(CART) is fits


NAMED = decode_stored(
    """{"name": "Miller, Anna; \\"Ann\\"", "other": "\\"quoted\\"", "amount": 2, "inches": "5\\" disk, old"}"""
)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ('name="Miller, Anna; ""Ann"""', True),
        ("name=%22Miller%2C+Anna%3B+%22%22Ann%22%22%22", True),
        ('name.eq="Miller, Anna; ""Ann"""', True),
        ('name=="Miller, Anna; ""Ann"""', True),
        ('name=x,"Miller, Anna; ""Ann""",y', True),
        ('amount=3;name="Miller, Anna; ""Ann"""', True),
        ('amount>3;name=="Miller, Anna; ""Ann"""', True),
        ('name>="Miller, Anna; ""Ann"""', True),
        ('name.gt="Miller, Anna; ""Ann"""', False),
        ('name.regex="Anna; "', True),
        ('name="Miller, Anna"', False),
        # Without quotes, and percent-encoded or not, a comma stands between values.
        ("name=Miller%2C Anna", False),
        ("name=Miller, Anna; ", False),
        # A quote that begins no value, or is not closed, is a quote.
        ('inches=5" disk', False),
        ('inches.regex=5" disk, old', True),
        ('other=""', False),
        ('other="""quoted"""', True),
        ('other="quoted"', False),
        ('other.regex="""quoted"', True),
        ('amount="2"', True),
        ('amount="2",3', True),
        ('amount="2', False),
        ('amount="3,2', True),
    ],
)
def test_values_in_quotes_may_hold_commas_and_semicolons(query, fits):
    assert Matcher(parsed(query)).fits(NAMED) is fits


def test_many_quotes_cost_no_more_than_other_text():
    started = time.process_time()

    for text in ('"' * 2_000, '"a' * 1_000, ',"' * 1_000, '="' * 1_000 + "x"):
        problems_of(f"a={text}")
    assert time.process_time() - started < 1.0
