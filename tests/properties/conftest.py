"""What the tests of order systems that misbehave share."""

from __future__ import annotations

import pytest
from misbehaviour_ends import Kind


@pytest.fixture(params=["drafts", "live"], scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kinds of orders that they play, one after the other."""
    found: Kind = request.param
    return found
