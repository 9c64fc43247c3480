"""How fast bytes are copied."""

from hypothesis import given
from hypothesis import strategies as st

from origin.replicas.pace import AHEAD, Pace


def test_without_a_bound_nobody_waits() -> None:
    assert Pace(0).wait(10**12, 5.0) == 0


def test_bytes_wait_until_those_before_them_have_had_their_time() -> None:
    pace = Pace(8000)

    assert pace.wait(1000, 100.0) == 0
    assert pace.wait(1000, 100.0) == 1
    assert pace.wait(1000, 100.0) == 2
    assert pace.wait(1000, 102.0) == 1


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 10)), max_size=50))
def test_no_more_goes_than_the_rate_allows(pieces: list[tuple[int, float]]) -> None:
    pace, began = Pace(1_000_000), 1000.0
    now, gone = began, 0
    for size, rest in pieces:
        now += rest
        now += pace.wait(size, now)
        gone += size * 8
        assert gone <= 1_000_000 * (now - began + AHEAD) + 1
