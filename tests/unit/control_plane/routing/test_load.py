"""How full edges are, and how many viewers they take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing.load import (
    BEGINS,
    FORGOTTEN,
    LIMITS,
    TOLD_AFTER,
    Sent,
    accepted,
    limit,
    open_part,
    told_load,
)

loads = st.floats(0, 3)
averages = st.none() | loads


@pytest.mark.parametrize(
    ("sending", "bandwidth", "processors", "load"),
    [(5e8, 1e9, 0.1, 0.5), (1e8, 1e9, 0.9, 0.9), (5e8, 0, 0.2, 0.2), (3e9, 1e9, 0.2, 3.0)],
)
def test_an_edge_is_as_full_as_what_is_fullest(
    sending: float, bandwidth: float, processors: float, load: float
) -> None:
    assert told_load(sending=sending, bandwidth=bandwidth, processors=processors) == load


@given(loads, averages)
def test_an_edge_takes_all_before_it_is_busy_and_none_at_its_limit(
    load: float, others: float | None
) -> None:
    part = accepted(load, others)

    assert 0 <= part <= 1
    assert (part == 1) or load > BEGINS
    assert (part == 0) == (load >= limit(others))
    assert LIMITS[0] <= limit(others) <= LIMITS[1]


@given(loads, st.floats(0, 0.5), averages)
def test_more_load_never_means_more_viewers_and_a_little_more_never_many_fewer(
    load: float, more: float, others: float | None
) -> None:
    before, after = accepted(load, others), accepted(load + more, others)

    assert 0 <= before - after <= more / (LIMITS[0] - BEGINS) + 1e-9


@given(loads, loads, st.floats(0, 0.5))
def test_busier_others_never_mean_fewer_viewers(load: float, others: float, more: float) -> None:
    assert accepted(load, others + more) >= accepted(load, others)


@given(loads, st.floats(0, 0.5))
def test_a_region_closes_smoothly(load: float, more: float) -> None:
    before, after = open_part(load), open_part(load + more)

    assert 0 <= before - after <= more / 0.13 + 1e-9
    assert (open_part(0.85), open_part(0.98), open_part(2)) == (1.0, 0.0, 0.0)


def test_what_was_sent_adds_up_and_fades() -> None:
    sent = Sent()
    sent.add("eu-1", 4e6, 0.0)
    sent.add("eu-1", 4e6, 0.0)

    assert sent.to("eu-1", 0.0) == 8e6
    assert sent.to("eu-1", TOLD_AFTER) == pytest.approx(8e6 / 2.718281828)
    assert sent.to("eu-2", 0.0) == 0.0


def test_what_has_faded_is_forgotten() -> None:
    sent = Sent()
    sent.add("eu-1", 4e6, 0.0)

    assert sent.to("eu-1", 1000.0) == 0.0
    assert len(sent) == 0


@given(st.lists(st.tuples(st.floats(0, 1e8), st.floats(-100, 100)), max_size=20))
def test_a_clock_that_goes_back_makes_nothing_of_nothing(
    sent_at: list[tuple[float, float]],
) -> None:
    sent = Sent()
    for rate, at in sent_at:
        sent.add("eu-1", rate, at)

    assert 0 <= sent.to("eu-1", -200.0) <= sum(rate for rate, _ in sent_at) * (1 + 1e-9) + FORGOTTEN
