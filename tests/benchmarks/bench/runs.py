"""What every benchmark begins and ends with: its options, a line of JSON for what it found, its exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any, NoReturn


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return what reads the options of the benchmark that says this of itself."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def tell(figures: dict[str, Any], met: str = "met") -> bool:
    """Print the figures as a line of JSON; return what they say under `met`, true where they say nothing."""
    print(json.dumps(figures), flush=True)
    return bool(figures.get(met, True))


def end(met: Iterable[bool]) -> NoReturn:
    """End the process: exit code 1 when something that was measured is not within its bound."""
    sys.exit(0 if all(met) else 1)
