"""Logs: one JSON object a line (a readable form on a terminal), with ids and attribute paths, never values of documents.

Everything goes to standard error, in one stream: our events, and what uvicorn, httpx, SQLAlchemy and Python itself log.
A last processor lets only scalars, short texts and lists of them through, with control characters escaped, so that a
mistake in a call cannot write a document or forge a line.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from gateway.settings import LogSettings

TEXT_CHARACTERS_MAX: Final = 200
LIST_ITEMS_MAX: Final = 50
FRAMES_MAX: Final = 40
# Chatty or value-carrying libraries: httpx logs whole URLs at INFO, SQLAlchemy statements with their parameters.
_QUIET: Final = ("httpx", "httpcore", "sqlalchemy", "alembic", "asyncio", "uvicorn.access")
# The X-Correlation-ID of the request that this task answers.
correlation: ContextVar[bytes | None] = ContextVar("correlation", default=None)
# The W3C traceparent that it named, if it named one.
trace_parent: ContextVar[str | None] = ContextVar("trace_parent", default=None)
# What only the gateway writes: a mistake in an operator's file says at its end what would be right.
_OWN_KEYS: Final = frozenset({"event", "level", "logger", "mistake", "timestamp", "traceback"})


@contextmanager
def on_behalf_of(correlation_id: str | None, parent: str | None) -> Iterator[None]:
    """Work on what a request asked for earlier: log lines and calls to the order system carry its ids, and no others."""
    before = (
        correlation.set(correlation_id.encode("latin-1") if correlation_id is not None else None),
        trace_parent.set(parent),
    )
    try:
        yield
    finally:
        correlation.reset(before[0])
        trace_parent.reset(before[1])


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every log record of the process to `stream` (standard error when None) in the form of `settings`."""
    target = sys.stderr if stream is None else stream
    console = settings.format == "console" or (settings.format == "auto" and target.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_correlation,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        strip_exception,
        keep_values_out,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=target.isatty())
        if console
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; bind ids to it, as in `get_logger("gateway.submission").bind(checkout=...)`.

    Args:
        name: the module's `__name__`. What is logged is an event's name with values: no personal data, no body.

    Raises:
        Nothing.

    Source: structlog; `logs.py` says what a line looks like.
    """
    return structlog.stdlib.get_logger(name)


def add_correlation(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Add the correlation id of the request under way, or of the one whose checkout is worked on, and the trace it is part of."""
    identifier, parent = correlation.get(), trace_parent.get()
    if identifier is not None:
        event.setdefault("correlation", identifier.decode("latin-1"))
    if parent is not None:
        event.setdefault("trace_id", parent.split("-")[1])
    return event


def strip_exception(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace `exc_info` by the exception's type and stack: its message may quote what a client sent."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    exception = info[1] if isinstance(info, tuple) else info
    if isinstance(exception, BaseException):
        event["error"] = type(exception).__name__
        event["traceback"] = safe_traceback(exception)
    return event


def keep_values_out(_logger: Any, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Let through numbers, short texts and short lists of them; name the type of everything else instead of its value."""
    return {
        key: value if key.startswith("_") or key == "traceback" else _harmless(key, value)
        for key, value in event.items()
    }


def _harmless(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        escaped = value if value.isprintable() else "".join(_escaped(character) for character in value)
        limit = TEXT_CHARACTERS_MAX * 5 if key in _OWN_KEYS else TEXT_CHARACTERS_MAX
        return escaped if len(escaped) <= limit else f"{escaped[:limit]}... ({len(value)} characters)"
    if isinstance(value, list | tuple) and len(value) <= LIST_ITEMS_MAX:
        return [_harmless("", entry) for entry in value]
    return f"<{type(value).__name__}>"


def _escaped(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def safe_traceback(exception: BaseException) -> list[str]:
    """Return where `exception` came from, one line a frame, causes first; types and places only, never messages."""
    lines: list[str] = []
    chain: list[BaseException] = []
    current: BaseException | None = exception
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    for link in reversed(chain):
        lines += _frames(link.__traceback__)
        lines.append(type(link).__qualname__)
    return lines[-FRAMES_MAX:]


def _frames(start: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(start)]
