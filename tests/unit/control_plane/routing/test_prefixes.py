"""Networks in which addresses are, and what is no network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing.clients import Address, Network
from control_plane.routing.prefixes import Prefixes, carried, parse_network


def table(*networks: str) -> Prefixes[str]:
    made: Prefixes[str] = Prefixes()
    for network in networks:
        made.add(parse_network(network), network)
    return made


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.4", "10.1.2.0/24"),
        ("10.1.3.4", "10.0.0.0/8"),
        ("11.0.0.0", "0.0.0.0/0"),
        ("2001:db8::1", "2001:db8::/32"),
        ("2001:db9::1", None),
        ("::ffff:10.1.2.4", "10.1.2.0/24"),
        ("64:ff9b::10.1.2.4", "10.1.2.0/24"),
        ("2002:a01:204::1", "2002:a01:204::/48"),
        ("2002:a01:205::1", "10.1.2.0/24"),
    ],
)
def test_the_longest_prefix_counts(address: str, network: str | None) -> None:
    networks = ("10.0.0.0/8", "0.0.0.0/0", "10.1.2.3", "10.1.2.0/24", "2001:db8::/32")

    found = table(*networks, "2002:a01:204::/48").find(ip_address(address))

    assert found == (network if network != "10.1.2.3/32" else "10.1.2.3")


def test_what_is_added_first_stays() -> None:
    made = table("10.0.0.0/8")

    assert made.add(ip_network("10.0.0.0/8"), "other") == "10.0.0.0/8"
    assert (len(made), made.find(ip_address("10.1.1.1"))) == (1, "10.0.0.0/8")


def test_an_empty_table_finds_nothing() -> None:
    assert table().find(ip_address("10.0.0.1")) is table().find(ip_address("::1")) is None


NETWORKS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
            lambda told: ip_network((IPv4Address(told[0]), told[1]), strict=False)
        ),
        st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 16)).map(
            lambda told: ip_network((IPv6Address(told[0] << 112), told[1]), strict=False)
        ),
    ),
    max_size=20,
)
ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**16 - 1).map(lambda number: IPv6Address(number << 112 | 1)),
)


@given(networks=NETWORKS, address=ADDRESSES)
def test_it_finds_what_looking_at_all_finds(networks: list[Network], address: Address) -> None:
    made: Prefixes[Network] = Prefixes()
    for network in networks:
        made.add(network, network)
    around = [network for network in networks if address in network]

    if carried(address) is None:
        expected = max(around, key=lambda network: network.prefixlen, default=None)
        assert made.find(address) == expected
    assert len(made) == len(set(networks))


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("2002:c000:201::1", "192.0.2.1"),
        # RFC 4380 §4: the client's address is inverted.
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),
        ("2001:db8::1", None),
        ("64:ff9b:1::192.0.2.1", None),
        ("::192.0.2.1", None),
        ("::", None),
        ("192.0.2.1", None),
    ],
)
def test_ipv4_addresses_are_carried_by_some_ipv6_addresses(text: str, inner: str | None) -> None:
    assert carried(ip_address(text)) == (ip_address(inner) if inner else None)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:0:0/95", None),
    ],
)
def test_networks(text: str, network: str | None) -> None:
    if network is None:
        with pytest.raises(ValueError, match="bits after its prefix"):
            parse_network(text)
    else:
        assert parse_network(text) == ip_network(network)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "/24", "192.0.2/24", "1.2.3.4.5"),
        *("192.0.2.0/255.255.255.0", "192.0.2.0/0.0.0.255", "2001:db8::/129", "fe80::%eth0/64"),
        *(" 192.0.2.0/24", "192.0.2.0/24\n", "192.0.2.0/٢٤", "192.0.02.0/24", "3221225984/24"),
        "::" * 1000,
    ],
)
def test_what_is_no_network_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no network such as") as caught:
        parse_network(text)
    assert len(str(caught.value)) < 250


def test_bits_after_the_prefix_are_told_with_the_network_that_is_meant() -> None:
    with pytest.raises(ValueError, match=r"the network is 192\.0\.2\.0/24$"):
        parse_network("192.0.2.7/24")
