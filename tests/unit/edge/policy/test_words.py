"""What players tell of their networks is counted by network, and within bounds."""

from ipaddress import ip_address

import pytest

from common.http.fields import Fields
from common.messages import NetworkSeen, network_number
from edge.policy.words import (
    MOST_GATHERED,
    MOST_OF_CLIENT,
    MOST_SAMPLES,
    MOST_TOLD,
    TOLD_EVERY,
    GatheredWords,
    Words,
)


def asking(told: str) -> bytes:
    return f"GET /v/a/1/0.m4s?CMCD={told} HTTP/1.1\r\nHost: cdn.test\r\n\r\n".encode()


def number(address: str) -> int:
    return network_number(ip_address(address))


def clients(count: int) -> list[str]:
    """Of one network each."""
    return [f"10.{each >> 8}.{each & 255}.1" for each in range(count)]


def test_words_are_counted_by_network_and_told_once() -> None:
    words = Words()
    words.hear("203.0.113.1", asking("mtp%3D1000%2Cbl%3D3000"))
    words.hear("203.0.113.2", asking("mtp%3D4000%2Cbl%3D2000%2Cbs"))
    words.hear("203.0.113.2", asking("ot%3Dv"))
    words.hear("203.0.113.3", asking("bl%3D0%2Csu"))
    words.hear("2001:db8:1:2::/64", asking("mtp%3D500"))

    first, second = words.take()
    assert first.throughput == pytest.approx(2_000_000)
    assert first == NetworkSeen(number("203.0.113.9"), 4, 2, first.throughput, 1, 2000)
    assert second.throughput == pytest.approx(500_000)
    assert second == NetworkSeen(number("2001:db8:1:ffff::"), 1, 1, second.throughput, 0)
    assert words.take() == ()


def test_requests_that_tell_nothing_do_not_count() -> None:
    words = Words()
    for request in (b"", asking(""), b"GET /?token=x HTTP/1.1\r\nHost: x\r\n\r\n", bytes(5000)):
        words.hear("203.0.113.1", request)

    assert words.take() == ()


@pytest.mark.parametrize("client", ["", "nonsense", "203.0.113", "203.0.113.1:80", "é", "/"])
def test_who_has_no_address_has_no_network(client: str) -> None:
    words = Words()
    words.hear(client, asking("mtp%3D1000"))

    assert words.take() == ()


def test_one_client_does_not_speak_for_its_network() -> None:
    words = Words()
    for _ in range(MOST_SAMPLES // 2):
        words.hear("203.0.113.66", asking("mtp%3D1%2Cbs"))
    for each in range(1, 41):
        words.hear(f"203.0.113.{each}", asking("mtp%3D8000"))

    (told,) = words.take()
    assert (told.words, told.starving) == (40 + MOST_OF_CLIENT, MOST_OF_CLIENT)
    # By a factor of 8000 it lies, and the mean is a quarter of what it would be.
    assert told.throughput > 1_500_000


def test_of_many_requests_a_part_is_heard_that_is_spread_over_all() -> None:
    words = Words()
    many = clients(16 * MOST_SAMPLES)
    for client in many:
        words.hear(client, asking("mtp%3D1000"))
    assert len(words.take()) == MOST_SAMPLES
    for client in many:
        words.hear(client, asking("mtp%3D1000"))
    told = words.take()

    assert {each.network for each in told} == {number(client) for client in many[::16]}
    # They have become few, and each counts again.
    for client in many[:10]:
        words.hear(client, asking("mtp%3D1000"))
    words.take()
    for client in many[:10]:
        words.hear(client, asking("mtp%3D1000"))
    assert len(words.take()) == 10


def test_a_request_that_was_taken_apart_tells_the_same() -> None:
    whole, apart = Words(), Words()
    fields = [("CMCD-Request", "mtp=1000"), ("cmcd-status", "bs"), ("Host", "cdn.test")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    whole.hear("203.0.113.1", f"GET /x?CMCD=bl=900 HTTP/1.1\r\n{lines}\r\n".encode())
    apart.hear_parsed("203.0.113.1", "/x?CMCD=bl=900", Fields(fields))
    apart.hear_parsed("203.0.113.1", "/x", Fields([("Host", "cdn.test")]))
    apart.hear_parsed("203.0.113.1", "/\udcff?\u20ac", Fields())

    assert apart.take() == whole.take() != ()


def test_what_several_were_told_is_told_together() -> None:
    gathered = GatheredWords()
    gathered.add([NetworkSeen(1, 3, 1, 1e6, 1, 500), NetworkSeen(2, 9, 0, 0.0, 0)])
    gathered.add([NetworkSeen(1, 2, 3, 16e6, 0, 700)])

    first, second = gathered.take(100.0)
    assert first == NetworkSeen(2, 9, 0, 0.0, 0)
    assert second.throughput == pytest.approx(8e6)
    assert second == NetworkSeen(1, 5, 4, second.throughput, 1, 500)


def test_networks_are_told_every_few_seconds() -> None:
    gathered = GatheredWords()
    assert gathered.take(0.0) == ()
    gathered.add([NetworkSeen(1, 1, 0, 0.0, 0)])
    assert len(gathered.take(1.0)) == 1
    gathered.add([NetworkSeen(1, 1, 0, 0.0, 0)])
    assert gathered.take(TOLD_EVERY + 0.9) == ()
    gathered.add([NetworkSeen(1, 1, 0, 0.0, 0)])

    assert gathered.take(TOLD_EVERY + 1.0) == (NetworkSeen(1, 2, 0, 0.0, 0),)


def test_those_that_told_most_go_first_and_the_others_wait() -> None:
    gathered = GatheredWords()
    gathered.add(NetworkSeen(each, 1 + each % 2, 0, 0.0, 0) for each in range(2 * MOST_TOLD))

    first = gathered.take(0.0)
    assert {each.network % 2 for each in first} == {1}
    assert {each.network % 2 for each in gathered.take(TOLD_EVERY)} == {0}
    assert gathered.take(2 * TOLD_EVERY) == ()


def test_only_so_many_networks_wait() -> None:
    gathered = GatheredWords()
    gathered.add(NetworkSeen(each, 1, 0, 0.0, 0) for each in range(MOST_GATHERED + 1000))
    told = sum(len(gathered.take(each * TOLD_EVERY)) for each in range(100))

    assert told == MOST_GATHERED
