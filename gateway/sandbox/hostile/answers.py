"""Misbehaviours of the answer to a call that changes something: its status, its form, its bytes, and what it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.sandbox.answers import Answer, decode, json_answer, platform_error, tmf_error
from gateway.sandbox.hostile.forms import FORMS, SOFT_ERROR, location, number_of
from gateway.sandbox.hostile.requests import changed_request
from gateway.sandbox.hostile.state import Incoming, SentAnswer, State
from gateway.sandbox.misbehaviours import RETRY_AFTER

_REFUSALS: Final = (400, 403, 404, 409, 413, 422)


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
    return FORMS[name](state, call, answer) if name in FORMS and succeeded else SentAnswer(answer)


def perform(state: State, call: Incoming, name: str = "", *, request: bool = True) -> Answer:
    """Let the call take effect once, changed as `name` wants it."""
    return call.perform(changed_request(state, call.request, name, call.flags) if request else call.request)


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
    number = number_of(answer)
    if number:
        now = state.clock.monotonic()
        state.memory(number).hidden.append((now, now + 1.0))
    return location(state, call, answer)


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
    before, memory.shown_state = memory.shown_state, draft
    state.later(3.0, lambda: setattr(memory, "shown_state", before))
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
    "soft-error": lambda _state, _call, _name: SentAnswer(SOFT_ERROR),
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
