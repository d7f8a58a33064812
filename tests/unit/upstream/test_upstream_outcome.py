from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ordering.mapping.model import Answers, Api, Mapping
from gateway.upstream import (
    Accepted,
    Duplicate,
    NotExecuted,
    NotSent,
    Rejected,
    Unknown,
    classify,
    created_order_id,
)
from gateway.upstream.answers import MESSAGE_CHARACTERS_MAX

PLAIN = Mapping(name="plain", api=Api(resource="productOrder"))
VENDOR = Mapping(
    name="vendor",
    api=Api(resource="productorder"),
    answers=Answers(
        throttle_codes=("REQUEST_LIMIT_EXCEEDED",),
        expired_codes=("INVALID_SESSION_ID",),
        too_large_codes=("System.LimitException", "TOO_BIG"),
        duplicate_codes=("DUPLICATE_VALUE",),
        unavailable_not_executed=True,
    ),
)
ORDER = {"id": "00000001", "state": "Draft"}


def platform(code: str, message: str = "text") -> list[dict[str, str]]:
    return [{"errorCode": code, "message": message}]


def tmf(code: str, reason: str = "reason") -> dict[str, str]:
    return {"code": code, "reason": reason, "message": "text", "status": "400"}


UNREADABLE = object()


@pytest.mark.parametrize(
    ("status", "document", "call", "kind"),
    [
        (200, ORDER, "create", Accepted),
        (201, ORDER, "create", Accepted),
        (201, {"id": 17}, "create", Accepted),
        (202, {"status": "queued"}, "create", Unknown),
        (202, None, "create", Unknown),
        (204, None, "create", Unknown),
        (201, {"id": ""}, "create", Unknown),
        (201, {"id": None}, "create", Unknown),
        (201, {"id": True}, "create", Unknown),
        (201, {"id": "a/b"}, "create", Unknown),
        (201, {"id": "x" * 256}, "create", Unknown),
        (201, UNREADABLE, "create", Unknown),
        (201, [ORDER], "create", Unknown),
        (201, "text", "create", Unknown),
        (200, platform("APEX_ERROR"), "create", Unknown),
        (204, None, "change", Accepted),
        (200, None, "change", Accepted),
        (202, None, "change", Accepted),
        (200, ORDER, "change", Accepted),
        (200, {"state": "Draft"}, "change", Accepted),
        (200, UNREADABLE, "change", Unknown),
        (200, platform("APEX_ERROR"), "change", Unknown),
        (200, tmf("5"), "change", Unknown),
        (201, {"id": "c1"}, "cancel", Accepted),
        (204, None, "delete", Accepted),
        (404, tmf("60"), "delete", Accepted),
        (410, None, "delete", Accepted),
        *((status, None, "create", Unknown) for status in (301, 302, 303, 304, 307, 308)),
        *((status, None, "change", Unknown) for status in (408, 425, 499, 460, 500, 501, 502, 503, 504, 520, 599)),
        *((status, None, "create", Rejected) for status in (400, 403, 404, 405, 406, 410, 412, 415, 422, 428)),
        (401, None, "create", NotExecuted),
        (429, None, "create", NotExecuted),
        (503, None, "create", Unknown),
        (409, None, "create", Duplicate),
        (409, None, "change", Rejected),
        (413, None, "create", Rejected),
    ],
)
def test_the_usual_reading_of_answers(status, document, call, kind):
    outcome = classify(
        status,
        {},
        None if document is UNREADABLE else document,
        PLAIN,
        call=call,
        unreadable=document is UNREADABLE,
    )
    assert isinstance(outcome, kind), outcome


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (403, platform("REQUEST_LIMIT_EXCEEDED"), NotExecuted("403 REQUEST_LIMIT_EXCEEDED: text", None, "throttled")),
        (503, platform("REQUEST_LIMIT_EXCEEDED"), NotExecuted("503 REQUEST_LIMIT_EXCEEDED: text", None, "throttled")),
        (503, None, NotExecuted("503", None, "busy")),
        (401, platform("INVALID_SESSION_ID"), NotExecuted("401 INVALID_SESSION_ID: text", None, "unauthorised")),
        (403, platform("INVALID_SESSION_ID"), NotExecuted("403 INVALID_SESSION_ID: text", None, "unauthorised")),
        (500, platform("INVALID_SESSION_ID"), Unknown("500 INVALID_SESSION_ID: text")),
        (500, platform("REQUEST_LIMIT_EXCEEDED"), Unknown("500 REQUEST_LIMIT_EXCEEDED: text")),
        (403, platform("INSUFFICIENT_ACCESS"), Rejected(403, "INSUFFICIENT_ACCESS", "403 INSUFFICIENT_ACCESS: text")),
        (
            500,
            platform("APEX_ERROR", "System.LimitException: CPU"),
            Rejected(500, "APEX_ERROR", "500 APEX_ERROR: System.LimitException: CPU", too_large=True),
        ),
        (500, platform("APEX_ERROR", "NullPointer"), Unknown("500 APEX_ERROR: NullPointer")),
        (400, platform("TOO_BIG"), Rejected(400, "TOO_BIG", "400 TOO_BIG: text", too_large=True)),
        (400, platform("DUPLICATE_VALUE"), Duplicate(400, "400 DUPLICATE_VALUE: text")),
        (500, platform("DUPLICATE_VALUE"), Unknown("500 DUPLICATE_VALUE: text")),
        (400, tmf("24"), Rejected(400, "24", "400 24: reason: text")),
        (
            400,
            {"error": {"code": "E1", "message": "nested"}},
            Rejected(400, "E1", "400 E1: nested"),
        ),
    ],
)
def test_what_a_mapping_adds_and_both_error_envelopes(status, document, expected):
    found = classify(status, {}, document, VENDOR)
    # Its reasons one by one: see test_reasons_of_refusals.py.
    assert (replace(found, reasons=()) if isinstance(found, Rejected) else found) == expected


