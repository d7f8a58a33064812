"""The environment of a gateway that a test starts: nothing of the test run's own settings leaks into it."""

from __future__ import annotations

import os


def child_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what the gateway would take for settings, and `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")} | more
