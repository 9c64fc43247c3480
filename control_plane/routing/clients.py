"""Who asks: the client's address behind proxies that are trusted, and only behind those."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REMEMBERED = 16384
"""Addresses whose texts are remembered; about 5 MB, and 80 characters of each."""
LONGEST_CHAIN = 32
"""Proxies that are looked through; a longer X-Forwarded-For is cut on its left."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks in CIDR notation.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ip_network(text) for text in texts)


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> Address:
    """The address of the client.

    From the right end of the chain of X-Forwarded-For, every address of a trusted proxy is
    skipped; the first one that is not is the client. What stands to the left of it the client may
    have made up. Where an entry is no address, the chain ends.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: the X-Forwarded-For field lines, in order.
        trusted: networks of proxies whose word counts.

    Raises:
        ValueError: ``peer`` is no address.
    """
    client = _address(peer)
    if client is None:
        raise ValueError(f"not an address: {peer!r}")
    chain = ",".join(forwarded_for).rsplit(",", LONGEST_CHAIN)[-LONGEST_CHAIN:]
    while _within(client, trusted) and chain:
        before = _address(chain.pop())
        if before is None:
            break
        client = before
    return client


def _within(address: Address, networks: Sequence[Network]) -> bool:
    for network in networks:  # noqa: SIM110 - a generator takes twice the time of a short loop
        if address in network:
            return True
    return False


def _address(text: str) -> Address | None:
    """The address in ``text``, which may have a port, brackets or a zone; mapped IPv4 is IPv4."""
    return _read(text.strip(" \t")[:80])


@lru_cache(REMEMBERED)
def _read(candidate: str) -> Address | None:
    if candidate.startswith("["):
        candidate = candidate[1:].partition("]")[0]
    elif candidate.count(":") == 1:
        candidate = candidate.partition(":")[0]
    try:
        address = (IPv6Address if ":" in candidate else IPv4Address)(candidate.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
