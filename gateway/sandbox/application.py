"""One call from request to reply: faults before, authentication, the order intake, faults after."""

from __future__ import annotations

import asyncio
import email.utils
import time
import traceback
from dataclasses import dataclass, field
from typing import Literal

from gateway.sandbox.answers import Answer, RefusedError, json_answer, platform_error, tmf_error
from gateway.sandbox.catalog import load_catalog
from gateway.sandbox.control import CONTROL_ROOT, control
from gateway.sandbox.faults import Fault, FaultDice, Scope, Strike
from gateway.sandbox.hostile.state import Ending as HostileEnding
from gateway.sandbox.hostile.state import SentAnswer
from gateway.sandbox.hostile.system import Hostility
from gateway.sandbox.intake import Call, OrderIntake
from gateway.sandbox.ledger import CallTally, Ledger
from gateway.sandbox.misbehaviours import MISBEHAVIOURS
from gateway.sandbox.notifications import Event, Notifier
from gateway.sandbox.options import API_ROOTS, SandboxOptions
from gateway.sandbox.plain.system import PlainIntake
from gateway.sandbox.salesforce.system import SalesforceIntake
from gateway.sandbox.tokens import TOKEN_PATH, TokenEndpoint
from gateway.sandbox.wire import Request

Ending = Literal["cut", "cut-without-length"] | HostileEnding

_ENDINGS: dict[str, Ending] = {"reset-after": "reset", "silent-after": "silent", "cut-body": "cut"}
_LATE = "late-commit"
_SERVER_ERRORS = (500, 502, 503, 504)
RETRY_AFTER_SECONDS = 1


@dataclass(slots=True)
class Reply:
    """What goes back over the wire, how the answer ends, and the notifications that follow it."""

    answer: Answer
    ending: Ending = "whole"
    events: list[tuple[Event, frozenset[str]]] = field(default_factory=list)


