"""Filling keeps to its rate, whatever pieces the bytes come in."""

from itertools import cycle

import pytest

from edge.policy.fill_rate import AT_ONCE, FillRate


@pytest.mark.parametrize("pieces", [(1000,), (256_000,), (1, 70_000, 16, 4096)])
@pytest.mark.parametrize("rate", [50_000.0, 2_000_000.0])
def test_over_any_time_no_more_comes_than_the_rate_allows(
    pieces: tuple[int, ...], rate: float
) -> None:
    bucket, now, came = FillRate(), 100.0, 0
    for piece, _ in zip(cycle(pieces), range(3000), strict=False):
        now += bucket.take(piece, rate, now)
        came += piece

        assert came <= rate * (now - 100 + AT_ONCE) * 1.000001

    assert came == pytest.approx(rate * (now - 100 + AT_ONCE))


def test_transfers_at_the_same_time_share_the_rate() -> None:
    bucket = FillRate()
    first, second = (bucket.take(10_000, 10_000, 5.0) for _ in range(2))

    assert [first, second] == pytest.approx([1 - AT_ONCE, 2 - AT_ONCE])


def test_an_idle_time_saves_up_no_more_than_a_moments_worth() -> None:
    bucket = FillRate()
    bucket.take(10_000, 10_000, 0.0)

    assert bucket.take(10_000, 10_000, 3600.0) == pytest.approx(1 - AT_ONCE)


def test_no_rate_is_no_limit_and_leaves_nothing_to_make_up_for() -> None:
    bucket = FillRate()

    assert bucket.take(10**9, 0, 1.0) == 0
    assert bucket.take(100, 10_000, 1.0) == 0


def test_a_rate_that_is_raised_holds_at_once() -> None:
    bucket = FillRate()
    bucket.take(100_000, 1000, 0.0)

    assert bucket.take(1000, 1_000_000, 0.0) < 0.1
