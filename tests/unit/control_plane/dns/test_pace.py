"""How much a network is answered."""

from ipaddress import ip_address

from control_plane.dns import pace
from control_plane.dns.pace import Pace, Verdict

ANSWER, CUT, DROP = Verdict.ANSWER, Verdict.CUT, Verdict.DROP


def test_what_is_too_much_is_told_every_other_time() -> None:
    paced = Pace(3)
    asks = [paced.judge(ip_address(f"192.0.2.{number}"), now=7.5) for number in range(7)]

    assert asks == [ANSWER, ANSWER, ANSWER, DROP, CUT, DROP, CUT]


def test_another_network_is_counted_by_itself() -> None:
    paced = Pace(1)
    addresses = ["192.0.2.1", "192.0.3.1", "2001:db8:0:100::1", "2001:db8:0:200::1", "::c000:201"]

    assert {paced.judge(ip_address(each), now=1.0) for each in addresses} == {ANSWER}
    assert paced.judge(ip_address("2001:db8:0:1ff:ffff::1"), now=1.9) is DROP


def test_every_second_begins_anew() -> None:
    paced, address = Pace(1), ip_address("192.0.2.1")

    assert [paced.judge(address, now=now) for now in (1.0, 1.99, 2.0, 2.5)] == [
        ANSWER, DROP, ANSWER, DROP
    ]  # fmt: skip


def test_a_flood_from_everywhere_takes_no_more_memory() -> None:
    paced = Pace(1)
    for number in range(pace.MOST_NETWORKS):
        paced.judge(ip_address(number << 8), now=1.0)

    assert paced.judge(ip_address("240.0.0.1"), now=1.0) is CUT
    assert paced.judge(ip_address("240.0.0.1"), now=2.0) is ANSWER
