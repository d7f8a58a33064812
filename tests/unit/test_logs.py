"""Logs are one JSON object a line, and no value of a document or a message of an exception gets into them."""

from __future__ import annotations

import io
import json
import logging
import warnings
from typing import Any

import pytest
import structlog

from gateway.logs import configure_logging, correlation, get_logger, safe_traceback
from gateway.settings import LogSettings


def lines(whole_log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in whole_log.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_time_level_and_logger(whole_log: io.StringIO) -> None:
    get_logger("gateway.test").info("completed_step", checkout="c1", sequence=3, seconds=0.5, done=True, ids=["a", "b"])

    (line,) = lines(whole_log)

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "completed_step",
        "level": "info",
        "logger": "gateway.test",
        "checkout": "c1",
        "sequence": 3,
        "seconds": 0.5,
        "done": True,
        "ids": ["a", "b"],
    }


def test_documents_do_not_get_into_the_log(whole_log: io.StringIO) -> None:
    get_logger("gateway.test").info(
        "oops", cart={"name": "Erika"}, raw=b"Erika", many=["Erika"] * 51, odd=[{"n": "Erika"}]
    )

    (line,) = lines(whole_log)

    assert (line["cart"], line["raw"], line["many"], line["odd"]) == ("<dict>", "<bytes>", "<list>", ["<dict>"])


def test_a_mistake_in_a_file_is_told_to_its_end(whole_log: io.StringIO) -> None:
    mistake = f"/{'folder/' * 60}shop.toml: limits.items_max: must be an integer >= 1"
    get_logger("gateway.test").error("mappings.refused", mistake=mistake)

    (line,) = lines(whole_log)
    assert line["mistake"] == mistake


def test_long_texts_are_cut(whole_log: io.StringIO) -> None:
    get_logger("gateway.test").info("long", text="x" * 5000)

    (line,) = lines(whole_log)

    assert line["text"] == "x" * 200 + "... (5000 characters)"


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\u2028", "\u202e", "\0"])
@pytest.mark.parametrize("form", ["json", "console"])
def test_control_characters_cannot_forge_a_line(whole_log: io.StringIO, character: str, form: Any) -> None:
    configure_logging(LogSettings(format=form, level="debug"), stream=whole_log)

    get_logger("gateway.test").info("event", order=f"1{character}forged")
    logging.getLogger("somewhere").warning("a%sb", character)

    written = whole_log.getvalue()
    assert written.count("\n") == 2
    assert all(each.isprintable() or each == "\n" for each in written)
    assert f"u{ord(character):04x}" in written


def test_an_exception_is_logged_by_type_and_place_without_its_message(whole_log: io.StringIO) -> None:
    def fails() -> None:
        raise KeyError("Erika Mustermann")

    def wraps() -> None:
        try:
            fails()
        except KeyError as error:
            raise RuntimeError("secret 4711") from error

    try:
        wraps()
    except RuntimeError:
        get_logger("gateway.test").exception("failed")
        logging.getLogger("library").exception("also failed")

    for line in lines(whole_log):
        assert line["error"] == "RuntimeError"
        assert [entry.rsplit(" ", 1)[-1] for entry in line["traceback"]][-3:] == [
            "test_an_exception_is_logged_by_type_and_place_without_its_message",
            "wraps",
            "RuntimeError",
        ]
        assert "KeyError" in line["traceback"]
    assert "Mustermann" not in whole_log.getvalue()
    assert "4711" not in whole_log.getvalue()


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first

    assert safe_traceback(first) == ["ValueError", "ValueError"]


def test_what_libraries_log_takes_the_same_way_and_httpx_is_quiet(whole_log: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
    logging.getLogger("httpx").info("HTTP Request: GET https://host/?token=secret")
    logging.getLogger("httpx").warning("something")
    logging.getLogger("sqlalchemy.engine").info("INSERT ... secret")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", UserWarning, stacklevel=1)

    assert [line["logger"] for line in lines(whole_log)] == ["uvicorn.error", "httpx", "py.warnings"]
    assert lines(whole_log)[0]["event"] == "Started server process [1]"


def test_the_correlation_id_of_the_request_is_in_every_line(whole_log: io.StringIO) -> None:
    token = correlation.set(b"abc-1")
    get_logger("gateway.test").info("one")
    logging.getLogger("library").info("two")
    correlation.reset(token)
    get_logger("gateway.test").info("three")

    assert [line.get("correlation") for line in lines(whole_log)] == ["abc-1", "abc-1", None]


def test_less_than_the_level_is_not_written(whole_log: io.StringIO) -> None:
    configure_logging(LogSettings(format="json", level="warning"), stream=whole_log)

    get_logger("gateway.test").info("no")
    get_logger("gateway.test").warning("yes")

    assert [line["event"] for line in lines(whole_log)] == ["yes"]


def test_a_terminal_gets_the_readable_form() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    terminal = Terminal()
    configure_logging(LogSettings(), stream=terminal)
    get_logger("gateway.test").info("hello", order="1")
    logging.captureWarnings(capture=False)
    root.handlers, root.level = before, level
    structlog.reset_defaults()

    assert "hello" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
