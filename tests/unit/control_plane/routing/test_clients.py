"""Whose address counts."""

from ipaddress import ip_address

import pytest

from control_plane.routing import client_address, parse_networks

TRUSTED = parse_networks(["10.0.0.0/8", "127.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="no proxy"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="forged by the peer"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="told by a proxy"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="the proxy itself"),
        pytest.param(
            "10.0.0.1", ["1.2.3.4, 198.51.100.1, 10.0.0.2"], "198.51.100.1", id="chain of proxies"
        ),
        pytest.param(
            "10.0.0.1", ["1.2.3.4", "198.51.100.1", "10.9.9.9"], "198.51.100.1", id="many lines"
        ),
        pytest.param("10.0.0.1", ["198.51.100.1:5000"], "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1", id="brackets and port"),
        pytest.param("10.0.0.1", ["2001:db8::1"], "2001:db8::1", id="IPv6"),
        pytest.param("10.0.0.1", ["fe80::1%eth0"], "fe80::1", id="zone"),
        pytest.param("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="mapped proxy"),
        pytest.param("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="mapped client"),
        pytest.param("10.0.0.1", ["unknown"], "10.0.0.1", id="no address"),
        pytest.param("10.0.0.1", ["198.51.100.1, garbage"], "10.0.0.1", id="garbage next to us"),
        pytest.param("10.0.0.1", ["garbage, 198.51.100.1"], "198.51.100.1", id="garbage beyond"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="empty"),
        pytest.param("10.0.0.1", [", ,"], "10.0.0.1", id="commas"),
        pytest.param("10.0.0.1", ["9" * 100_000], "10.0.0.1", id="huge"),
        pytest.param(
            "10.0.0.1", ["1.1.1.1," * 10_000 + "198.51.100.1"], "198.51.100.1", id="long chain"
        ),
        pytest.param("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2", id="proxies all the way"),
    ],
)
def test_client_address(peer: str, forwarded_for: list[str], client: str) -> None:
    assert client_address(peer, forwarded_for, TRUSTED) == ip_address(client)


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("127.0.0.1", ["1.2.3.4"], ()) == ip_address("127.0.0.1")


def test_a_peer_without_an_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an address"):
        client_address("unix", [], TRUSTED)
