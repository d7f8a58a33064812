"""Each environment variable that the documentation names works as it says: one that is not a setting is not taken for one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.configuration import RESERVED, load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = {name for page in PAGES for name in re.findall(r"\bGATEWAY_[A-Z][A-Z_]*[A-Z]\b", page.read_text("utf-8"))}
VALUES = {"PORT": "8001", "URL": "sqlite:///x.db", "BASE_URL": "http://127.0.0.1:1/x", "MAPPING": "tmf622-v4"}


def test_the_documentation_names_variables() -> None:
    assert {"GATEWAY_CONFIG", "GATEWAY_CLIENT_TOKEN"} <= NAMED


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_documented_variable_is_understood(name: str) -> None:
    head, is_of_upstream, last = name.rpartition("__")
    # An upstream is a whole: its other half stands beside.
    halves = {f"{head}__BASE_URL": VALUES["BASE_URL"], f"{head}__MAPPING": VALUES["MAPPING"]}
    beside = halves if "UPSTREAMS" in head and is_of_upstream else {}
    value = VALUES.get(last, "some-text")
    settings = load_settings(None, {**beside, name: value})
    assert name in RESERVED or settings != load_settings(None, {})


def test_a_token_that_is_exported_for_the_host_lets_every_command_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = tmp_path / "gateway.toml"
    configuration.write_text("", "utf-8")
    monkeypatch.setenv("GATEWAY_CLIENT_TOKEN", "ops")
    monkeypatch.setenv("GATEWAY_CONFIG", str(configuration))
    answer = CliRunner().invoke(main, ["config", "check"])
    assert answer.exit_code == 0, answer.output
