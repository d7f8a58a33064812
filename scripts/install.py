"""Build `.venv` from a locked set of packages, and put this project on top: `install.py runtime` or `install.py dev`.

Runs with any Python that has the standard library. Does nothing when the set is installed already. Two runs at once take
turns (the lock is the operating system's, so a killed run leaves none behind), and a half-built `.venv` is built again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
SETS = ("runtime", "dev")
VERSION_MIN = (3, 11)


def main(arguments: list[str]) -> int:
    """Install the named set; return the exit code."""
    if len(arguments) != 1 or arguments[0] not in SETS:
        print(f"usage: install.py {'|'.join(SETS)}", file=sys.stderr)
        return 2
    wanted = arguments[0]
    with one_at_a_time():
        if is_installed(wanted):
            return 0
        try:
            build(wanted)
        except subprocess.CalledProcessError as error:
            print(f"The installation failed (exit code {error.returncode}); run it again to go on.", file=sys.stderr)
            return 1
    return 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the lock of this tree's `.venv`."""
    with (ROOT / ".venv.lock").open("w") as file:
        try:
            import fcntl  # noqa: PLC0415 - not on every operating system
        except ImportError:
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fingerprint(name: str) -> str:
    """Return what an installed set is known by: its lock file, and the project's own metadata."""
    digest = hashlib.sha256()
    for path in (ROOT / "requirements" / f"{name}.txt", ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stamp(name: str) -> Path:
    """Return the file that says which version of a set is installed."""
    return VENV / f".installed-{name}"


def is_installed(name: str) -> bool:
    """Tell whether the set, or the one that includes it, is there as locked."""
    including = SETS[SETS.index(name) :]
    return any(stamp(each).is_file() and stamp(each).read_text() == fingerprint(each) for each in including)


def build(name: str) -> None:
    """Create `.venv` when it is missing or does not work, and install the set."""
    python = VENV / "bin" / "python"
    if not works(python):
        print(f"building .venv with Python {sys.version.split()[0]}", file=sys.stderr)
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)])
    print(f"installing requirements/{name}.txt: this takes about a minute the first time", file=sys.stderr)
    # Twice quiet: errors alone. What a package index of the machine lacks is of no interest to who waits for this.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / f"{name}.txt")])
    # Everything that building needs is in the set, so that this step asks no index for anything.
    run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)])
    partial = stamp(name).with_suffix(".partial")
    partial.write_text(fingerprint(name))
    partial.replace(stamp(name))


def works(python: Path) -> bool:
    """Tell whether `.venv` has a new enough Python with pip."""
    if not python.exists():
        return False
    check = f"import sys, pip; sys.exit(sys.version_info < {VERSION_MIN})"
    return subprocess.run([str(python), "-c", check], check=False, capture_output=True).returncode == 0


def run(command: list[str]) -> None:
    """Run a command, without the environment of another project's Python."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
