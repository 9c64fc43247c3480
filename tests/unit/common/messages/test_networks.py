"""Networks of clients have numbers, which fit into what is told of them."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import MessageInvalid, NetworkSeen, decode, encode, network_number, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("0.0.0.0", "0.0.0.0/24"),
        ("255.255.255.255", "255.255.255.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::", "::/48"),
        ("::1", "::/48"),
        ("ffff:ffff:ffff:ffff::", "ffff:ffff:ffff::/48"),
    ],
)
def test_an_address_is_in_a_network(address: str, network: str) -> None:
    assert str(network_of(network_number(ip_address(address)))) == network


@given(
    st.one_of(
        st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda one: int(one) >> 32 != 65535)
    )
)
def test_every_address_is_in_the_network_that_its_number_names(
    address: IPv4Address | IPv6Address,
) -> None:
    number = network_number(address)
    assert address in network_of(number)
    seen = NetworkSeen(number, 1, 1, 1e6, 0)
    assert decode(encode(seen), NetworkSeen) == seen


@pytest.mark.parametrize("number", [1 << 24, 1 << 47, (1 << 48) - 1])
def test_other_numbers_name_none(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        network_of(number)


@pytest.mark.parametrize(
    "told",
    [
        b"[-1,1,1,1,0]",
        b"[562949953421312,1,1,1,0]",
        b"[1,-1,1,1,0]",
        b"[1,1,1,-1,0]",
        b"[1,1,1,1e11,0]",
        b"[1,1,1,1,0,-5]",
        b"[1,1]",
        b"{}",
    ],
)
def test_what_cannot_be_is_refused(told: bytes) -> None:
    with pytest.raises(MessageInvalid):
        decode(told, NetworkSeen)
