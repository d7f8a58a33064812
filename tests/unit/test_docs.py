"""The documentation says what the code does: generated pages, the commented configuration, links."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gateway.configuration import every_setting, load_settings
from gateway.errors import SettingsError
from gateway.resources import load_mappings, shipped, unknown_mappings
from gateway.settings import MappingSettings, Settings
from scripts.reference.picture import ROOMS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(ROOT.glob("config/examples/*.toml"))


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `scripts` importable, which is not part of the package."""
    monkeypatch.syspath_prepend(str(ROOT))


def test_every_generated_page_is_up_to_date():
    # In a process of its own: what else a test run has imported may change how commands show their help.
    checked = subprocess.run(
        [sys.executable, "-m", "scripts.generate_reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_the_commented_configuration_yields_exactly_the_defaults():
    assert load_settings(ROOT / "config/gateway.toml", {}) == Settings()
    assert shipped("config/gateway.toml").read_text() == (ROOT / "config/gateway.toml").read_text()


def test_every_default_in_the_commented_configuration_is_the_real_one():
    text = (ROOT / "config/gateway.toml").read_text()
    uncommented = re.sub(r"^#(?=[\w\[])", "", text, flags=re.MULTILINE)

    tree = tomllib.loads(uncommented)
    for path, _, default, _ in every_setting():
        node = tree
        for part in path.replace("NAME", "salesforce").split("."):
            node = node[part]
        if path not in {"upstreams.NAME.base_url", "upstreams.NAME.mapping"}:
            assert node == (list(default) if isinstance(default, tuple) else default), path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_of_a_configuration_is_valid(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    text = path.read_text()
    # Secrets are files of the machine it is for; here they are stand-ins.
    for number, name in enumerate(sorted(set(re.findall(r'"FILE:([^"]+)"', text)))):
        secret = tmp_path / f"secret-{number}"
        secret.write_text("postgresql://gateway.database.example.com/gateway" if "database" in name else "secret")
        text = text.replace(f"FILE:{name}", f"FILE:{secret}")
    copied = tmp_path / path.name
    copied.write_text(text)

    settings = load_settings(copied, {})

    assert settings.upstreams
    assert unknown_mappings(settings, load_mappings(MappingSettings())) == []


def test_there_are_examples_and_pages():
    assert len(EXAMPLES) >= 2
    assert len(PAGES) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not target.startswith(("http://", "https://", "#", "mailto:")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_setting_and_mapping_key_is_on_its_page():
    settings_page = (ROOT / "docs/reference/settings.md").read_text()
    for path, *_ in every_setting():
        assert f"| `{path.rpartition('.')[2]}` |" in settings_page, path


def test_a_shipped_file_is_found_in_the_source_tree():
    assert shipped("mappings/salesforce-v4.toml").is_file()
    assert set(load_mappings(MappingSettings())) >= {"salesforce-v4", "tmf622-v4"}


def test_what_the_changelog_calls_missing_is_missing():
    """Whoever builds one of these takes it out of the list."""
    missing = (ROOT / "CHANGELOG.md").read_text().partition("### Not yet")[2]

    assert '`security.mode = "oidc"`' in missing
    with pytest.raises(SettingsError):
        load_settings(None, {"GATEWAY_SECURITY__MODE": "oidc"})


def test_every_benchmark_is_run_by_make_and_described():
    names = {file.stem for file in (ROOT / "tests" / "benchmarks").glob("*.py")}
    (listed,) = re.findall(r"^BENCH \?= (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(listed.split()) == names
    assert (
        set(re.findall(r"^\| `(\w+)\.py", (ROOT / "docs/how-to/measure.md").read_text(), flags=re.MULTILINE)) == names
    )


def test_every_room_of_the_picture_is_a_room_of_the_code_and_the_page_of_the_rooms_has_it() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for name in (name for box in ROOMS for name in box.name.split(", ")):
        assert (ROOT / "gateway" / name).is_dir() or (ROOT / "gateway" / f"{name}.py").is_file(), name
        assert f"`{name}/`" in page or f"`{name}.py`" in page, name


def test_the_texts_of_the_picture_fit_their_boxes_in_any_font() -> None:
    picture = ET.parse(ROOT / "docs" / "flow.svg").getroot()  # noqa: S314 - our own file
    name = "{http://www.w3.org/2000/svg}"
    _, *boxes = [
        {key: float(box.get(key, 0)) for key in ("x", "y", "width", "height")} for box in picture.iter(f"{name}rect")
    ]
    inside = 0
    for text in picture.iter(f"{name}text"):
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        # The widest usual fonts take 0.62 of their size for each letter, bold ones a little more.
        width = len(text.text or "") * 13 * (0.66 if text.get("font-weight") else 0.62)
        for box in boxes:
            if box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"]:
                inside += 1
                assert width < box["width"] - 6, text.text
    assert inside == 2 * len(boxes)


def test_pages_name_files_that_exist():
    named = re.compile(r"`((?:tests|gateway|scripts|docs|mappings|config)/[^`\s]+)`")
    missing = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in PAGES
        if page.name != "CHANGELOG.md"  # tells of files as they were
        for name in named.findall(page.read_text("utf-8"))
        if not any(ROOT.glob(name.rstrip("/")))
    ]
    assert missing == []


def test_the_page_of_the_rooms_names_rooms_that_exist():
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    places = re.findall(r"`([a-z_]+/(?:[a-z_0-9]+/)*(?:[a-z_0-9]+\.py)?)`", text)

    assert len(places) > 20
    assert [place for place in places if not _in_a_room(place)] == []


def _in_a_room(place: str) -> bool:
    return (ROOT / place).exists() or any((ROOT / "gateway").glob(f"**/{place.rstrip('/')}"))
