from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.checkouts.waits import SPREAD_MAX, schedule, spread


def test_the_last_wait_repeats():
    assert [schedule((1.0, 5.0), count) for count in (0, 1, 2, 99)] == [1.0, 5.0, 5.0, 5.0]


@given(st.text(), st.floats(0, 10**6))
def test_a_spread_wait_is_never_shorter_and_at_most_a_tenth_longer(seed, wait):
    seed = seed.encode(errors="ignore").decode()
    assert wait <= spread(seed, wait) <= wait * (1 + SPREAD_MAX) * (1 + 1e-9)
    assert spread(seed, wait) == spread(seed, wait)


def test_different_seeds_wait_differently():
    assert len({spread(f"k{number}", 10.0) for number in range(100)}) == 100