def test_a_code_anywhere_in_a_platform_array_counts():
    assert isinstance(classify(403, {}, platform("A") + platform("REQUEST_LIMIT_EXCEEDED"), VENDOR), NotExecuted)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "86400"}, 900),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT", "date": "Sun, 01 Mar 2026 12:00:00 GMT"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT", "date": "Sun, 01 Mar 2026 12:00:00 GMT"}, 1),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, None),
        ({"retry-after": "Sun, 99 Foo 2026", "date": "x"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_clamped(headers, seconds):
    assert classify(429, headers, None, PLAIN).retry_after_seconds == seconds


def test_details_are_cut_and_lose_their_control_characters():
    message = "line\r\nbreak\x00\x1b[31m\u2028\u202e\U00018cd6\ud800" + "x" * 10_000
    detail = classify(400, {}, tmf("C\n1", message), PLAIN).detail
    assert detail.startswith("400 C 1: line break [31m xxx")
    assert detail.isprintable()
    assert len(detail) <= MESSAGE_CHARACTERS_MAX + len("400 C 1: ")


@pytest.mark.parametrize(
    ("document", "location", "order_id"),
    [
        ({"id": "1"}, None, "1"),
        ({"id": "1"}, "/api/productOrder/2", "1"),
        (None, "/api/productOrder/2", "2"),
        (None, "https://host/api/PRODUCTORDER/a%20b/", None),
        (None, "https://host/api/productorder/2/?x=1", "2"),
        (None, "/services/Order/801000000000001", None),
        (None, "/api/productOrder/..%2F..%2Fx", None),
        (None, "/api/productOrder", None),
        (None, "http://[", None),
        (None, "", None),
    ],
)
def test_the_id_of_a_created_order_comes_from_the_body_or_from_location(document, location, order_id):
    assert created_order_id(Accepted(201, document, location), PLAIN) == order_id
    outcome = classify(201, {"location": location or ""}, document, PLAIN)
    assert isinstance(outcome, Unknown if order_id is None else Accepted)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "code", "errorCode", "error", "errors", "message", "reason", "status"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(200, 599),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date", "location"]), st.text()),
    document=documents,
    call=st.sampled_from(["create", "change", "cancel", "delete"]),
    unreadable=st.booleans(),
    mapping=st.sampled_from([PLAIN, VENDOR]),
)
def test_every_answer_has_a_meaning_and_uncertain_ones_are_unknown(
    status, headers, document, call, unreadable, mapping
):
    outcome = classify(status, headers, None if unreadable else document, mapping, call=call, unreadable=unreadable)
    assert not isinstance(outcome, NotSent)
    if isinstance(outcome, Accepted):
        assert status < 300 or (call == "delete" and status in {404, 410})
        assert status >= 300 or not unreadable
    if status in {408, 500, 502, 504} or 300 <= status < 400:
        assert isinstance(outcome, Unknown) or outcome.too_large
    if isinstance(outcome, Rejected | Duplicate):
        assert status >= 400
    detail = getattr(outcome, "detail", "")
    assert detail.isprintable()
    assert len(detail) < 400
    waiting = getattr(outcome, "retry_after_seconds", None)
    assert waiting is None or 1 <= waiting <= 900
