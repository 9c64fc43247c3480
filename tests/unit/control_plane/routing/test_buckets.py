"""How much each client may ask."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.routing import Buckets, bucket_key


def admitted(buckets: Buckets, client: bytes, now: float, *, tries: int) -> int:
    return sum(buckets.take(client, now) == 0 for _ in range(tries))


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(10, 20, secret=1)

    assert admitted(buckets, b"one", 0.0, tries=100) == 20
    assert admitted(buckets, b"one", 0.5, tries=100) == 5
    assert admitted(buckets, b"one", 1000.0, tries=100) == 20


def test_who_is_refused_is_told_when_to_come_back() -> None:
    buckets = Buckets(10, 1, secret=1)
    assert buckets.take(b"one", 0.0) == 0
    wait = buckets.take(b"one", 0.0)

    assert wait == pytest.approx(0.1)
    assert buckets.take(b"one", wait + 1e-9) == 0


def test_who_floods_takes_nobody_else_with_it() -> None:
    buckets = Buckets(10, 20, secret=7)
    for number in range(200):
        admitted(buckets, f"flooder {number}".encode(), 0.0, tries=50)
    calm = [buckets.take(f"viewer {number}".encode(), 0.0) for number in range(2000)]

    assert calm.count(0.0) == 2000


def test_an_emptied_bucket_that_is_shared_stays_no_longer_than_a_burst() -> None:
    """However much its sharers take, a bucket is full again after a burst's time."""
    buckets = Buckets(10, 20, secret=7)
    for number in range(3000):
        admitted(buckets, f"client {number}".encode(), 0.0, tries=20)

    assert admitted(buckets, b"late", 2.1, tries=100) == 20


@settings(max_examples=50)
@given(
    st.floats(1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 0.2), max_size=100),
)
def test_nobody_gets_more_than_rate_and_burst(rate: float, burst: int, pauses: list[float]) -> None:
    buckets, now, taken = Buckets(rate, burst, secret=3), 0.0, 0
    for pause in pauses:
        now += pause
        taken += buckets.take(b"one", now) == 0

    assert taken <= burst + rate * now + 1e-6


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1ff::1", "2001:db8:0:101::2", True),
        ("2001:db8:0:1ff::1", "2001:db8:0:200::1", False),
    ],
)
def test_an_ipv4_address_or_an_ipv6_site_counts_as_one_client(
    one: str, other: str, same: bool
) -> None:
    assert (bucket_key(ip_address(one)) == bucket_key(ip_address(other))) is same
