"""What happens during one claim of a checkout, for its history: calls and answers as they are made, reads as the client did them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from gateway.checkouts.stored.history import GATEWAY, Happening, Payload, new_entry_id
from gateway.settings import RetentionSettings
from gateway.tmf.redaction import redacted_body
from gateway.upstream.exchanges import Exchange
from gateway.upstream.outcome import Accepted, Outcome

# Larger bodies are redacted in a thread, while the answer is looked into.
INLINE_BYTES_MAX: Final = 2_048
_READ: Final = "GET"


class PayloadRules(Struct, frozen=True):
    """Which bodies are kept: none larger than `bytes_max`; of them the values of `attributes` besides those that are never personal."""

    bytes_max: int
    attributes: frozenset[str]


def payload_rules(settings: RetentionSettings) -> PayloadRules | None:
    """Return which bodies are kept; None when none are."""
    if not settings.payloads_days:
        return None
    return PayloadRules(settings.payload_bytes_max, frozenset(settings.payload_attributes))


class Recorder:
    """Collects what happens until it is taken to be stored with the next decision.

    `exchanges` is filled by the client of the order system while the claim is worked on. Bodies come a little later than their
    entries: they are redacted while the work goes on.
    """

    def __init__(self, upstream: str, exchanges: list[Exchange], rules: PayloadRules | None) -> None:
        self._upstream = upstream
        self._exchanges = exchanges
        self._rules = rules
        self._happened: list[Happening] = []
        self._payloads: list[Payload] = []
        self._redacting: list[asyncio.Task[list[Payload]]] = []

    def sent(self, action: str, at: datetime, body: bytes) -> Happening:
        """Note that a call is sent now; its entry is stored with the intent."""
        entry = Happening(
            id=new_entry_id(at), at=at, kind="call", by=GATEWAY, action=action, outcome="sent", byte_count=len(body)
        )
        self._happened.append(entry)
        return entry

    def answered(self, call: Happening, outcome: Outcome, at: datetime, body: bytes) -> None:
        """Note what came of a call whose body was `body`."""
        made = [exchange for exchange in self._exchanges if exchange.method != _READ]
        exchange = made[-1] if made else None
        self._exchanges[:] = [each for each in self._exchanges if each.method == _READ]
        word = type(outcome).__name__
        entry = Happening(
            id=new_entry_id(at),
            at=at,
            kind="answer",
            by=self._upstream,
            action=call.action,
            outcome=word[0].lower() + word[1:],
            milliseconds=exchange.milliseconds
            if exchange is not None
            else round((at - call.at).total_seconds() * 1000),
            byte_count=len(exchange.answer) if exchange is not None else None,
            detail=str(outcome.status) if isinstance(outcome, Accepted) else outcome.detail,
        )
        self._happened.append(entry)
        if self._rules is not None:
            self._keep(self._rules, call.id, body, entry.id, exchange.answer if exchange is not None else b"")

    async def taken(self, now: datetime, *, all_payloads: bool) -> tuple[tuple[Happening, ...], tuple[Payload, ...]]:
        """Return what happened since the last time; with `all_payloads` also bodies that are not ready yet."""
        self._note_reads(now)
        ready = [task for task in self._redacting if all_payloads or task.done()]
        if ready:
            self._redacting = [task for task in self._redacting if task not in ready]
            for found in await asyncio.gather(*ready):
                self._payloads += found
        taken = (tuple(self._happened), tuple(self._payloads))
        self._happened, self._payloads = [], []
        return taken

    def _keep(self, rules: PayloadRules, call_id: str, sent: bytes, answer_id: str, answer: bytes) -> None:
        if len(sent) + len(answer) <= INLINE_BYTES_MAX:
            self._payloads += _redacted(rules, call_id, sent, answer_id, answer)
        else:
            work = asyncio.to_thread(_redacted, rules, call_id, sent, answer_id, answer)
            self._redacting.append(asyncio.ensure_future(work))

    def _note_reads(self, now: datetime) -> None:
        reads, self._exchanges[:] = list(self._exchanges), []
        self._happened += read_entries(reads, now)


def read_entries(exchanges: Iterable[Exchange], now: datetime) -> list[Happening]:
    """Return an entry for each read."""
    found = []
    for exchange in exchanges:
        at = now - timedelta(seconds=time.monotonic() - exchange.began)
        found.append(
            Happening(
                id=new_entry_id(at),
                at=at,
                kind="poll",
                by=GATEWAY,
                action="read",
                outcome=str(exchange.status) if exchange.status is not None else "noAnswer",
                milliseconds=exchange.milliseconds,
                byte_count=len(exchange.answer),
                detail=exchange.detail,
            )
        )
    return found


def _redacted(rules: PayloadRules, call_id: str, sent: bytes, answer_id: str, answer: bytes) -> list[Payload]:
    request, replaced = redacted_body(sent, bytes_max=rules.bytes_max, kept=rules.attributes)
    shown, _ = redacted_body(answer, bytes_max=rules.bytes_max, kept=rules.attributes, said=replaced)
    return [
        Payload(history_id=call_id, document=request.decode()),
        Payload(history_id=answer_id, document=shown.decode()),
    ]
