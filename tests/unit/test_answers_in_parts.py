"""An answer in parts is the answer of the whole: the same headers and bytes, small parts together, none for HEAD."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.http.answers import SENT_BYTES_MIN, Answer, AnswerInParts

PARTS = {
    "small": [b"[", b"1", b",", b"2", b"]"],
    "large": [b"[", b" " * (SENT_BYTES_MIN + 1), b"1", b"]"],
    "none": [],
}


async def sent(answer: Answer, method: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        messages.append(message)

    await answer({"method": method}, None, send)  # type: ignore[arg-type]
    return messages


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
async def test_parts_are_sent_as_the_whole_would_be(parts: list[bytes], method: str) -> None:
    start, *bodies = await sent(AnswerInParts(parts), method)
    whole_start, whole = await sent(Answer(b"".join(parts)), method)
    assert start == whole_start
    assert b"".join(each["body"] for each in bodies) == whole["body"]
    assert [each["more_body"] for each in bodies] == [True] * (len(bodies) - 1) + [False]
    assert len(bodies) <= 2
