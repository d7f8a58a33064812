"""What is refused in a body, and where the answer says it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malformed_bodies import KINDS, calm_collector, growth, malformed, seconds_of

from gateway.errors import MalformedBodyError
from gateway.tmf.json import decode_json

DEEP = 40
ADDITIONS_SECONDS = 0.02
# Members in their order, a name as often as it is drawn; names that look like JSON are among them.
NAMES = st.sampled_from(["a", "b", "", ":", '{"a":1}', "[[", "\n", "é", "\u2028"])


def written(node: Any, blank: str) -> str:
    """Write a node as JSON: a list of pairs is an object, a tuple an array, a text itself, a number as its digits."""
    if isinstance(node, list):
        members = [f"{written(name, '')}:{blank}{written(value, blank)}" for name, value in node]
        return "{" + f",{blank}".join(members) + "}"
    if isinstance(node, tuple):
        return "[" + f",{blank}".join(written(child, blank) for child in node) + "]"
    if isinstance(node, str):
        return '"' + node.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return str(node)


NODES = st.recursive(
    NAMES | st.sampled_from([0, 19.9, "1E+5", "x" * 40]),
    lambda inside: st.lists(st.tuples(NAMES, inside), max_size=4) | st.lists(inside, max_size=4).map(tuple),
    max_leaves=12,
)


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
        (b'{"a": [1, 2', "ends in the middle"),
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


@given(node=NODES, depth_max=st.integers(1, 5))
def test_blanks_between_tokens_change_nothing(node: Any, depth_max: int):
    said = []
    for blank in ("", " ", "\n  "):
        try:
            decoded: Any = decode_json(written(node, blank).encode(), depth_max=depth_max)
        except MalformedBodyError as error:
            # Where the byte stands does depend on the blanks; the path does not.
            decoded = [problem.path for problem in error.problems]
        said.append(decoded)
    assert said[0] == said[1] == said[2]


@given(node=NODES)
def test_every_repeated_name_is_refused_and_no_other(node: Any):
    def repeats(node: Any) -> bool:
        if isinstance(node, list):
            return len({name for name, _ in node}) < len(node) or any(repeats(value) for _, value in node)
        return isinstance(node, tuple) and any(map(repeats, node))

    raw = written(node, "").encode()
    if repeats(node):
        with pytest.raises(MalformedBodyError, match="repeats a name"):
            decode_json(raw)
    else:
        decode_json(raw)


@pytest.mark.parametrize("opening_and_closing", ["[]", ("{" + '"a":', "}")])
@pytest.mark.parametrize("inside", ["", "1", "{}", "[]", '"[{"'])
@pytest.mark.parametrize("levels", range(4))
def test_as_deep_as_allowed_and_no_deeper(opening_and_closing: tuple[str, str], inside: str, levels: int):
    opening, closing = opening_and_closing
    raw = (opening * levels + (inside or "1") + closing * levels).encode()
    depth = levels + (inside in {"{}", "[]"})
    decode_json(raw, depth_max=max(depth, 1))
    if depth > 1:
        with pytest.raises(MalformedBodyError, match="nested deeper"):
            decode_json(raw, depth_max=depth - 1)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_at_the_edge_of_what_can_be_decoded_is_refused_like_any_other(opening: str, closing: str):
    # How deep the decoder gets depends on who calls it; the edge is somewhere among these.
    for levels in range(300, 1010):
        with pytest.raises(MalformedBodyError, match="nested deeper"):
            decode_json((opening * levels + "1" + closing * levels).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_body_takes_time_in_proportion_to_its_size(kind: str):
    with pytest.raises(MalformedBodyError):
        decode_json(malformed(kind, 10_000))
    assert growth(lambda size: seconds_of(decode_json, malformed(kind, size)), 256 * 1024) <= 2.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_malformed_body_is_refused_soon(kind: str):
    raw = malformed(kind, 1024 * 1024)
    # At most 0.05 s on a quiet machine of 2026 (one kind was hours once); a busy one takes the processor's caches away, and a slower
    # one, on which a million additions take more than 0.02 s, has as many times as long.
    slower = max(1.0, seconds_of(sum, range(1_000_000)) / ADDITIONS_SECONDS)
    least = float("inf")
    with calm_collector():
        for _ in range(20):
            least = min(least, seconds_of(decode_json, raw))
            if least < 0.05:
                break
    assert least < 0.1 * slower


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a":[' + b"[]," * 60_000 + b'"\xff"]}', "not valid UTF-8 (byte 180007)"),
        (b'{"a":[' + b"[]," * 60_000 + b"}", "invalid character (byte 180006)"),
        (b'{"a":[' + b"[]," * 60_000 + b"NaN]}", "byte 180006 must be a number"),
        (b'{"a":[' + b"[]," * 60_000 + b"[" * 33 + b"]" * 33 + b"]}", "nested deeper than 32 levels."),
        (b'{"a":[' + b"[]," * 60_000 + b"1e999]}", "cannot be kept"),
        (b'{"a":[' + b"[]," * 60_000 + b'1],"a":1}', "an object has a name more than once"),
        (b'{"a":[' + b"[]," * 60_000 + b'"\\u0000"]}', "A text holds the character U+0000"),
    ],
)
def test_behind_very_many_pieces_no_path_is_looked_for(raw: bytes, words: str):
    with pytest.raises(MalformedBodyError) as caught:
        decode_json(raw)
    assert words in caught.value.message
    assert [problem.path for problem in caught.value.problems] in ([""], [])


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a":{"b":["x\\\\","\\\\\\u0000"]}}', "a.b[1]"),
        (b'{"a":{"x\\u0000":1}}', "a"),
        (b'{"a":{"x\\ud800":1}}', "a"),
    ],
)
def test_what_is_wrong_inside_a_text_or_a_name_is_found(raw: bytes, path: str):
    with pytest.raises(MalformedBodyError) as caught:
        decode_json(raw)
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.parametrize("text", ["\\\\u0000", "\\\\\\\\u0000", "u0000"])
def test_an_escaped_backslash_before_u0000_is_no_nul(text: str):
    assert decode_json(f'{{"a":"{text}"}}'.encode())


LONG = "1" * 65


@pytest.mark.parametrize(
    "raw", [f'["{LONG}"]', f'{{"{LONG}": 1}}', f"[1e{'0' * 70}1]", f"[1e-{'0' * 70}1, 1E+{'0' * 70}1]"]
)
def test_digits_of_a_text_or_an_exponent_are_not_those_of_a_number(raw: str):
    decode_json(raw.encode())


@pytest.mark.parametrize(
    "raw", [f"[{LONG}]", f"[-{LONG}]", f'["{LONG}", 1e{"0" * 70}1, {LONG}]', f'{{"a": {LONG}}}', LONG]
)
def test_a_whole_number_of_too_many_digits_is_refused_wherever_it_is(raw: str):
    with pytest.raises(MalformedBodyError, match="more than 64 digits"):
        decode_json(raw.encode())


@pytest.mark.parametrize("raw", [b'{"a":["\\":"],"b":1}', rb'{ "a" : "x\":y" , "b" : "\":" }'])
def test_texts_that_look_like_names_are_not_counted_as_names(raw: bytes):
    assert len(decode_json(raw)) == 2


def test_behind_very_many_pieces_a_name_is_still_only_counted_where_it_is_one():
    many = b'{"a":[' + b'"\\":",' * 60_000 + b'1],"b"'
    assert len(decode_json(many + b":1}")) == 2
    with pytest.raises(MalformedBodyError, match="a name more than once"):
        decode_json(many.replace(b'"b"', b'"a"') + b":1}")


def test_objects_and_lists_without_anything_in_them_count_as_levels():
    assert decode_json(b"[" * 32 + b"]" * 32, depth_max=32)
    for inner in (b"[]", b"{}"):
        with pytest.raises(MalformedBodyError, match="nested deeper than 32 levels"):
            decode_json(b"[" * 32 + inner + b"]" * 32, depth_max=32)
