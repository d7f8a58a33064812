"""What is shipped: the wheel, the lock files, the image, and how they are installed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from child_environment import child_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_holds_what_the_commands_need_and_nothing_else(wheel: Path):
    names = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}

    for name in ("config/gateway.toml", "mappings/salesforce-v4.toml", "mappings/tmf622-v4.toml"):
        assert f"gateway/_shipped/{name}" in names
    for name in (
        "py.typed",
        "demo/cart.json",
        "storage/migrations/env.py",
        "storage/migrations/versions/0001_first_schema.py",
    ):
        assert f"gateway/{name}" in names
    assert {name.split("/")[0] for name in names} == {
        "gateway",
        *(n.split("/")[0] for n in names if ".dist-info/" in n),
    }
    assert not [name for name in names if name.endswith((".pyc", ".db")) or "__pycache__" in name]


def test_the_wheel_finds_its_files_without_the_tree(wheel: Path, tmp_path: Path):
    environment = child_environment()

    # The unpacked wheel comes before the tree that is installed for development.
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import gateway.resources as r; print(r.shipped('mappings')); print(r.shipped('config'))",
        ],
        check=True,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.split() == [str(wheel / "gateway/_shipped/mappings"), str(wheel / "gateway/_shipped/config")]

    for command in (["--help"], ["config", "check"], ["migrate"]):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", *command],
            check=False,
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(wheel)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "var/gateway.db").is_file()


def locked(name: str) -> dict[str, str]:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_every_package_is_pinned_with_hashes_and_no_host_is_named(name: str):
    text = (ROOT / f"requirements/{name}.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text)

    assert len(entries) >= 40
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert not re.search(r"https?://|file:|--index|--find-links|--trusted", text)


def test_what_is_shipped_is_what_is_tested():
    runtime, dev = locked("runtime"), locked("dev")

    assert runtime.items() <= dev.items()
    assert {"pytest", "ruff", "mypy"} <= dev.keys() - runtime.keys()


def test_every_dependency_of_the_package_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=!~]", line)[0].lower() for line in project["dependencies"]}

    assert names <= locked("runtime").keys()


def test_the_image_names_no_index_and_runs_without_rights():
    text = (ROOT / "Dockerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]

    assert len(stages) == 2
    assert "USER 10001" in stages[-1]
    assert "/livez" in stages[-1]
    assert "--require-hashes" in stages[0]
    assert not re.search(r"https?://(?!127\.0\.0\.1)|--index|--trusted", text)
    # What the image set would win over a mounted configuration.
    assert "GATEWAY_" not in re.sub(r"#.*|HEALTHCHECK(.*\n)+?(?=ENTRYPOINT)", "", text)
    # What the build copies is what the ignore file lets through.
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY ((?!--from).*) \S+$", stages[0], re.MULTILINE) for word in line.split()
    }
    assert {path.split("/")[0] for path in copied} == allowed


class TestInstall:
    @pytest.fixture
    def install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Return the installer at work in a tree of its own, with its commands recorded instead of run."""
        monkeypatch.syspath_prepend(str(ROOT))
        from scripts import install

        (tmp_path / "requirements").mkdir()
        for name in ("runtime", "dev"):
            (tmp_path / f"requirements/{name}.txt").write_text(name)
        (tmp_path / "pyproject.toml").write_text("")
        commands: list[list[str]] = []

        def run(command: list[str]) -> None:
            commands.append(command)
            if command[1:3] == ["-m", "venv"]:
                (tmp_path / ".venv").mkdir()

        monkeypatch.setattr(install, "ROOT", tmp_path)
        monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
        monkeypatch.setattr(install, "run", run)
        monkeypatch.setattr(install, "works", lambda python: python.parent.parent.is_dir())
        install.commands = commands
        return install

    def test_it_builds_once(self, install, capsys: pytest.CaptureFixture[str]):
        assert install.main(["runtime"]) == 0
        assert len(install.commands) == 3
        assert "--require-hashes" in install.commands[1]
        # Whoever waits for a first start is told how long, and nothing of what an index of the machine lacks.
        assert all(command.count("--quiet") == 2 for command in install.commands[1:])
        assert "this takes about a minute the first time" in capsys.readouterr().err

        assert install.main(["runtime"]) == 0
        assert len(install.commands) == 3

    def test_the_larger_set_serves_for_the_smaller_one_and_not_the_other_way_round(self, install):
        install.main(["dev"])
        done = len(install.commands)
        install.main(["runtime"])
        assert len(install.commands) == done

        install.stamp("dev").unlink()
        install.main(["runtime"])
        install.main(["dev"])
        assert len(install.commands) == done + 4

    @pytest.mark.parametrize("changed", ["requirements/runtime.txt", "pyproject.toml"])
    def test_a_changed_lock_file_is_installed(self, install, tmp_path: Path, changed: str):
        install.main(["runtime"])
        (tmp_path / changed).write_text("changed")

        install.main(["runtime"])

        assert len(install.commands) == 5

    def test_a_failed_installation_is_not_taken_for_done(self, install, monkeypatch: pytest.MonkeyPatch):
        def fail(command: list[str]) -> None:
            raise subprocess.CalledProcessError(7, command)

        monkeypatch.setattr(install, "run", fail)
        assert install.main(["runtime"]) == 1
        assert not install.is_installed("runtime")

    def test_wrong_usage_exits_2(self, install):
        assert install.main([]) == 2
        assert install.main(["everything"]) == 2


def imported_modules(path: Path) -> set[str]:
    """Return every name under `gateway` that a file imports, with the modules above it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_nothing_is_shipped_that_only_tests_use():
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "gateway").rglob("*.py")
        if path.name != "__init__.py" and "migrations" not in path.parts
    }
    used = {name for path in (ROOT / "gateway").rglob("*.py") for name in imported_modules(path)}
    text = (ROOT / "gateway" / "cli.py").read_text()

    # The command line loads its commands by name when they are asked for; the sandbox is a module that is run.
    started = {name for name in files if name.endswith("__main__") or f'"{name}' in text or name == "gateway.cli"}
    assert files.keys() - used - started == set()
