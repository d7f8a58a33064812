"""A SQLite library that lacks what the statements need is told at the start, in words that help."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.errors import OperatorError
from gateway.settings import StorageSettings
from gateway.storage import open_database
from gateway.storage.sqlite import require_version


@pytest.mark.parametrize("version", [(3, 38, 0), (3, 38, 5), (3, 40, 1), (4, 0, 0)])
def test_a_recent_library_is_fine(version: tuple[int, ...]) -> None:
    require_version(version)


@pytest.mark.parametrize("version", [(3, 37, 2), (3, 31, 1), (2, 99, 99)])
def test_an_old_library_is_refused_with_both_versions(version: tuple[int, ...]) -> None:
    with pytest.raises(OperatorError, match=r"SQLite 3\.38\.0 or later is needed, this Python has " + str(version[0])):
        require_version(version)


def test_no_file_is_made_with_an_old_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    path = tmp_path / "var" / "gateway.db"

    with pytest.raises(OperatorError, match=r"has 3\.34\.1"):
        open_database(StorageSettings(url=f"sqlite:///{path}"))

    assert not path.parent.exists()


@pytest.mark.parametrize("command", ["migrate", "serve", "worker"])
def test_a_command_ends_with_the_reason_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setenv("GATEWAY_STORAGE__URL", f"sqlite:///{tmp_path}/gateway.db")

    result = CliRunner().invoke(main, [command])

    assert result.exit_code == 1
    assert "SQLite 3.38.0 or later is needed, this Python has 3.34.1" in result.output
    assert "Traceback" not in result.output


def test_the_statements_work_with_the_library_of_this_python() -> None:
    with sqlite3.connect(":memory:") as connection:
        row = connection.execute("""SELECT '{"a": [1]}' -> '$.a', json_extract('{"a": 2}', '$.a')""").fetchone()
    connection.close()

    assert row == ("[1]", 2)