class Application:
    """The sandbox behind its sockets."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.dice = FaultDice(options.faults, options.seed)
        self.tally = CallTally()
        self.ledger = Ledger(options.ledger_path)
        self.notifier = Notifier(options, self.dice)
        self.tokens = TokenEndpoint(options)
        self._late: list[asyncio.TimerHandle] = []
        self._root = API_ROOTS[options.mapping]
        kind = SalesforceIntake if options.mapping == "salesforce-v4" else PlainIntake
        self.intake: OrderIntake = kind(options, load_catalog(options.catalog_path), self.ledger, self.notifier)
        self.hostility = Hostility(self.intake, options.faults, options.seed)

    def replace_faults(self, faults: tuple[Fault, ...]) -> None:
        """Switch on exactly these faults from now on."""
        self.dice.replace(faults)
        self.hostility.replace(faults)

    def queue_faults(self, names: list[str]) -> None:
        """Let the next calls that change something suffer these, one name each. ValueError for one that cannot strike such a call."""
        struck = ("create", "change", "submit", "write")
        hostile = {name for name in names if name in MISBEHAVIOURS and MISBEHAVIOURS[name].strikes in struck}
        self.dice.queue([name if name not in hostile else "none" for name in names])
        for name in names if hostile or self.hostility.state.queued else ():
            self.hostility.state.queue(name if name in hostile else "none")

    async def reply(self, request: Request) -> Reply:
        """Return the reply to one request."""
        if request.path.startswith(CONTROL_ROOT):
            return Reply(control(self, request))
        scope = _scope(request)
        strike = self.dice.strike(scope, is_patch=request.method == "PATCH")
        reply = await self._struck(request, strike)
        # A call that was refused before a half of it could be done was not disturbed.
        undisturbed = strike.half and reply.answer.status < _SERVER_ERRORS[0]
        self.tally.count("token" if scope == "token" else request.method, None if undisturbed else strike.name)
        return reply

    async def _struck(self, request: Request, strike: Strike) -> Reply:
        """Return the reply to a call that suffers `strike`."""
        if strike.latency_seconds:
            await asyncio.sleep(strike.latency_seconds)
        if self.hostility.state.queued and (strike.before or strike.after == _LATE) and _scope(request) == "write":
            self.hostility.pass_over()
        if strike.before is not None:
            return Reply(self._refusal_before(strike))
        if strike.after == _LATE:
            timer = asyncio.get_running_loop().call_later(self.options.late_seconds, self._commit_late, request)
            self._late.append(timer)
            return Reply(Answer(202), "silent")
        events: list[Event] = []
        told = await self._sent_answer(request, strike, events)
        answer = told.answer
        events = self.hostility.events(events)
        rest = await self.notifier.before_answer(events)
        if strike.after == "error-after":
            answer = self._server_error(strike.variant)
        ending: Ending = _ENDINGS.get(strike.after or "", told.ending)
        if ending == "cut" and strike.variant < 0.5:  # noqa: PLR2004 - one half of the cuts
            ending = "cut-without-length"
        return Reply(answer, ending, rest)

    async def _sent_answer(self, request: Request, strike: Strike, events: list[Event]) -> SentAnswer:
        """Let a call happen as the misbehaviours that are switched on want it."""
        answered = False

        def perform(changed: Request) -> Answer:
            caused: list[Event] = []
            answer = self._answer_or_refusal(changed, strike, caused)
            if answered:  # the call takes effect after its answer
                for event in self.hostility.events(caused):
                    self.notifier.send(event)
            else:
                events.extend(caused)
            return answer

        if not request.path.startswith(self._root + "/"):
            return SentAnswer(perform(request))
        told = await self.hostility.answer(request, self._tail(request), perform)
        answered = True
        return told

    def _commit_late(self, request: Request) -> None:
        """Do what a call asked for, long after it came."""
        events: list[Event] = []
        self.hostility.late(
            request, self._tail(request), lambda changed: self._answer_or_refusal(changed, Strike(), events)
        )
        for event in events:
            self.notifier.send(event)

    def _answer_or_refusal(self, request: Request, strike: Strike, events: list[Event]) -> Answer:
        try:
            return self._answer(request, strike, events)
        except RefusedError as refusal:
            return refusal.answer
        except Exception:  # noqa: BLE001 - a defect in here must look like the 500 it would be elsewhere
            traceback.print_exc()
            return self.intake.server_error()

    def _answer(self, request: Request, strike: Strike, events: list[Event]) -> Answer:
        if request.path == TOKEN_PATH:
            return self.tokens.issue(request, self.intake.instance_url)
        if not self.tokens.accepts(request):
            raise self._unauthorized()
        if not request.path.startswith(self._root + "/"):
            raise self._error(404, "NOT_FOUND", "60", f"nothing is served here; the API root is {self._root}")
        _check_media_type(self.options, request)
        return self.intake.handle(Call(request, self._tail(request), half=strike.half, events=events))

    def _tail(self, request: Request) -> tuple[str, ...]:
        """Return the path below the API root."""
        return tuple(request.path.removeprefix(self._root + "/").removesuffix("/").split("/"))

    def _unauthorized(self) -> RefusedError:
        if self.options.mapping == "salesforce-v4":
            return platform_error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return tmf_error(401, "42", "Expired or missing credentials", "send a bearer token from " + TOKEN_PATH)

    def _error(self, status: int, error_code: str, code: str, message: str) -> RefusedError:
        if self.options.mapping == "salesforce-v4":
            return platform_error(status, error_code, message)
        return tmf_error(status, code, error_code, message)

    def _refusal_before(self, strike: Strike) -> Answer:
        if strike.before == "throttle":
            moment = str(RETRY_AFTER_SECONDS)
            if self.intake.profile.retry_after == "date":
                moment = email.utils.formatdate(time.time() + RETRY_AFTER_SECONDS, usegmt=True)
            answer = self._error(429, "TOO_MANY_REQUESTS", "29", "too many requests").answer
            return Answer(answer.status, answer.body, (("Retry-After", moment),))
        if strike.before == "request-limit":
            return self._error(403, "REQUEST_LIMIT_EXCEEDED", "53", "TotalRequests Limit exceeded.").answer
        return self._server_error(strike.variant)

    def _server_error(self, variant: float) -> Answer:
        """Return one of the four 5xx; those of a proxy come without JSON."""
        status = _SERVER_ERRORS[min(int(variant * len(_SERVER_ERRORS)), len(_SERVER_ERRORS) - 1)]
        if status in (502, 504):
            page = f"<html><body><h1>{status}</h1></body></html>"
            return Answer(status, page.encode(), content_type="text/html")
        return self._error(status, "SERVER_UNAVAILABLE", "1", "the server is temporarily unavailable").answer

    async def close(self) -> None:
        """Stop every timer and every delivery, and close the ledger."""
        for timer in self._late:
            timer.cancel()
        self.hostility.close()
        for order in self.intake.book.orders.values():
            self.intake.walk.stop(order)
        await self.notifier.close()
        self.ledger.close()


def _scope(request: Request) -> Scope:
    if request.path == TOKEN_PATH:
        return "token"
    return "read" if request.method in ("GET", "HEAD") else "write"


def _check_media_type(options: SandboxOptions, request: Request) -> None:
    if request.method not in ("POST", "PATCH"):
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    allowed = {"application/json"}
    if request.method == "PATCH" and options.mapping == "tmf622-v5":
        allowed |= {"application/merge-patch+json", "application/json-patch+json"}
    if media_type in allowed:
        return
    message = f"Content-Type must be {' or '.join(sorted(allowed))}"
    if options.mapping == "salesforce-v4":
        raise platform_error(415, "UNSUPPORTED_MEDIA_TYPE", message)
    raise tmf_error(415, "27", "Unsupported media type", message)


def error_answer(status: int, message: str) -> Answer:
    """Answer bytes that were not a request."""
    return json_answer(status, {"code": str(status), "reason": "Bad request", "message": message})
