"""What is refused in a body, and where the answer says it is."""

from __future__ import annotations

import pytest

from gateway.errors import MalformedBodyError
from gateway.tmf.json import decode_json

DEEP = 40


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"quantity":1,"quantity":7}', "quantity"),
        (b'{"cartItem":[{},{"quantity" : 1, "quantity"\n: 7}]}', "cartItem[1].quantity"),
        (b'[[],"a",{"a":{"b":1,"\\u0062":2}}]', "[2].a.b"),
        (b'{"a":{"":1,"":2}}', "a."),
        (b'{"a":1e999999}', "a"),
        (b'{"x":[1,"1e999"],"a":{"b":[0.5,' + b"1" * 5000 + b"]}}", "a.b[1]"),
        (b'{"a":{"b":[' + b"1" * 70 + b"]}}", "a.b[0]"),
        (b'{"a":[1,-Infinity]}', "a[1]"),
        (b'{"\xc3\xa9":{"b":NaN}}', "é.b"),
        (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "a" + "[0]" * 31),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "a" + "[0]" * 31),
    ],
)
def test_the_path_of_what_is_wrong_is_named(raw: bytes, path: str):
    with pytest.raises(MalformedBodyError) as caught:
        decode_json(raw)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert path in caught.value.message


def test_every_repeated_name_is_listed():
    with pytest.raises(MalformedBodyError) as caught:
        decode_json(b'{"a":1,"a":2,"b":[{"c":1,"d":2,"c":3}],"a":4}')
    assert [problem.path for problem in caught.value.problems] == ["a", "b[0].c"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":":", "b":"\\":", "c":" :", "d":{"a":1}, "e":[{"a":{}},{"a":[]},[],"a","a"]}',
        b'{"a" :\t1, "b"\r\n:2, "https://example.com":"12:30"}',
        b'{"a":"\\\\","b":"{\\"a\\":1,\\"a\\":1}"}',
        b'{"a":1,"A":2}',
        b'["a":'[:4] + b"]",
        b'"a"',
    ],
)
def test_names_that_only_look_repeated_are_kept(raw: bytes):
    decode_json(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"aa":1,"b":["\xc3"]}', "UTF-8 (byte 14)"),
        (b"\xff{}", "UTF-8 (byte 0)"),
        (b'{"a":"\\ud800"}', "surrogate pair alone (byte 6)"),
        (b'{"a":"x\\\\u\\ud83d\\ude00","b":"\\udc00"}', "surrogate pair alone (byte 29)"),
        (b'{"a":"\\ud800x"}', "surrogate pair alone (byte 6)"),
        (b'{"a": [1, 2', "truncated"),
    ],
)
def test_the_byte_is_named_where_there_is_no_path(raw: bytes, words: str):
    with pytest.raises(MalformedBodyError) as caught:
        decode_json(raw)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"cartItem": [{"quantity": 1,}]}', "cartItem[0]"),
        (b'{"cartItem": [{"id": "\xff"}]}', "cartItem[0].id"),
        (b'{"a": [1, 2', "a[1]"),
        (b'{"a": {"b": "x', "a.b"),
        (b'{"a": {"b": "\\ud800"}}', "a.b"),
        (b'{"a": [{"b": 1 2}]}', "a[0].b"),
        (b'{"a": 1}}', ""),
    ],
)
def test_what_is_malformed_is_named_by_its_path_too(body: bytes, path: str):
    with pytest.raises(MalformedBodyError) as raised:
        decode_json(body)

    (problem,) = raised.value.problems
    assert problem.path == path
    assert "(byte " in problem.message
