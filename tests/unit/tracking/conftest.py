from __future__ import annotations

import pytest

from gateway.settings import StorageSettings


@pytest.fixture
def storage(sqlite_url):
    """SQLite only: the decisions are the same, and what differs between databases is tested with the stores."""
    return StorageSettings(url=sqlite_url, readers_max=2)
