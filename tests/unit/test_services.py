"""Ids of resources: as unguessable as any, and in the order in which they were made."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from gateway.services import new_resource_id


def test_an_id_is_a_uuid_of_version_7_without_hyphens():
    before = time.time_ns() // 1_000_000
    made = [new_resource_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000

    assert len(set(made)) == 1000
    for text in made:
        assert text == text.lower()
        value = UUID(hex=text)
        assert value.hex == text
        assert (value.version, value.variant) == (7, RFC_4122)
        assert before <= value.int >> 80 <= after


def test_ids_of_different_milliseconds_sort_as_they_were_made():
    first = new_resource_id()
    deadline = time.monotonic() + 5
    while (second := new_resource_id())[:12] == first[:12]:
        assert time.monotonic() < deadline
    assert first < second
