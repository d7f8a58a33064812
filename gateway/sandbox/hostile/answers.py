"""Misbehaviours of the answer to a call that changes something: its status, its form, its bytes, and what it names."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from gateway.sandbox.answers import Answer, decode, encode, json_answer, platform_error, tmf_error
from gateway.sandbox.hostile.requests import changed_request
from gateway.sandbox.hostile.state import Incoming, SentAnswer, State
from gateway.sandbox.misbehaviours import RETRY_AFTER

_HTML: Final = b"<html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_REFUSALS: Final = (400, 403, 404, 409, 413, 422)
BOMB_BYTES: Final = 12_000_000
_DEEP: Final = 3_000
_SOFT_ERROR: Final = json_answer(200, {"code": "ERR-17", "reason": "the back end did not answer", "status": "error"})


@functools.cache
def bomb() -> bytes:
    """Return more zeros in gzip than anybody should unpack."""
    return gzip.compress(b"0" * BOMB_BYTES, 1)


def refusal(state: State, status: int, *, limit: bool = False, wait: str | None = "1") -> Answer:
    """Return a refusal in the words of the order system."""
    headers = (("Retry-After", wait),) if status == 429 and wait else ()  # noqa: PLR2004 - HTTP
    if limit:
        return platform_error(500, "APEX_ERROR", "System.LimitException: Apex CPU time limit exceeded").answer
    if state.intake.options.mapping == "salesforce-v4" and status in (401, 403, 405, 413, 429, 500, 503):
        return platform_error(status, "REFUSED", "the call is refused", headers).answer
    return tmf_error(status, "24", "Refused", "the call is refused", headers).answer


def answer_to(state: State, call: Incoming, name: str) -> SentAnswer:
    """Let one misbehaviour happen to a call; what it makes of the answer."""
    if name.startswith("retry-after-"):
        return SentAnswer(refusal(state, 429, wait=RETRY_AFTER[name.removeprefix("retry-after-")]))
    if name.startswith("refused-") and name[8:].isdigit():
        return SentAnswer(refusal(state, int(name[8:])))
    if name.startswith("done-") and name[5:].isdigit():
        perform(state, call, name)
        return SentAnswer(refusal(state, int(name[5:])))
    if name.startswith("replay-") and name[7:].isdigit():
        return _replayed_as(state, call, name, int(name[7:]))
    if name in _SPECIAL:
        return _SPECIAL[name](state, call, name)
    answer = perform(state, call, name)
    succeeded = 200 <= answer.status <= 299  # noqa: PLR2004 - the class of success
    return _FORMS[name](state, call, answer) if name in _FORMS and succeeded else SentAnswer(answer)


def perform(state: State, call: Incoming, name: str = "", *, request: bool = True) -> Answer:
    """Let the call take effect once, changed as `name` wants it."""
    return call.perform(changed_request(state, call.request, name) if request else call.request)


# -- refused, throttled, repeated ----------------------------------------------------------------------------------------


def _refused_but_done(state: State, call: Incoming, name: str) -> SentAnswer:
    perform(state, call, name)
    return SentAnswer(refusal(state, _REFUSALS[int(call.variant * len(_REFUSALS))]))


def _throttled_but_done(state: State, call: Incoming, name: str) -> SentAnswer:
    perform(state, call, name)
    return SentAnswer(refusal(state, 429))


def _limit_but_done(state: State, call: Incoming, name: str) -> SentAnswer:
    perform(state, call, name)
    return SentAnswer(refusal(state, 500, limit=True))


def _later(status: int, seconds: float) -> Callable[[State, Incoming, str], SentAnswer]:
    def function(state: State, call: Incoming, name: str) -> SentAnswer:
        state.later(seconds, lambda: perform(state, call, name))
        return SentAnswer(refusal(state, status) if status >= 300 else Answer(status))  # noqa: PLR2004 - not a success

    return function


def _duplicate(_state: State, _call: Incoming, _name: str) -> SentAnswer:
    return SentAnswer(tmf_error(409, "24", "DUPLICATE_VALUE", "an order with this externalId exists already").answer)


def _same_order(state: State, call: Incoming, name: str) -> SentAnswer:
    earlier = [order for order in state.intake.book.orders.values() if state.memory(order.number).ours]
    if not earlier:
        return SentAnswer(perform(state, call, name))
    return SentAnswer(json_answer(201, state.intake.view(earlier[-1])))


def _replayed(state: State, call: Incoming, name: str) -> SentAnswer:
    perform(state, call, name)
    return SentAnswer(perform(state, call, name))


def _replayed_as(state: State, call: Incoming, name: str, status: int) -> SentAnswer:
    perform(state, call, name)
    if call.kind != "create":
        perform(state, call, name)
    return SentAnswer(refusal(state, status))


def _replayed_later(seconds: float) -> Callable[[State, Incoming, str], SentAnswer]:
    def function(state: State, call: Incoming, name: str) -> SentAnswer:
        answer = perform(state, call, name)
        state.later(seconds, lambda: perform(state, call, name))
        return SentAnswer(answer)

    return function


# -- an answer that names no order, or another ---------------------------------------------------------------------------


def _stranger_id_only(state: State, _call: Incoming, _name: str) -> SentAnswer:
    return SentAnswer(json_answer(201, {"id": state.stranger().number}))


def _location_late(state: State, call: Incoming, name: str) -> SentAnswer:
    answer = perform(state, call, name)
    number = _number(answer)
    if number:
        now = state.clock.monotonic()
        state.memory(number).hidden.append((now, now + 1.0))
    return _location(state, call, answer)


def _redirect(status: int, *, done: bool) -> Callable[[State, Incoming, str], SentAnswer]:
    def function(state: State, call: Incoming, name: str) -> SentAnswer:
        if done:
            perform(state, call, name)
        return SentAnswer(Answer(status, b"", (("Location", "https://login.example/"),)))

    return function


def _closed_before(_state: State, _call: Incoming, _name: str) -> SentAnswer:
    return SentAnswer(Answer(200), "reset")


def _give_up_live(state: State, call: Incoming, name: str) -> SentAnswer:
    answer = perform(state, call, name)
    body = decode(call.request.body)
    order = state.intake.book.orders.get(call.number or "")
    if order is not None and order.is_draft and call.kind == "change" and "productOrderItem" not in body:
        state.intake.submit_by_hand(order)
    return SentAnswer(answer)


def _submit_nothing(state: State, call: Incoming, _name: str) -> SentAnswer:
    order = state.intake.book.orders.get(call.number or "")
    return SentAnswer(json_answer(200, state.intake.view(order)) if order is not None else refusal(state, 404))


def _submit_refused_stale(state: State, call: Incoming, name: str) -> SentAnswer:
    number = call.number or ""
    draft = state.intake.book.orders[number].state if number in state.intake.book.orders else None
    perform(state, call, name)
    memory = state.memory(number)
    memory.shown_state = draft
    state.later(3.0, lambda: setattr(memory, "shown_state", None))
    return SentAnswer(refusal(state, 409))


def _submit_gone_once(state: State, call: Incoming, name: str) -> SentAnswer:
    answer = perform(state, call, name)
    now = state.clock.monotonic()
    state.memory(call.number or "").hidden.append((now, now + 8.0))
    return SentAnswer(answer)


_SPECIAL: Final[dict[str, Callable[[State, Incoming, str], SentAnswer]]] = {
    "refused-but-done": _refused_but_done,
    "throttled-but-done": _throttled_but_done,
    "done-500-limit": _limit_but_done,
    "refused-then-done": _later(400, 4.0),
    "throttled-then-done": _later(429, 60.0),
    "duplicate-unfindable": _duplicate,
    "soft-error": lambda _state, _call, _name: SentAnswer(_SOFT_ERROR),
    "same-order": _same_order,
    "replay": _replayed,
    "replay-later": _replayed_later(30.0),
    "replay-of-another-day": _replayed_later(7200.0),
    "foreign-id-only": _stranger_id_only,
    "answer-location-late": _location_late,
    "redirect-301": _redirect(301, done=False),
    "redirect-301-done": _redirect(301, done=True),
    "redirect-307": _redirect(307, done=False),
    "bytes-close-before": _closed_before,
    "give-up-live": _give_up_live,
    "submit-nothing": _submit_nothing,
    "submit-later": _later(202, 2.5),
    "submit-much-later": _later(202, 20.0),
    "submit-refused-later": _later(400, 1.0),
    "submit-refused-stale": _submit_refused_stale,
    "submit-gone-once": _submit_gone_once,
}
"""What is more than a form of the answer."""

# -- the form of an answer -----------------------------------------------------------------------------------------------

Form = Callable[[State, Incoming, Answer], SentAnswer]


def _document(answer: Answer) -> dict[str, Any]:
    document = decode(answer.body)
    return document if isinstance(document, dict) else {}


def _number(answer: Answer) -> str | None:
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


def _location(state: State, call: Incoming, answer: Answer) -> SentAnswer:
    path = f"{call.request.path.rstrip('/')}/{_number(answer)}"
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
_FORMS: Final[dict[str, Form]] = {
    "answer-empty": lambda _state, _call, _answer: SentAnswer(Answer(201)),
    "answer-html": lambda _state, _call, _answer: SentAnswer(Answer(200, _HTML, content_type="text/html")),
    "answer-location": _location,
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
    "soft-error-done": lambda _state, _call, _answer: SentAnswer(_SOFT_ERROR),
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
