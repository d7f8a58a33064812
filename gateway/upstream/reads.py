"""Reading from an order system: short bursts of tries, because a read is harmless, and every failure one exception.

This is the only place where a call is repeated by itself. A burst ends after a few tries, and before a wait that would
leave its total time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from collections.abc import Mapping as Headers
from typing import Any, Final

import msgspec
from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_before_delay

from gateway.documents import Json
from gateway.errors import MalformedBodyError
from gateway.threads import LARGE_BYTES_MIN, in_thread_if
from gateway.tmf.json import decode_json, encode_json
from gateway.upstream.answers import describe, vendor_error
from gateway.upstream.breaker import Breaker
from gateway.upstream.call_guard import CallGuard
from gateway.upstream.causes import Cause
from gateway.upstream.exchanges import noted_exchange
from gateway.upstream.handed_on import request_headers
from gateway.upstream.limiter import NoSlot
from gateway.upstream.options import UpstreamOptions, port_of
from gateway.upstream.outcome import NotExecuted, Outcome, Rejected, Unknown, classify
from gateway.upstream.port import ReadFailed
from gateway.upstream.transport import Answer, ExchangeFailed

ANSWER_DEPTH_MAX: Final = 100
BACKOFF_SECONDS_FIRST: Final = 0.2
BACKOFF_SECONDS_MAX: Final = 5.0
_CAUSE_OF: Final[dict[str, Cause]] = {
    "throttled": "throttled",
    "unauthorised": "credentials_refused",
    "busy": "waiting_retry",
}
_parts_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
HTTP_ERROR: Final = 400
NOT_FROM_A_CACHE: Final = {"Cache-Control": "no-cache"}
"""What is asked is how things stand now."""
HTTP_FORBIDDEN: Final = 403
HTTP_NOT_FOUND: Final = 404
NOT_THERE: Final = frozenset({HTTP_NOT_FOUND, 410})
"""Answers that say of one resource that it is not there, or not any more."""
HTTP_SERVER_ERROR: Final = 500


class Reading(Struct, frozen=True):
    """A successful answer to a read: its document (None when it has no body) and its headers with lower-case names."""

    document: Any
    headers: dict[str, str]


class _Transient(ReadFailed):
    """Another try may help."""


class Reader:
    """Reads below one API root. `sleep` and `jitter` (a number in [0, 1)) are given, so that tests need not wait."""

    def __init__(
        self,
        options: UpstreamOptions,
        guard: CallGuard,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._options = options
        self._guard = guard
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._port = port_of(options, keep_alive=True)

    def use(self, options: UpstreamOptions) -> None:
        """Read answers by the mapping of `options` from now on."""
        self._options = options

    async def read(self, url: str, parameters: Headers[str, str] | None = None, *, with_items: bool = True) -> Reading:
        """Return the answer to a GET once it is a success with an acceptable body; raises ReadFailed.

        Without `with_items` the items of an order are not part of what is returned.
        """
        ends_at = self._clock() + self._options.deadline_seconds
        burst = AsyncRetrying(
            sleep=self._sleep,
            stop=stop_after_attempt(self._options.read_attempts_max)
            | stop_before_delay(self._options.deadline_seconds),
            wait=self._wait_seconds,
            retry=retry_if_exception_type(_Transient),
            reraise=True,
        )
        return await burst(self._attempt, url, parameters, ends_at, with_items=with_items)

    async def probe(self, url: str, parameters: Headers[str, str]) -> bool:
        """Try one harmless read while the circuit is half-open; tells whether the circuit is closed now."""
        with contextlib.suppress(ReadFailed):  # a refusal is an answer, too: the circuit knows
            await self._attempt(url, parameters, self._clock() + self._options.deadline_seconds)
        return self._guard.breaker.state == "closed"

    async def close(self) -> None:
        """Close every connection."""
        await self._port.close()

    def _wait_seconds(self, state: RetryCallState) -> float:
        """Full jitter, and never earlier than the order system asked for."""
        failure = state.outcome.exception() if state.outcome else None
        asked_seconds = failure.retry_after_seconds if isinstance(failure, ReadFailed) else None
        ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2.0**state.attempt_number)
        return max(asked_seconds or 0.0, self._jitter() * ceiling)

    async def _attempt(
        self, url: str, parameters: Headers[str, str] | None, ends_at: float, *, with_items: bool = True
    ) -> Reading:
        breaker = self._guard.breaker
        probing = breaker.begin_probe()
        if not probing and breaker.state != "closed":
            raise circuit_open(breaker)
        answered: bool | None = None
        try:
            answer = await self._exchange(url, parameters, ends_at)
            document, unreadable = await decoded_answer(answer, with_items=with_items)
            outcome = classify(
                answer.status, answer.headers, document, self._options.mapping, call="change", unreadable=unreadable
            )
            answered = answer.status < HTTP_SERVER_ERROR or _is_too_large(outcome)
        except ExchangeFailed as failure:
            answered = failure.too_large
            if failure.too_large:
                raise ReadFailed(failure.detail, too_large=True) from None
            raise _Transient(
                failure.detail, retry_after_seconds=failure.retry_after_seconds, cause=failure.cause
            ) from None
        except NoSlot as refusal:
            raise ReadFailed(
                refusal.detail, retry_after_seconds=refusal.retry_after_seconds, cause=refusal.cause
            ) from None
        finally:
            if probing:
                breaker.end_probe(answered=answered)
            elif answered is not None:
                breaker.record(failed=not answered)
        self._guard.note(answer.status, outcome)
        if answer.status < HTTP_ERROR:
            return _success(answer, document, unreadable=unreadable)
        raise self._failure(answer, document, outcome, unreadable=unreadable)

    async def _exchange(self, url: str, parameters: Headers[str, str] | None, ends_at: float) -> Answer:
        async with self._guard.limiter.slot(within_seconds=self._options.slot_timeout_seconds):
            remaining_seconds = max(0.0, ends_at - self._clock())
            headers = {**NOT_FROM_A_CACHE, **request_headers(self._options.mapping)}
            return await noted_exchange(
                self._port, "GET", url, parameters=parameters, headers=headers, within_seconds=remaining_seconds
            )

    def _failure(self, answer: Answer, document: Any, outcome: Outcome, *, unreadable: bool) -> ReadFailed:
        detail, paused_seconds = describe(answer.status, vendor_error(document)), self._guard.limiter.paused_seconds
        if isinstance(outcome, NotExecuted) and outcome.kind != "unauthorised":
            return _Transient(
                detail, status=answer.status, retry_after_seconds=paused_seconds, cause=_cause_of(answer, outcome)
            )
        if isinstance(outcome, Unknown):
            return _Transient(detail, status=answer.status, cause=_cause_of(answer, outcome))
        if answer.status in NOT_THERE and unreadable:
            return ReadFailed(
                f"{answer.status} with a page instead of JSON: something before the order system answered"
            )
        return ReadFailed(
            detail,
            status=answer.status,
            retry_after_seconds=paused_seconds or None,
            too_large=_is_too_large(outcome),
            cause=_cause_of(answer, outcome),
        )


def _cause_of(answer: Answer, outcome: Outcome) -> Cause:
    """Return why an answer that is an error gave no order."""
    if isinstance(outcome, NotExecuted):
        return _CAUSE_OF[outcome.kind]
    if isinstance(outcome, Unknown):
        return "upstream_unreachable"
    return "credentials_refused" if answer.status == HTTP_FORBIDDEN else "unreadable_answer"


def _is_too_large(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejected) and outcome.too_large


def _success(answer: Answer, document: Any, *, unreadable: bool) -> Reading:
    if answer.status >= 300:  # noqa: PLR2004 - the class of redirections
        raise ReadFailed(f"{answer.status}: redirected; redirections are not followed", status=answer.status)
    if unreadable:
        raise _Transient(f"{answer.status} with a body that is not acceptable JSON", status=answer.status)
    return Reading(document, answer.headers)


def circuit_open(breaker: Breaker) -> ReadFailed:
    """Return the refusal to read while the circuit is open."""
    wait_seconds = breaker.retry_after_seconds
    return ReadFailed(
        "circuit open: too many recent calls failed", retry_after_seconds=wait_seconds, cause="circuit_open"
    )


async def decoded_answer(answer: Answer, *, with_items: bool = True) -> tuple[Json, bool]:
    """Return what `decode_answer` does; a large answer is decoded in a thread, so that nobody waits for it."""
    large = len(answer.body) > LARGE_BYTES_MIN
    return await in_thread_if(large, decode_answer, answer, with_items=with_items)


def decode_answer(answer: Answer, *, with_items: bool = True) -> tuple[Json, bool]:
    """Return the body as JSON and whether it is unreadable; an empty body is None and readable.

    Without `with_items` the items of an order are looked through for mistakes of JSON, but not made: a large order's answer
    to each of its many calls is otherwise the most that is to be done for it.
    """
    if not answer.body.strip():
        return None, False
    try:
        body = answer.body if with_items else _without_items(answer.body)
        return decode_json(body, depth_max=ANSWER_DEPTH_MAX), False
    except MalformedBodyError:
        return None, True


def _without_items(body: bytes) -> bytes:
    """Return the order in `body` without its items; what is not a JSON object is returned as it is."""
    try:
        parts = _parts_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    parts.pop("productOrderItem", None)
    return encode_json(parts)
