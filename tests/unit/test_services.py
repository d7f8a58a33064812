"""Ids of resources: as unguessable as any, and in the order in which they were made."""

from __future__ import annotations

import os
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


def test_a_forked_process_makes_ids_of_its_own():
    new_resource_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_resource_id()[13:] for _ in range(20)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    made = os.read(reading, 20 * 19).decode()
    os.close(reading)
    os.close(writing)
    theirs = {made[start : start + 19] for start in range(0, len(made), 19)}
    assert len(theirs) == 20
    assert theirs.isdisjoint(new_resource_id()[13:] for _ in range(300))
