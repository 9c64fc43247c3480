"""What one client may ask, and how many may be there."""

import hypothesis
import pytest
from hypothesis import strategies as st

from edge.policy.limits import (
    MOST_CLIENTS,
    ConnectionCounts,
    Pace,
    RequestRate,
    client_group,
    plain_address,
)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(address: str, group: str) -> None:
    assert client_group(address) == group


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_an_address_has_one_form_whichever_socket_it_came_to(address: str, plain: str) -> None:
    assert plain_address(address) == plain


@hypothesis.given(
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
    st.floats(0.5, 50),
    st.integers(1, 20),
)
def test_no_more_is_admitted_than_rate_and_burst_allow(
    pauses: list[float], per_second: float, burst: int
) -> None:
    rate = RequestRate(per_second, burst)
    now, admitted = 0.0, 0
    for pause in pauses:
        now += pause
        admitted += rate.admits("a", now)
        assert admitted <= burst + now * per_second + 1e-6


def test_a_burst_is_admitted_at_once_after_a_pause() -> None:
    rate = RequestRate(1.0, 5)

    assert [rate.admits("a", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert [rate.admits("a", 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_one_client_takes_nothing_from_another() -> None:
    rate = RequestRate(1.0, 1)
    rate.admits("a", 0.0)

    assert rate.admits("b", 0.0)


def test_a_clock_that_goes_back_admits_nothing_more() -> None:
    rate = RequestRate(1.0, 1)
    rate.admits("a", 100.0)

    assert not rate.admits("a", 50.0)


def test_only_so_many_clients_are_remembered() -> None:
    rate = RequestRate(1.0, 1)
    for number in range(MOST_CLIENTS + 1):
        rate.admits(str(number), 0.0)

    assert rate.admits("0", 0.0)
    assert not rate.admits(str(MOST_CLIENTS), 0.0)


def test_connections_are_counted_in_all() -> None:
    counts = ConnectionCounts(2, None)

    assert [counts.admits(client) for client in "abc"] == [True, True, False]
    counts.left("a")
    assert counts.admits("c")


def test_connections_of_one_client_are_counted() -> None:
    counts = ConnectionCounts(100, 1)

    assert [counts.admits(client) for client in "aab"] == [True, False, True]
    counts.left("a")
    assert counts.admits("a")
    assert counts.open == 2


def test_who_is_quick_enough_on_average_may_go_on() -> None:
    pace = Pace(100, 10.0)

    assert pace.holds(0, 9.0), "it is too early to tell"
    assert pace.left == 1.0
    assert pace.holds(1000, 1.0)
    assert pace.left == 10.0


def test_who_is_too_slow_may_not_go_on_however_quick_it_was_before() -> None:
    pace = Pace(100, 10.0)

    assert pace.holds(1_000_000, 10.0)
    assert pace.holds(500, 5.0)
    assert not pace.holds(499, 5.0)


def test_without_a_rate_nobody_is_too_slow() -> None:
    assert Pace(0, 1.0).holds(0, 1000.0)


def test_an_admission_that_is_taken_back_may_be_used_once_more() -> None:
    rate = RequestRate(0.001, 2)
    assert [rate.admits("a", 1.0) for _ in range(3)] == [True, True, False]

    rate.take_back("a")

    assert [rate.admits("a", 1.0) for _ in range(2)] == [True, False]
