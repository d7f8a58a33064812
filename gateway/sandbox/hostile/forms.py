"""Misbehaviours of the form of an answer to a call that took effect: its document, its bytes, and how it ends."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gateway.sandbox.answers import Answer, decode, encode, json_answer
from gateway.sandbox.hostile.state import Incoming, SentAnswer, State

_HTML: Final = b"<html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
BOMB_BYTES: Final = 12_000_000
_DEEP: Final = 3_000
SOFT_ERROR: Final = json_answer(200, {"code": "ERR-17", "reason": "the back end did not answer", "status": "error"})


@functools.cache
def bomb() -> bytes:
    """Return more zeros in gzip than anybody should unpack."""
    return gzip.compress(b"0" * BOMB_BYTES, 1)


Form = Callable[[State, Incoming, Answer], SentAnswer]


def _document(answer: Answer) -> dict[str, Any]:
    document = decode(answer.body)
    return document if isinstance(document, dict) else {}


def number_of(answer: Answer) -> str | None:
    """Return the id of the order that an answer names; None where it names none."""
    number = _document(answer).get("id") if answer.body else None
    return number if isinstance(number, str) else None


def _body(change: Callable[[bytes], bytes]) -> Form:
    return lambda _state, _call, answer: SentAnswer(replace(answer, body=change(answer.body)))


def _shape(change: Callable[[State, dict[str, Any]], Any]) -> Form:
    """Return the form in which the answer is another document, and no header names the order."""

    def form(state: State, _call: Incoming, answer: Answer) -> SentAnswer:
        return SentAnswer(json_answer(answer.status, change(state, _document(answer))))

    return form


def _ends(ending: Any) -> Form:
    return lambda _state, _call, answer: SentAnswer(answer, ending)


def location(state: State, call: Incoming, answer: Answer) -> SentAnswer:
    """Return the answer that names the order by its header alone."""
    path = f"{call.request.path.rstrip('/')}/{number_of(answer)}"
    return SentAnswer(Answer(202, b"", (("Location", state.intake.instance_url + path),)))


def _without(name: str) -> Callable[[State, dict[str, Any]], Any]:
    return lambda _state, document: {key: document[key] for key in document if key != name}


def _with_id(change: Callable[[str], Any]) -> Callable[[State, dict[str, Any]], Any]:
    return lambda _state, document: document | {"id": change(document["id"])}


def _first_item(_state: State, document: dict[str, Any]) -> Any:
    return document | {"productOrderItem": list(document.get("productOrderItem", ()))[:1]}


def _bomb(_state: State, _call: Incoming, answer: Answer) -> SentAnswer:
    return SentAnswer(Answer(answer.status, bomb(), (("Content-Encoding", "gzip"),)))


def _raw(head: bytes, *, cut: bool = False, tail: bytes = b"") -> Form:
    def form(_state: State, _call: Incoming, answer: Answer) -> SentAnswer:
        body = answer.body[: len(answer.body) // 2] if cut else answer.body
        return SentAnswer(Answer(answer.status, head + body + tail), "raw")

    return form


def _with_length(before: bytes, after: bytes = b"") -> Form:
    def form(_state: State, _call: Incoming, answer: Answer) -> SentAnswer:
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return SentAnswer(
            Answer(answer.status, before + head % (answer.status, len(answer.body)) + answer.body + after), "raw"
        )

    return form


_JSON_HEAD: Final = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
_SECOND: Final = (
    b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{"id": "00009999" }'
)
FORMS: Final[dict[str, Form]] = {
    "answer-empty": lambda _state, _call, _answer: SentAnswer(Answer(201)),
    "answer-html": lambda _state, _call, _answer: SentAnswer(Answer(200, _HTML, content_type="text/html")),
    "answer-location": location,
    "answer-list": _shape(lambda _state, document: [document]),
    "answer-wrapped": _shape(lambda _state, document: {"productOrder": document}),
    "answer-200": lambda _state, _call, answer: SentAnswer(replace(answer, status=200)),
    "answer-207": lambda _state, _call, answer: SentAnswer(replace(answer, status=207)),
    "answer-no-marker": _shape(_without("externalId")),
    "answer-id-number": _shape(_with_id(int)),
    "answer-id-stripped": _shape(_with_id(lambda number: number.lstrip("0"))),
    "answer-id-padded": _shape(_with_id(lambda number: f"{number} ")),
    "answer-id-cut": _shape(lambda _state, document: {"id": document["id"][:4]}),
    "answer-duplicate-names": lambda state, _call, answer: SentAnswer(
        Answer(answer.status, b'{"id":%s,' % encode(state.stranger().number) + answer.body.lstrip()[1:])
    ),
    "answer-nan": _body(lambda body: body.rstrip()[:-1] + b',"score":NaN}'),
    "answer-bom": _body(lambda body: b"\xef\xbb\xbf" + body),
    "answer-utf16": _body(lambda body: body.decode().encode("utf-16")),
    "answer-deep": _body(lambda body: body.rstrip()[:-1] + b',"deep":' + b"[" * _DEEP + b"]" * _DEEP + b"}"),
    "answer-text-type": lambda _state, _call, answer: SentAnswer(replace(answer, content_type="text/xml")),
    "answer-trailing": _body(lambda body: body + body),
    "answer-partial": _shape(_first_item),
    "soft-error-done": lambda _state, _call, _answer: SentAnswer(SOFT_ERROR),
    "id-by-event": lambda _state, _call, _answer: SentAnswer(Answer(202)),
    "foreign-id": _shape(lambda state, _document: {"id": state.stranger().number}),
    "foreign-order": _shape(lambda state, _document: state.intake.view(state.stranger())),
    "partial-lost": _ends("reset"),
    "submit-lost": _ends("reset"),
    "bytes-drip": _ends("drip"),
    "bytes-endless": _ends("endless"),
    "bytes-bomb": _bomb,
    "bytes-http10": _raw(_JSON_HEAD),
    "bytes-http10-cut": _raw(_JSON_HEAD, cut=True),
    "bytes-early-103": _with_length(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "bytes-second-answer": _with_length(b"", _SECOND),
    "bytes-close-after": _ends("closed"),
    "bytes-header-close": _ends("head-cut"),
}
"""Forms of the answer to a call that took effect."""
